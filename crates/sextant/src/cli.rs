//! The commands. The texts here and in `flags.rs` are the help and, through `reference.rs`, the configuration
//! reference; what the values mean together is decided in `config.rs`.

use crate::flags::{
    AddressFlags, LogFlags, OutputFlags, PageFlags, ProjectFlags, ServerFlags, StoreFlags, TargetFlags,
};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Software engineering insights behind project-scoped API keys.
#[derive(Parser)]
#[command(
    name = "sextant",
    version,
    about,
    after_help = "A flag beats the environment, which beats `sextant.toml` in the data directory.\n\
                  Start with `sextant quickstart`, or with `sextant serve`."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) log: LogFlags,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Answer requests until SIGTERM or SIGINT
    Serve {
        #[command(flatten)]
        store: StoreFlags,
        #[command(flatten)]
        server: ServerFlags,
    },
    /// Make the data directory, master key and database, and a set-up link for the first administrator
    Init {
        #[command(flatten)]
        store: StoreFlags,
        #[command(flatten)]
        address: AddressFlags,
        /// Make another set-up link; the one before stops working
        #[arg(long)]
        new_link: bool,
        #[command(flatten)]
        output: OutputFlags,
    },
    /// From nothing to a running server with a key and the developers of a git history
    Quickstart {
        #[command(flatten)]
        store: StoreFlags,
        #[command(flatten)]
        server: ServerFlags,
        /// The git repository whose history is sent (default: this folder's)
        #[arg(long, value_name = "PATH")]
        repo: Option<PathBuf>,
        /// Stop when everything is done instead of serving on
        #[arg(long)]
        exit: bool,
    },
    /// Make and manage API keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Bring and read developer records
    #[command(subcommand)]
    Developers(DevelopersCommand),
    /// Send engineering data
    #[command(subcommand)]
    Ingest(IngestCommand),
    /// Read the audit log and prove that nobody edited it
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Put another master key in place while servers go on, and end what hangs on the one before
    #[command(subcommand)]
    MasterKey(MasterKeyCommand),
    /// Check data directory, master key and database, and name what to do
    Doctor {
        #[command(flatten)]
        store: StoreFlags,
        #[command(flatten)]
        output: OutputFlags,
    },
    /// Copy everything into one file, also while servers serve
    Backup {
        /// Where to; must not be there yet
        file: PathBuf,
        /// Replace the file if it is there
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        store: StoreFlags,
        #[command(flatten)]
        output: OutputFlags,
    },
    /// Put a backup in the place of the data, of whichever database; what was deleted since stays deleted
    Restore {
        /// What `sextant backup` made
        file: PathBuf,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        store: StoreFlags,
        #[command(flatten)]
        output: OutputFlags,
    },
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the OpenAPI document of the server
    #[command(hide = true)]
    Openapi,
    /// Print the configuration reference
    #[command(hide = true)]
    Reference,
    /// Store many keys and audit entries at once, for measuring
    #[command(hide = true)]
    BenchSeed {
        #[command(flatten)]
        store: StoreFlags,
        /// How many keys
        #[arg(long, value_name = "N", default_value_t = 0)]
        keys: usize,
        /// How many entries of the audit log
        #[arg(long, value_name = "N", default_value_t = 0)]
        audit: usize,
    },
}

/// `sextant master-key …`
#[derive(Subcommand)]
pub(crate) enum MasterKeyCommand {
    /// Put a new master key in force: drawn, or the one in `SEXTANT_NEW_MASTER_KEY`
    Rotate {
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        store: StoreFlags,
        #[command(flatten)]
        output: OutputFlags,
    },
    /// Show the master key's fingerprint, and how many keys and sessions hang on it and on those before it
    Status {
        #[command(flatten)]
        store: StoreFlags,
        #[command(flatten)]
        output: OutputFlags,
    },
    /// End the master keys before the one in force: keys that were not used since are deleted, with those that they made
    Retire {
        /// List what would end, change nothing
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        store: StoreFlags,
        #[command(flatten)]
        output: OutputFlags,
    },
}

