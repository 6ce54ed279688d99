//! Who wrote a repository's history, without a working copy and without running git.

mod people;

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
};

use gix::{
    Commit, Repository, actor::SignatureRef, bstr::ByteSlice, head::Kind, mailmap::Snapshot, open::Options,
};
use jiff::Timestamp;

pub use self::people::{Author, is_bot};
use self::people::{Seen, unify};

/// How many commits are read between two reports of progress.
const PROGRESS_EVERY: u64 = 1000;

/// Room for the commits between the walk, which reads a commit for its parents, and us, who read its author.
const OBJECT_CACHE_BYTES: usize = 4 * 1024 * 1024;

/// The authors of all commits that `HEAD` reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Most commits first, then by address.
    pub authors: Vec<Author>,
    /// All commits, those without a usable author included.
    pub commits: u64,
    /// Commits whose author is missing or has no e-mail address, and who is therefore in no list.
    pub skipped: u64,
}

/// Why a history cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GitError {
    /// There is no repository at this path.
    NotARepository {
        /// The path as it was given.
        path: PathBuf,
    },
    /// `HEAD` names a branch without commits while other branches have some, as in a mirror of a repository whose
    /// default branch was renamed.
    UnbornHead {
        /// The branch that `HEAD` names.
        branch: String,
    },
    /// The repository is there and something in it cannot be read.
    Unreadable {
        /// What was being read.
        what: &'static str,
        /// The reason.
        reason: String,
    },
}

impl fmt::Display for GitError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotARepository { path } => {
                write!(formatter, "`{}` is not a git repository", path.display())
            }
            Self::UnbornHead { branch } => write!(
                formatter,
                "`HEAD` names `{branch}`, which has no commits, but other branches have; \
                 `git symbolic-ref HEAD refs/heads/…` names another one"
            ),
            Self::Unreadable { what, reason } => write!(formatter, "cannot read {what}: {reason}"),
        }
    }
}

impl std::error::Error for GitError {}

/// Reads the authors of all commits that `HEAD` reaches, in the repository or bare repository at exactly `repo`.
///
/// Merges count; a shallow clone ends where it was cut off; a repository without commits has an empty history. The
/// mailmap is the work tree's, or `HEAD`'s where the work tree has none, and what the repository's own configuration
/// names; the user's and the system's configuration are not read, so that one repository gives one answer on every
/// machine. `progress` is told the number of commits now and then and at the end.
///
/// # Errors
/// See [`GitError`]. A broken mailmap is no error, as in git.
pub fn authors(repo: &Path, progress: &mut dyn FnMut(u64)) -> Result<History, GitError> {
    let mut repository = open(repo)?;
    repository.object_cache_size_if_unset(OBJECT_CACHE_BYTES);
    let Some(head) = head(&repository)? else {
        progress(0);
        return Ok(History::default());
    };

    let mut commits = 0;
    let mut skipped = 0;
    let mut identities: HashMap<Vec<u8>, Identity> = HashMap::new();
    let mut key = Vec::new();
    for step in repository.rev_walk([head]).all().map_err(|error| unreadable("the history", &error))? {
        let step = step.map_err(|error| unreadable("the history", &error))?;
        let commit = step.object().map_err(|error| unreadable("a commit", &error))?;
        commits += 1;
        if commits % PROGRESS_EVERY == 0 {
            progress(commits);
        }
        let Ok(author) = commit.author() else {
            skipped += 1;
            continue;
        };
        key.clear();
        key.extend_from_slice(author.name);
        // A NUL ends a commit's header, so that it cannot be in a name.
        key.push(0);
        key.extend_from_slice(author.email);
        let time = time(&commit, &author);
        if let Some(identity) = identities.get_mut(&key) {
            identity.seen.add(time);
            continue;
        }
        let mut seen = Seen::default();
        seen.add(time);
        let identity = Identity { name: author.name.to_vec(), email: author.email.to_vec(), seen };
        identities.insert(key.clone(), identity);
    }
    progress(commits);

    let mailmap = mailmap(&repository);
    let resolved = identities.into_values().map(|identity| identity.resolve(&mailmap));
    let (authors, without_address) = unify(resolved);
    Ok(History { authors, commits, skipped: skipped + without_address })
}

/// An author exactly as commits have it. Histories have far fewer of these than commits, so that mailmap and
/// addresses are looked at once for each.
struct Identity {
    name: Vec<u8>,
    email: Vec<u8>,
    seen: Seen,
}

impl Identity {
    fn resolve(self, mailmap: &Snapshot) -> (String, String, Seen) {
        let signature = SignatureRef { name: self.name.as_bstr(), email: self.email.as_bstr(), time: "" };
        let resolved = mailmap.resolve_cow(signature);
        (resolved.name.to_str_lossy().into_owned(), resolved.email.to_str_lossy().into_owned(), self.seen)
    }
}

fn open(path: &Path) -> Result<Repository, GitError> {
    gix::open_opts(path, Options::isolated()).map_err(|error| {
        if error.is_permission_denied() || path.join("HEAD").is_file() || path.join(".git").exists() {
            return unreadable("the repository", &error);
        }
        GitError::NotARepository { path: path.to_owned() }
    })
}

/// The commit to start from, if there is one.
fn head(repository: &Repository) -> Result<Option<gix::ObjectId>, GitError> {
    let mut head = repository.head().map_err(|error| unreadable("`HEAD`", &error))?;
    if let Kind::Unborn(branch) = &head.kind {
        let has_branches = repository
            .references()
            .and_then(|references| Ok(references.local_branches()?.next().is_some()))
            .map_err(|error| unreadable("the branches", &error))?;
        let branch = branch.shorten().to_str_lossy().into_owned();
        return if has_branches { Err(GitError::UnbornHead { branch }) } else { Ok(None) };
    }
    let id = head.try_peel_to_id().map_err(|error| unreadable("`HEAD`", &error))?;
    Ok(id.map(gix::Id::detach))
}

/// When the author wrote the commit; where that cannot be read, when it was committed.
fn time(commit: &Commit<'_>, author: &SignatureRef<'_>) -> Option<Timestamp> {
    let seconds = |signature: &SignatureRef<'_>| signature.time().ok().map(|time| time.seconds);
    seconds(author)
        .or_else(|| seconds(&commit.committer().ok()?))
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
}

fn mailmap(repository: &Repository) -> Snapshot {
    let mut mailmap = Snapshot::default();
    let in_work_tree =
        repository.workdir().is_some_and(|root| root.join(".mailmap").symlink_metadata().is_ok());
    if !in_work_tree && let Some(committed) = committed_mailmap(repository) {
        mailmap = Snapshot::from_bytes(&committed);
    }
    // Like git, do without what cannot be read.
    let _ = repository.open_mailmap_into(&mut mailmap);
    mailmap
}

fn committed_mailmap(repository: &Repository) -> Option<Vec<u8>> {
    let tree = repository.head_commit().ok()?.tree().ok()?;
    let entry = tree.find_entry(".mailmap").filter(|entry| entry.mode().is_blob())?;
    Some(entry.object().ok()?.detach().data)
}

fn unreadable(what: &'static str, error: &gix::Error) -> GitError {
    GitError::Unreadable { what, reason: format!("{error:#}") }
}

#[cfg(test)]
mod tests;
