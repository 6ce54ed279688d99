//! The flags that several commands share.

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// How much is logged, and how.
#[derive(Args, Clone, Default)]
pub(crate) struct LogFlags {
    /// What is logged on stderr: `error`, `warn`, `info`, `debug`, `trace`, or a filter such as
    /// `warn,sextant_service=debug` (default: `info`)
    #[arg(long, env = "SEXTANT_LOG", value_name = "LEVEL", global = true, help_heading = "Logging")]
    pub(crate) log_level: Option<String>,
    /// The form of log lines (default: `text`)
    #[arg(long, env = "SEXTANT_LOG_FORMAT", value_name = "FORMAT", global = true, help_heading = "Logging")]
    pub(crate) log_format: Option<LogFormat>,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Where the data is.
#[derive(Args, Clone, Default)]
pub(crate) struct StoreFlags {
    /// The data directory (default: `./sextant-data`)
    #[arg(long, env = "SEXTANT_DATA", value_name = "DIR", help_heading = "Data")]
    pub(crate) data: Option<PathBuf>,
    /// `sqlite://PATH` or `postgres://USER:PASSWORD@HOST/DATABASE` (default: a file in the data directory)
    #[arg(
        long,
        env = "SEXTANT_DATABASE_URL",
        value_name = "URL",
        hide_env_values = true,
        help_heading = "Data"
    )]
    pub(crate) database_url: Option<String>,
}

/// Where people reach the server.
#[derive(Args, Clone, Default)]
pub(crate) struct AddressFlags {
    /// The address to listen on; port 0 picks a free one (default: `127.0.0.1:7117`)
    #[arg(long, env = "SEXTANT_LISTEN", value_name = "ADDR", help_heading = "Server")]
    pub(crate) listen: Option<String>,
    /// Where people reach the server, such as `https://sextant.example.com`
    #[arg(long, env = "SEXTANT_PUBLIC_URL", value_name = "URL", help_heading = "Server")]
    pub(crate) public_url: Option<String>,
}

/// How requests are taken.
#[derive(Args, Clone, Default)]
pub(crate) struct ServerFlags {
    #[command(flatten)]
    pub(crate) address: AddressFlags,
    /// A proxy whose `X-Forwarded-For` is believed; may be repeated (in the environment: separated by commas)
    #[arg(
        long,
        env = "SEXTANT_TRUSTED_PROXIES",
        value_name = "CIDR",
        value_delimiter = ',',
        help_heading = "Server"
    )]
    pub(crate) trusted_proxy: Vec<String>,
    /// A certificate chain in PEM; the server then speaks TLS. SIGHUP reads it again
    #[arg(long, env = "SEXTANT_TLS_CERT", value_name = "FILE", help_heading = "Server")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's private key in PEM
    #[arg(long, env = "SEXTANT_TLS_KEY", value_name = "FILE", help_heading = "Server")]
    pub(crate) tls_key: Option<PathBuf>,
    /// How many threads answer requests (default: one for each processor)
    #[arg(long, env = "SEXTANT_THREADS", value_name = "N", help_heading = "Server")]
    pub(crate) threads: Option<usize>,
    /// Log requests that succeed, too
    #[arg(
        long,
        env = "SEXTANT_ACCESS_LOG",
        value_parser = BoolishValueParser::new(),
        help_heading = "Server"
    )]
    pub(crate) access_log: bool,
    /// How many client connections may be open; more have to wait (default: `10000`)
    #[arg(long, env = "SEXTANT_MAX_CONNECTIONS", value_name = "N", help_heading = "Server")]
    pub(crate) max_connections: Option<usize>,
    /// Go on with a database that was put back from a copy: keys that are known as deleted are deleted, all others are
    /// switched off
    #[arg(long, help_heading = "Server")]
    pub(crate) accept_rollback: bool,
    /// How long a client may take to send a request's head
    #[arg(long, value_name = "N", hide = true)]
    pub(crate) header_timeout_ms: Option<u64>,
}

/// Where a command finds what it works on: data on this machine, or a server.
#[derive(Args, Clone, Default)]
pub(crate) struct TargetFlags {
    #[command(flatten)]
    pub(crate) store: StoreFlags,
    /// Work on this server over HTTP instead, with the key in `SEXTANT_API_KEY`
    #[arg(long, value_name = "URL", conflicts_with_all = ["data", "database_url"], help_heading = "Data")]
    pub(crate) url: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

/// How data is printed.
#[derive(Args, Clone, Copy, Default)]
pub(crate) struct OutputFlags {
    /// How data is printed (default: `table` on a terminal, `json` otherwise)
    #[arg(long, value_name = "FORM")]
    pub(crate) output: Option<OutputForm>,
}

/// A form of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputForm {
    /// Columns for people.
    Table,
    /// What the API answers.
    Json,
}

/// Which page of a list.
#[derive(Args, Clone, Copy, Default)]
pub(crate) struct PageFlags {
    /// The page, from 0
    #[arg(long, value_name = "N", conflicts_with = "all")]
    pub(crate) page: Option<u32>,
    /// How many entries a page has, at most 1000
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: Option<u32>,
    /// All pages
    #[arg(long)]
    pub(crate) all: bool,
}

/// Which project.
#[derive(Args, Clone, Default)]
pub(crate) struct ProjectFlags {
    /// The organisation (default: the key's own, otherwise `default`)
    #[arg(long, value_name = "IDENTIFIER")]
    pub(crate) org: Option<String>,
    /// The project (default: the key's own, otherwise `default`)
    #[arg(long, value_name = "IDENTIFIER")]
    pub(crate) project: Option<String>,
}