/// `sextant keys …`
#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key; its secret is shown once
    Create(CreateKeyFlags),
    /// List the keys of a project
    List {
        /// `admin` or `ingestion`
        #[arg(long)]
        role: Option<String>,
        /// `active`, `disabled` or `expired`
        #[arg(long)]
        status: Option<String>,
        /// Part of name, description or id
        #[arg(long)]
        search: Option<String>,
        /// Not used for so many days
        #[arg(long, value_name = "DAYS")]
        unused_for_days: Option<u32>,
        /// Running out within so many days
        #[arg(long, value_name = "DAYS")]
        expiring_within_days: Option<u32>,
        #[command(flatten)]
        page: PageFlags,
        #[command(flatten)]
        project: ProjectFlags,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Show one key
    Show {
        /// The key's id, with or without `sxt_`
        id: String,
        #[command(flatten)]
        project: ProjectFlags,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Give a key a new secret; it is shown once
    Rotate {
        /// The key's id, with or without `sxt_`
        id: String,
        /// For how long the old secret lives on, such as `24h` (default: not at all)
        #[arg(long, value_name = "TIME")]
        overlap: Option<String>,
        /// End the overlap when the new secret is first used
        #[arg(long, requires = "overlap")]
        end_overlap_on_first_use: bool,
        /// Delete the keys that this key made
        #[arg(long)]
        delete_offspring: bool,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        project: ProjectFlags,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Switch a key off; the keys that it made stop with it
    Disable {
        /// The key's id, with or without `sxt_`
        id: String,
        #[command(flatten)]
        project: ProjectFlags,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Switch a key on again
    Enable {
        /// The key's id, with or without `sxt_`
        id: String,
        #[command(flatten)]
        project: ProjectFlags,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Delete a key and the keys that it made; nothing brings them back
    Delete {
        /// The key's id, with or without `sxt_`
        id: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        project: ProjectFlags,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Say whether the key on stdin is well formed, and its id; needs no server
    Inspect {
        #[command(flatten)]
        output: OutputFlags,
    },
}

/// What a new key is to be.
#[derive(Args)]
pub(crate) struct CreateKeyFlags {
    /// Its name, unique in the project
    #[arg(long)]
    pub(crate) name: String,
    /// `ingestion` or `admin`
    #[arg(long)]
    pub(crate) role: String,
    /// What it is for
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// When it runs out, such as `90d`, `12h` (default: never)
    #[arg(long, value_name = "TIME", conflicts_with = "expires_at")]
    pub(crate) expires_in: Option<String>,
    /// When it runs out, such as `2027-01-31T00:00:00Z`
    #[arg(long, value_name = "RFC3339")]
    pub(crate) expires_at: Option<String>,
    /// A permission it shall have; may be repeated (default: all of the role)
    #[arg(long, value_name = "PERMISSION")]
    pub(crate) scope: Vec<String>,
    /// A network it may be used from; may be repeated (default: any)
    #[arg(long, value_name = "CIDR")]
    pub(crate) cidr: Vec<String>,
    /// Requests a minute (default: no limit)
    #[arg(long, value_name = "N")]
    pub(crate) rate: Option<u64>,
    #[command(flatten)]
    pub(crate) project: ProjectFlags,
    #[command(flatten)]
    pub(crate) target: TargetFlags,
}

/// `sextant developers …`
#[derive(Subcommand)]
pub(crate) enum DevelopersCommand {
    /// Set up developer records from a CSV: upload it and save what its columns mean
    Upload {
        /// The CSV
        file: PathBuf,
        /// What a column means: `NAME`, `EMAIL`, `MANAGER_EMAIL` or `CUSTOM`; may be repeated (default: as proposed)
        #[arg(long, value_name = "COLUMN=TYPE")]
        map: Vec<String>,
        /// Show what would be saved, save nothing
        #[arg(long)]
        preview: bool,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Add and change developers by e-mail address
    Upsert {
        /// A JSON array of objects with the account's column names; `-` reads stdin
        file: PathBuf,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// List developers
    List {
        /// With this e-mail address; may be repeated
        #[arg(long)]
        email: Vec<String>,
        /// The column to search in (default: the name)
        #[arg(long, value_name = "COLUMN", requires = "search")]
        search_in: Option<String>,
        /// What to find
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        #[command(flatten)]
        page: PageFlags,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Show which column means what
    Schema {
        #[command(flatten)]
        target: TargetFlags,
    },
}

/// `sextant ingest …`
#[derive(Subcommand)]
pub(crate) enum IngestCommand {
    /// Send the authors of a local git history through the public API, with the key in `SEXTANT_API_KEY`
    Git {
        /// The repository
        #[arg(long, value_name = "PATH", default_value = ".")]
        repo: PathBuf,
        /// The server
        #[arg(long, value_name = "URL")]
        url: String,
        #[command(flatten)]
        output: OutputFlags,
    },
}

/// `sextant audit …`
#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// List entries, newest first
    List {
        /// By the person with this e-mail address, or the key with this name; may be repeated
        #[arg(long)]
        email: Vec<String>,
        /// About things of this type; may be repeated
        #[arg(long = "type", value_name = "TYPE")]
        kind: Vec<String>,
        /// Of this action; may be repeated
        #[arg(long)]
        action: Vec<String>,
        /// Not before (RFC 3339)
        #[arg(long, value_name = "RFC3339")]
        from: Option<String>,
        /// Before (RFC 3339)
        #[arg(long, value_name = "RFC3339")]
        to: Option<String>,
        #[command(flatten)]
        page: PageFlags,
        #[command(flatten)]
        project: ProjectFlags,
        #[command(flatten)]
        target: TargetFlags,
    },
    /// Follow every chain of the log; exit code 1 if an entry was edited, removed or moved
    Verify {
        #[command(flatten)]
        store: StoreFlags,
        #[command(flatten)]
        output: OutputFlags,
    },
}
