//! The server from start to stop: `serve`, and `quickstart` before and after what it does of its own.

use crate::config::Config;
use crate::connection::Shared;
use crate::data::{self, Absent, Locks};
use crate::listen::{self, Workers};
use crate::node;
use crate::nudge;
use crate::output;
use crate::tls::Certificate;
use crate::usage;
use crate::wiring::{self, System};
use anyhow::{Context, Result};
use sextant_api::{Api, Options};
use sextant_core::code::Code;
use sextant_service::{FirstAdmin, Sextant};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Mutex;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const ADMIN_EMAIL: &str = "SEXTANT_ADMIN_EMAIL";
const ADMIN_PASSWORD: &str = "SEXTANT_ADMIN_PASSWORD";

/// A running server.
pub(crate) struct Server {
    /// The use cases.
    pub(crate) sextant: Arc<Sextant>,
    /// What answers requests.
    pub(crate) api: Api,
    /// Where this machine reaches it, such as `http://127.0.0.1:7117`.
    pub(crate) local_url: String,
    /// Where people reach it.
    pub(crate) public_url: String,
    /// The link that was made for the first administrator at this start.
    pub(crate) setup_link: Option<String>,
    workers: Workers,
    stop: CancellationToken,
    jobs: CancellationToken,
    tasks: TaskTracker,
    signals: Mutex<Signals>,
    _locks: Locks,
}

/// What the system tells a server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Serves until it is told to stop.
pub(crate) async fn run(config: &Config, system: &System) -> Result<ExitCode> {
    let server = Server::start(config, system).await?;
    server.until_signal().await;
    Ok(server.finish().await)
}

impl Server {
    /// Opens everything and answers requests; prints the ready line.
    pub(crate) async fn start(config: &Config, system: &System) -> Result<Self> {
        let mut signals = Signals::new()?;
        tokio::select! {
            // A first start can take a while; whoever stops it need not wait for its end.
            () = signals.stop() => anyhow::bail!("stopped before it was ready"),
            started = Self::open(config, system) => started,
        }
        .map(|parts| parts.with(signals))
    }

    async fn open(config: &Config, system: &System) -> Result<Parts> {
        wiring::raise_file_limit();
        // Whatever can be refused is refused before anything is made.
        let certificate = config.tls.as_ref().map(|(cert, key)| Certificate::load(cert, key)).transpose()?;
        let bound = listen::bind(&config.listen)?;
        data::directory(&config.data, Absent::Make)?;
        let locks = data::lock_for_serving(config)?;
        let node = node::name(&config.data, &locks.folder, system)?;
        let sextant = data::open(config, system, Absent::Make)
            .await?
            .sextant(system, Some(node), config.rollback)
            .await?;
        let address = bound.address()?;
        let local_url = format!("{}://{}", config.scheme(), reachable(address));
        let public_url = config.public_url.clone().unwrap_or_else(|| local_url.clone());
        let (jobs, tasks) = (CancellationToken::new(), TaskTracker::new());
        sextant.start(!config.is_shared(), &jobs, &tasks).await.context("cannot start")?;
        nudge::watch(config.data.clone(), &sextant);
        let setup_link = install_first_admin(&sextant, &public_url).await?;

        let options = Options {
            public_url: config.public_url.clone(),
            trusted_proxies: config.trusted_proxies.clone(),
            tls: config.tls.is_some(),
            access_log: config.access_log,
        };
        let api = Api::new(sextant.clone(), options);
        let shared = Arc::new(Shared {
            api: api.clone(),
            sextant: sextant.clone(),
            tls: certificate.as_ref().map(|certificate| TlsAcceptor::from(certificate.server_config())),
            header_timeout: config.header_timeout,
        });
        tasks.spawn(reload_on_hangup(signal(SignalKind::hangup())?, certificate, jobs.clone()));
        let stop = CancellationToken::new();
        let listener = bound.listen()?;
        let workers = listen::start(&listener, config.threads, config.max_connections, &shared, &stop)?;
        output::line(&format!("listening on {}://{address}", config.scheme()))?;
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            %address,
            threads = config.threads,
            keys = sextant.key_count(),
            database = %config.location.describe(),
            "ready"
        );
        Ok(Parts { sextant, api, local_url, public_url, setup_link, workers, stop, jobs, tasks, locks })
    }

    /// Waits for SIGTERM or SIGINT.
    pub(crate) async fn until_signal(&self) {
        self.signals.lock().await.stop().await;
    }

    /// Finishes what is under way, writes everything down and ends. Another signal ends at once.
    pub(crate) async fn finish(self) -> ExitCode {
        tracing::info!("stopping");
        let Self { sextant, workers, stop, jobs, tasks, signals, .. } = self;
        let mut signals = signals.into_inner();
        let orderly = async {
            stop.cancel();
            let joined = tokio::task::spawn_blocking(move || workers.join()).await;
            if let Err(error) = joined {
                tracing::error!(%error, "could not wait for the threads that answer requests");
            }
            jobs.cancel();
            tasks.close();
            tasks.wait().await;
            sextant.finish().await;
        };
        tokio::select! {
            () = orderly => {
                tracing::info!("stopped");
                ExitCode::SUCCESS
            }
            () = signals.stop() => {
                tracing::warn!("stopped at once by a second signal; requests under way were cut off");
                std::process::exit(1)
            }
        }
    }
}

