//! One [`Config`] from flags, environment and `DIR/sextant.toml`, in this order of precedence. Whatever does not fit is
//! wrong usage, and the message names the setting and the fix.

use crate::flags::{AddressFlags, LogFlags, LogFormat, ServerFlags, StoreFlags};
use crate::high_water::Rollback;
use crate::usage;
use anyhow::{Context, Result};
use serde::Deserialize;
use sextant_core::network::Networks;
use sextant_store::Location;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The data directory where none is named.
pub(crate) const DATA: &str = "./sextant-data";
/// The address where none is named.
pub(crate) const LISTEN: &str = "127.0.0.1:7117";
/// The connections where no number is named.
pub(crate) const MAX_CONNECTIONS: usize = 10_000;
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// The database where none is named, in the data directory.
const DATABASE: &str = "sextant.db";
/// The configuration file in the data directory.
pub(crate) const FILE: &str = "sextant.toml";

/// What can stand in the file: the flags' names without the dashes before them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct File {
    database_url: Option<String>,
    listen: Option<String>,
    public_url: Option<String>,
    trusted_proxies: Option<Vec<String>>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    threads: Option<usize>,
    access_log: Option<bool>,
    max_connections: Option<usize>,
    log_level: Option<String>,
    log_format: Option<LogFormat>,
}

/// The names that can stand in the file, as `reference.rs` shows them: flag, then name.
pub(crate) const IN_FILE: [(&str, &str); 11] = [
    ("database-url", "database-url"),
    ("listen", "listen"),
    ("public-url", "public-url"),
    ("trusted-proxy", "trusted-proxies"),
    ("tls-cert", "tls-cert"),
    ("tls-key", "tls-key"),
    ("threads", "threads"),
    ("access-log", "access-log"),
    ("max-connections", "max-connections"),
    ("log-level", "log-level"),
    ("log-format", "log-format"),
];

/// Everything that can be decided before anything is opened.
#[derive(Debug)]
pub(crate) struct Config {
    /// The data directory.
    pub(crate) data: PathBuf,
    /// The database.
    pub(crate) location: Location,
    /// The address to listen on, as it was written.
    pub(crate) listen: String,
    /// Where people reach the server, without a closing slash.
    pub(crate) public_url: Option<String>,
    /// Proxies that are believed.
    pub(crate) trusted_proxies: Option<Networks>,
    /// Certificate and key.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    /// Threads that answer requests.
    pub(crate) threads: usize,
    /// Whether successes are logged.
    pub(crate) access_log: bool,
    /// Open connections at most.
    pub(crate) max_connections: usize,
    /// How long a client may take for a request's head.
    pub(crate) header_timeout: Duration,
    /// What to do with a database that was put back.
    pub(crate) rollback: Rollback,
    /// What is logged.
    pub(crate) log_level: String,
    /// In which form.
    pub(crate) log_format: LogFormat,
}

impl Config {
    /// For a command that opens the data and serves nothing.
    pub(crate) fn for_data(store: &StoreFlags, log: &LogFlags) -> Result<Self> {
        Self::for_server(store, &ServerFlags::default(), log)
    }

    /// For a command that has to know where the server is reached.
    pub(crate) fn for_address(store: &StoreFlags, address: &AddressFlags, log: &LogFlags) -> Result<Self> {
        Self::for_server(store, &ServerFlags { address: address.clone(), ..ServerFlags::default() }, log)
    }

    /// For the server.
    pub(crate) fn for_server(store: &StoreFlags, server: &ServerFlags, log: &LogFlags) -> Result<Self> {
        let data = store.data.clone().unwrap_or_else(|| PathBuf::from(DATA));
        let file = read_file(&data.join(FILE))?;
        let given = |flag: &Option<String>| flag.clone().filter(|text| !text.trim().is_empty());
        let database_url = given(&store.database_url).or(file.database_url);
        let public_url = given(&server.address.public_url).or(file.public_url);
        let proxies =
            Some(server.trusted_proxy.iter().filter(|text| !text.is_empty()).cloned().collect::<Vec<_>>())
                .filter(|list| !list.is_empty())
                .or(file.trusted_proxies);
        Ok(Self {
            location: match &database_url {
                Some(url) => Location::parse(url).map_err(|problem| {
                    usage(format!("`--database-url` (or SEXTANT_DATABASE_URL) {problem}"))
                })?,
                None => Location::Sqlite(data.join(DATABASE)),
            },
            data,
            listen: given(&server.address.listen).or(file.listen).unwrap_or_else(|| LISTEN.to_owned()),
            public_url: public_url.as_deref().map(origin).transpose()?,
            trusted_proxies: networks(proxies)?,
            tls: pair(server.tls_cert.clone().or(file.tls_cert), server.tls_key.clone().or(file.tls_key))?,
            threads: threads(server.threads.or(file.threads))?,
            access_log: server.access_log || file.access_log.unwrap_or(false),
            max_connections: positive(
                "--max-connections",
                server.max_connections.or(file.max_connections).unwrap_or(MAX_CONNECTIONS),
            )?,
            header_timeout: server.header_timeout_ms.map_or(HEADER_TIMEOUT, Duration::from_millis),
            rollback: if server.accept_rollback { Rollback::Accept } else { Rollback::Refuse },
            log_level: given(&log.log_level).or(file.log_level).unwrap_or_else(|| "info".to_owned()),
            log_format: log.log_format.or(file.log_format).unwrap_or_default(),
        })
    }

    /// The scheme that the server speaks.
    pub(crate) const fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// The database's file, where it is one.
    pub(crate) fn database_file(&self) -> Option<&Path> {
        self.location.file()
    }

