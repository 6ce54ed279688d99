//! Being told that something was committed, where the database can tell: PostgreSQL notifies. A wake-up is a hint and may be lost; the change number is the truth.

use super::{Db, Pools, Transactional, args};
use crate::error::StoreError;
use sqlx::postgres::{PgListener, PgPool};
use std::time::Duration;
use tokio::sync::watch;

/// The channel; notifications stay within one database.
const CHANNEL: &str = "sextant_change";
/// How long to wait before trying to listen again.
const AGAIN: Duration = Duration::from_secs(1);

/// What has been heard.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    listening: bool,
    times: u64,
}

/// Tells when something was committed by whomever.
#[derive(Debug)]
pub struct Wakeups(watch::Receiver<Heard>);

impl Wakeups {
    /// Whether somebody would be told at this moment. `false`: only asking tells.
    pub fn are_heard(&self) -> bool {
        self.0.borrow().listening
    }

    /// Waits for the next commit; or for ever, where nobody tells.
    pub async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Db {
    /// Begins to listen, until what is answered is dropped.
    pub(crate) fn wakeups(&self) -> Wakeups {
        let (teller, ears) = watch::channel(Heard::default());
        if let Pools::Postgres(pool) = &self.pools {
            let pool = pool.clone();
            drop(self.beside(async move {
                tokio::select! {
                    () = teller.closed() => {}
                    () = listen(&pool, &teller) => {}
                }
            }));
        }
        Wakeups(ears)
    }
}

impl Transactional {
    /// Wakes whoever listens, when this transaction commits.
    pub(crate) async fn wake(&mut self) -> Result<(), StoreError> {
        if self.notifies() {
            self.execute("select pg_notify($1, '')", args![CHANNEL]).await?;
        }
        Ok(())
    }
}

async fn listen(pool: &PgPool, teller: &watch::Sender<Heard>) {
    loop {
        // Whatever ended it, something may have been missed meanwhile: the end is a wake-up, too.
        if let Err(error) = listen_once(pool, teller).await {
            tracing::debug!(%error, "not told of commits for a moment; asking instead");
        }
        tell(teller, false);
        tokio::time::sleep(AGAIN).await;
        if pool.is_closed() {
            return;
        }
    }
}

async fn listen_once(pool: &PgPool, teller: &watch::Sender<Heard>) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    tell(teller, true);
    while listener.try_recv().await?.is_some() {
        tell(teller, true);
    }
    Ok(())
}

fn tell(teller: &watch::Sender<Heard>, listening: bool) {
    teller.send_modify(|heard| *heard = Heard { listening, times: heard.times.wrapping_add(1) });
}
