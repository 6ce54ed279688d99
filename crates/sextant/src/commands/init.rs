//! `sextant init`: everything that the first start makes, without starting.

use crate::config::Config;
use crate::data::{self, Absent};
use crate::flags::OutputFlags;
use crate::high_water::Rollback;
use crate::output;
use crate::serve::{reachable, setup_link};
use crate::wiring::System;
use anyhow::Result;
use serde_json::json;
use std::net::ToSocketAddrs;
use std::process::ExitCode;

pub(super) async fn run(
    config: &Config,
    system: &System,
    new_link: bool,
    output: OutputFlags,
) -> Result<ExitCode> {
    let sextant =
        data::open(config, system, Absent::Make).await?.sextant(system, None, Rollback::Refuse).await?;
    let token = sextant.first_link(new_link).await;
    let needs_admin = sextant.needs_admin().await;
    sextant.finish().await;
    let link = token?.map(|token| setup_link(&public_url(config), token.reveal()));
    if link.is_none() {
        output::note(if needs_admin? {
            "a set-up link waits already; `sextant init --new-link` makes another, and the one before stops working"
        } else {
            "there is somebody who can sign in, so no set-up link is made; an Account Admin can add people"
        });
    }
    let done = json!({
        "dataDirectory": config.data.display().to_string(),
        "database": config.location.describe(),
        "setupLink": link,
    });
    output.print(&done, output::fields)?;
    Ok(ExitCode::SUCCESS)
}

/// Where the server will be reached, as far as that is known without starting it.
fn public_url(config: &Config) -> String {
    config.public_url.clone().unwrap_or_else(|| {
        let address = config.listen.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
        let shown = address.map_or_else(|| config.listen.clone(), |address| reachable(address).to_string());
        format!("{}://{shown}", config.scheme())
    })
}