    /// Whether other servers can serve from the same database.
    pub(crate) const fn is_shared(&self) -> bool {
        matches!(self.location, Location::Postgres(_))
    }
}

fn read_file(path: &Path) -> Result<File> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(File::default()),
        // Something else than a directory stands there; whoever opens the directory says it better.
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => return Ok(File::default()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    toml::from_str(&text).map_err(|error| {
        // Not the error's own text: that shows the line, and the line may hold a database password.
        let before = error.span().map_or("", |span| &text[..span.start.min(text.len())]);
        let line = before.matches('\n').count() + 1;
        let what = error.message().lines().next().unwrap_or_default().to_owned();
        usage(format!("{}, line {line}: {what}", path.display()))
    })
}

/// Scheme, host and port: what a browser sends as `Origin` and what links begin with.
fn origin(text: &str) -> Result<String> {
    let wrong = || {
        usage(format!(
            "`--public-url {text}` must be scheme and host only, such as https://sextant.example.com"
        ))
    };
    let trimmed = text.trim().trim_end_matches('/');
    let uri: http::Uri = trimmed.parse().map_err(|_| wrong())?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    let plain = uri.path() == "/" && uri.query().is_none() && !trimmed.contains(['#', '@']);
    if is_web && plain && uri.authority().is_some() { Ok(trimmed.to_owned()) } else { Err(wrong()) }
}

fn networks(list: Option<Vec<String>>) -> Result<Option<Networks>> {
    let Some(list) = list else { return Ok(None) };
    Networks::parse(&list).map(Some).map_err(|problem| usage(format!("`--trusted-proxy` {problem}")))
}

fn pair(cert: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<(PathBuf, PathBuf)>> {
    match (cert, key) {
        (Some(cert), Some(key)) => Ok(Some((cert, key))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(usage("`--tls-cert` needs `--tls-key`, the certificate's private key")),
        (None, Some(_)) => Err(usage("`--tls-key` needs `--tls-cert`, the certificate")),
    }
}

fn positive(flag: &str, number: usize) -> Result<usize> {
    if number == 0 { Err(usage(format!("`{flag}` must be at least 1"))) } else { Ok(number) }
}

fn threads(asked: Option<usize>) -> Result<usize> {
    const MOST: usize = 1024;
    match asked {
        None => Ok(std::thread::available_parallelism().map_or(1, std::num::NonZero::get)),
        Some(number @ 1..=MOST) => Ok(number),
        Some(_) => Err(usage(format!("`--threads` must be between 1 and {MOST}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(file: &str, store: StoreFlags, server: ServerFlags) -> Result<Config> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), file).unwrap();
        let store = StoreFlags { data: Some(folder.path().to_owned()), ..store };
        Config::for_server(&store, &server, &LogFlags::default())
    }

    #[test]
    fn a_flag_beats_the_file_and_the_file_the_default() {
        let text = "listen = '127.0.0.1:1'\npublic-url = 'https://a.example/'";
        let server = ServerFlags {
            address: AddressFlags { listen: Some("127.0.0.1:2".to_owned()), public_url: None },
            ..ServerFlags::default()
        };
        let config = config(text, StoreFlags::default(), server).unwrap();
        assert_eq!(config.listen, "127.0.0.1:2");
        assert_eq!(config.public_url.as_deref(), Some("https://a.example"));
        assert_eq!(config.max_connections, MAX_CONNECTIONS);
        assert!(config.database_file().is_some_and(|path| path.ends_with(DATABASE)));
    }

    #[test]
    fn what_is_unknown_in_the_file_is_named_and_its_values_are_not() {
        let error = config("\nlisen = 'x'", StoreFlags::default(), ServerFlags::default()).unwrap_err();
        assert!(error.is::<crate::Usage>());
        assert!(error.to_string().contains("line 2: unknown field `lisen`"), "{error}");

        let text = "database-url = 'postgres://u:hunter2@h/d";
        let error = config(text, StoreFlags::default(), ServerFlags::default()).unwrap_err();
        assert!(!format!("{error:#}").contains("hunter2"), "{error:#}");
    }

    #[test]
    fn everything_in_the_file_is_listed_for_the_reference() {
        for (_, name) in IN_FILE {
            let error = toml::from_str::<File>(&format!("{name} = {{}}")).unwrap_err();
            assert!(!error.message().contains("unknown field"), "{name}");
        }
    }

    #[test]
    fn wrong_settings_name_their_flag() {
        let with = |change: fn(&mut ServerFlags)| {
            let mut server = ServerFlags::default();
            change(&mut server);
            config("", StoreFlags::default(), server).unwrap_err().to_string()
        };
        assert!(with(|flags| flags.tls_cert = Some("a".into())).contains("--tls-key"));
        assert!(with(|flags| flags.trusted_proxy = vec!["10".into()]).contains("--trusted-proxy"));
        assert!(with(|flags| flags.threads = Some(0)).contains("--threads"));
        for url in ["sextant.example.com", "https://a/b", "ftp://a", "https://u@a", "https://a?b"] {
            let server = ServerFlags {
                address: AddressFlags { listen: None, public_url: Some(url.to_owned()) },
                ..ServerFlags::default()
            };
            let error = config("", StoreFlags::default(), server).unwrap_err();
            assert!(error.to_string().contains("--public-url"), "{url}: {error}");
        }
        let store = StoreFlags { database_url: Some("mysql://x".to_owned()), ..StoreFlags::default() };
        let error = config("", store, ServerFlags::default()).unwrap_err();
        assert!(error.to_string().contains("--database-url"), "{error}");
    }
}