/// A server without its signals.
struct Parts {
    sextant: Arc<Sextant>,
    api: Api,
    local_url: String,
    public_url: String,
    setup_link: Option<String>,
    workers: Workers,
    stop: CancellationToken,
    jobs: CancellationToken,
    tasks: TaskTracker,
    locks: Locks,
}

impl Parts {
    fn with(self, signals: Signals) -> Server {
        let Self { sextant, api, local_url, public_url, setup_link, workers, stop, jobs, tasks, locks } =
            self;
        Server {
            sextant,
            api,
            local_url,
            public_url,
            setup_link,
            workers,
            stop,
            jobs,
            tasks,
            signals: Mutex::new(signals),
            _locks: locks,
        }
    }
}

/// An address that a client on this machine can connect to: "any address" is none.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// The address of the set-up page. The token stands behind `#`, which browsers do not send.
pub(crate) fn setup_link(public_url: &str, token: &str) -> String {
    format!("{public_url}/setup#token={token}")
}

/// While nobody is there: the administrator that the environment names, or a link by which the first one sets up.
async fn install_first_admin(sextant: &Sextant, public_url: &str) -> Result<Option<String>> {
    if !sextant.needs_admin().await? {
        return Ok(None);
    }
    let given = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match (given(ADMIN_EMAIL), given(ADMIN_PASSWORD)) {
        (Some(email), Some(password)) => {
            let installed = sextant.install_admin(&FirstAdmin { email, password }).await;
            installed.map_err(|failure| match failure.code {
                Code::InvalidRequest => {
                    usage(format!("{ADMIN_EMAIL} and {ADMIN_PASSWORD}: {}", failure.message))
                }
                _ => failure.into(),
            })?;
            return Ok(None);
        }
        (Some(_), None) => {
            return Err(usage(format!("{ADMIN_EMAIL} is set, {ADMIN_PASSWORD} is not; set both")));
        }
        (None, Some(_)) => {
            return Err(usage(format!("{ADMIN_PASSWORD} is set, {ADMIN_EMAIL} is not; set both")));
        }
        (None, None) => {}
    }
    let link = sextant.first_link(false).await?.map(|token| setup_link(public_url, token.reveal()));
    // Not log lines: the log may go where a link has no business.
    match &link {
        Some(link) => output::note(&format!("set up the first administrator within 24 h: {link}")),
        None => output::note("nobody has used the set-up link yet; `sextant init --new-link` makes another"),
    }
    Ok(link)
}

async fn reload_on_hangup(
    mut hangup: Signal,
    certificate: Option<Arc<Certificate>>,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = hangup.recv() => {}
        }
        let Some(certificate) = certificate.clone() else {
            tracing::info!("nothing to read again: TLS is off");
            continue;
        };
        match tokio::task::spawn_blocking(move || certificate.reload()).await {
            Ok(Ok(())) => tracing::info!("the new certificate is in force"),
            Ok(Err(error)) => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "could not read the certificate again; the old one stays"
                );
            }
            Err(error) => tracing::error!(%error, "could not read the certificate again; the old one stays"),
        }
    }
}
