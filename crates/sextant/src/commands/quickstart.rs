//! `sextant quickstart`: from nothing to a running server, a key, and the developers of a git history.

use super::{Context, ingest};
use crate::backend::{Backend, Remote, Request, local_answer};
use crate::config::Config;
use crate::output;
use crate::serve::Server;
use anyhow::{Context as _, Result};
use http::Method;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The prefix that the published pages use.
const BASE: &str = "/gateway/sei/api";

pub(super) async fn run(
    config: &Config,
    context: &Context,
    repo: Option<PathBuf>,
    exit: bool,
) -> Result<ExitCode> {
    let server = Server::start(config, &context.system).await?;
    let work = async {
        if is_in_use(&server).await? {
            output::line(&in_use(config, &server))?;
        } else {
            begin(config, context, &server, repo).await?;
        }
        Ok(())
    };
    // A long history need not be sent to its end before the server can be stopped.
    let worked: Option<Result<()>> = tokio::select! {
        done = work => Some(done),
        () = server.until_signal() => None,
    };
    if !exit && matches!(worked, Some(Ok(()))) {
        server.until_signal().await;
    }
    let code = server.finish().await;
    worked.unwrap_or(Ok(())).map(|()| code)
}

/// Whether anybody began to use this installation: then nothing is added to it.
async fn is_in_use(server: &Server) -> Result<bool> {
    let sextant = &server.sextant;
    Ok(!sextant.needs_admin().await? || sextant.key_count() > 0 || sextant.directory().version.is_some())
}

fn in_use(config: &Config, server: &Server) -> String {
    let data = config.data.display();
    let public = &server.public_url;
    format!(
        "\nThe data directory {data} is in use; it stays as it is.\n\n\
         console    {public}/\n\
         API        {public}{BASE}/v2/…\n\
         new key    sextant keys create --data {data} --name NAME --role ingestion\n"
    )
}

async fn begin(config: &Config, context: &Context, server: &Server, repo: Option<PathBuf>) -> Result<()> {
    server.sextant.install_default_mapping().await.context("cannot save the default field mappings")?;
    let request = Request::new(Method::POST, "/v2/api-keys").json(json!({
        "name": "quickstart",
        "description": "Made by `sextant quickstart`",
        "role": "INGESTION",
    }));
    let minted = local_answer(&server.api, request).await.context("cannot make a key")?;
    let key = minted["key"].as_str().context("the new key was not answered")?;

    let sent = history(context, server, key, repo.as_deref()).await?;
    let curl = format!("curl -H \"x-api-key: {key}\" {}{BASE}/v2/developers/schema", server.public_url);
    let link = server.setup_link.as_ref().map_or_else(String::new, |link| format!("set it up  {link}\n"));
    output::line(&format!(
        "\n{sent}\n\n\
         console    {}/\n\
         {link}\
         data       {}\n\n\
         The key `quickstart` may send engineering data and is shown only here. Try it:\n\n\
         {curl}\n",
        server.public_url,
        config.data.display(),
    ))
}

/// Sends a history as anybody would, and says what came of it. Without a repository there is nothing to send.
async fn history(context: &Context, server: &Server, key: &str, repo: Option<&Path>) -> Result<String> {
    let folder = repo.unwrap_or(Path::new(".")).to_owned();
    let history = match ingest::read(folder, &context.system).await {
        Ok(history) => history,
        Err(error) => {
            return Ok(format!("No developers yet: {error}. `sextant ingest git` sends a history later."));
        }
    };
    let backend = Backend::Remote(Remote::new(&server.local_url, key, true)?);
    let summary =
        ingest::send(&backend, &history, &context.system).await.context("cannot send the git history")?;
    let counted = |field: &str, one: &str| {
        let number = summary[field].as_u64().unwrap_or_default();
        format!("{number} {one}{}", if number == 1 { "" } else { "s" })
    };
    Ok(format!(
        "{} from {} were sent through the public API ({} and {} without a usable address left out).",
        counted("authors", "developer"),
        counted("commits", "commit"),
        counted("bots", "bot"),
        counted("skipped", "commit"),
    ))
}
