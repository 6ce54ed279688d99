use std::{
    io::Write,
    process::{Command, Stdio},
};

use sextant_core::email::Email;
use tempfile::TempDir;

use super::*;

fn git(directory: &Path, arguments: &[&str], input: &[u8]) {
    let mut child = Command::new("git")
        .args(["-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always"])
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    assert!(child.wait().unwrap().success(), "git {arguments:?}");
}

/// A stream for `git fast-import`: commits on `main`, a second apart, each with the author line's name and address.
#[derive(Default)]
struct Stream {
    text: Vec<u8>,
    commits: u64,
}

impl Stream {
    fn commit(mut self, author: &str) -> Self {
        self.commits += 1;
        let time = self.commits;
        let lines = format!(
            "commit refs/heads/main\nauthor {author} {time} +0200\ncommitter C <c@x.org> {} +0000\ndata 0\n\n",
            time + 1000
        );
        self.text.extend_from_slice(lines.as_bytes());
        self
    }

    fn mailmap(mut self, lines: &str) -> Self {
        let file = format!("M 100644 inline .mailmap\ndata {}\n{lines}\n", lines.len());
        self.text.extend_from_slice(file.as_bytes());
        self
    }

    fn import(self, init: &[&str]) -> TempDir {
        let directory = TempDir::new().unwrap();
        git(directory.path(), &[&["init"], init].concat(), b"");
        git(directory.path(), &["fast-import", "--quiet"], &self.text);
        directory
    }
}

fn read(path: &Path) -> History {
    authors(path, &mut |_| {}).unwrap()
}

fn told(history: &History) -> Vec<(&str, &str, u64)> {
    history
        .authors
        .iter()
        .map(|author| (author.name.as_str(), author.email.written(), author.commits))
        .collect()
}

fn second(second: i64) -> Option<Timestamp> {
    Timestamp::from_second(second).ok()
}

#[test]
fn authors_are_united_by_address_under_their_usual_name() {
    let directory = Stream::default()
        .commit("ann <Ann@x.org>")
        .commit("Ann Lee <ann@x.org>")
        .commit("Bo <bo@x.org>")
        .commit("Ann Lee <ann@X.org>")
        .commit("Zed <bo@x.org>")
        .commit(" <cy@x.org>")
        .import(&[]);
    let history = read(directory.path());
    assert_eq!(told(&history), [("Ann Lee", "ann@X.org", 3), ("Zed", "bo@x.org", 2), ("cy", "cy@x.org", 1)]);
    assert_eq!((history.commits, history.skipped), (6, 0));
    assert_eq!((history.authors[0].first, history.authors[0].last), (second(1), second(4)));
}

#[test]
fn the_committed_mailmap_is_honoured_with_and_without_a_work_tree() {
    let mailmap = "Ann Lee <ann@x.org> <ann@home>\nBo Ek <bo@x.org> bo <ann@home>\n<cy@x.org> <CY@old>\n";
    let stream = || {
        Stream::default()
            .commit("A <ann@home>")
            .commit("bo <ann@home>")
            .commit("Cy <cy@old>")
            .mailmap(mailmap)
    };
    let expected = [("Ann Lee", "ann@x.org", 1), ("Bo Ek", "bo@x.org", 1), ("Cy", "cy@x.org", 1)];
    let bare = stream().import(&["--bare"]);
    assert_eq!(told(&read(bare.path())), expected);

    let unchecked = stream().import(&[]);
    assert_eq!(told(&read(unchecked.path())), expected, "nothing is checked out");
    git(unchecked.path(), &["checkout", "-f", "main"], b"");
    assert_eq!(told(&read(unchecked.path())), expected);
    assert_eq!(told(&read(&unchecked.path().join(".git"))), expected);
    std::fs::write(unchecked.path().join(".mailmap"), "Cyd <cy@old>\n").unwrap();
    assert!(
        told(&read(unchecked.path())).contains(&("Cyd", "cy@old", 1)),
        "the work tree's own mailmap wins"
    );
}

#[test]
fn bots_are_marked_and_people_are_not() {
    for (name, address, bot) in [
        ("dependabot[bot]", "49699333+dependabot[bot]@users.noreply.github.com", true),
        ("Renovate", "29139614+renovate[bot]@users.noreply.github.com", true),
        ("Our Helper [Bot]", "helper@x.org", true),
        ("GitHub Actions", "actions@github.com", true),
        ("token", "project_7_bot_ab12@noreply.gitlab.com", true),
        ("Ann", "123+ann@users.noreply.github.com", false),
        ("Bot Smith", "bot@x.org", false),
        ("Ann", "project_bot@x.org", false),
    ] {
        assert_eq!(is_bot(name, &Email::parse(address).unwrap()), bot, "{name} <{address}>");
    }
    let directory =
        Stream::default().commit("dependabot[bot] <d@x.org>").commit("Ann <ann@x.org>").import(&[]);
    let history = read(directory.path());
    assert_eq!(history.authors.iter().map(|author| author.bot).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn commits_without_a_usable_address_are_counted_as_skipped() {
    let directory = Stream::default()
        .commit("Ann <ann@x.org>")
        .commit("Nobody <>")
        .commit("Local <local>")
        .commit("Nobody <>")
        .import(&[]);
    let history = read(directory.path());
    assert_eq!((told(&history), history.commits, history.skipped), (vec![("Ann", "ann@x.org", 1)], 4, 3));
}

#[test]
fn a_shallow_clone_ends_where_it_was_cut_off() {
    let origin = Stream::default()
        .commit("Ann <ann@x.org>")
        .commit("Bo <bo@x.org>")
        .commit("Cy <cy@x.org>")
        .import(&["--bare"]);
    let directory = TempDir::new().unwrap();
    let url = format!("file://{}", origin.path().display());
    git(directory.path(), &["clone", "--depth=2", &url, "shallow"], b"");
    let history = read(&directory.path().join("shallow"));
    assert_eq!(told(&history), [("Bo", "bo@x.org", 1), ("Cy", "cy@x.org", 1)]);
}

#[test]
fn only_what_head_reaches_counts_and_merges_count_once() {
    let mut stream = Stream::default().commit("Ann <ann@x.org>");
    stream.text.extend_from_slice(
        b"commit refs/heads/side\nauthor Bo <bo@x.org> 9 +0000\ncommitter C <c@x> 9 +0000\ndata 0\nfrom refs/heads/main\n\n\
          commit refs/heads/other\nauthor Cy <cy@x.org> 9 +0000\ncommitter C <c@x> 9 +0000\ndata 0\nfrom refs/heads/main\n\n\
          commit refs/heads/main\nauthor Ann <ann@x.org> 10 +0000\ncommitter C <c@x> 9 +0000\ndata 0\nmerge refs/heads/side\n\n",
    );
    let directory = stream.import(&["--bare"]);
    assert_eq!(told(&read(directory.path())), [("Ann", "ann@x.org", 2), ("Bo", "bo@x.org", 1)]);

    git(directory.path(), &["symbolic-ref", "HEAD", "refs/heads/gone"], b"");
    let error = authors(directory.path(), &mut |_| {}).unwrap_err();
    assert_eq!(error, GitError::UnbornHead { branch: "gone".into() });
    git(directory.path(), &["update-ref", "--no-deref", "HEAD", "refs/heads/other"], b"");
    assert_eq!(read(directory.path()).commits, 2, "a detached head");
}

#[test]
fn a_repository_without_commits_is_empty_and_other_folders_are_no_repository() {
    let directory = TempDir::new().unwrap();
    for path in [directory.path().to_owned(), directory.path().join("missing")] {
        let error = authors(&path, &mut |_| {}).unwrap_err();
        assert_eq!(error.to_string(), format!("`{}` is not a git repository", path.display()));
    }
    git(directory.path(), &["init"], b"");
    let mut told = Vec::new();
    assert_eq!(authors(directory.path(), &mut |commits| told.push(commits)), Ok(History::default()));
    assert_eq!(told, [0]);
    std::fs::create_dir(directory.path().join("inside")).unwrap();
    let inside = authors(&directory.path().join("inside"), &mut |_| {});
    assert!(matches!(inside, Err(GitError::NotARepository { .. })), "the path is taken exactly");
    std::fs::write(directory.path().join(".git/HEAD"), "broken").unwrap();
    let broken = authors(directory.path(), &mut |_| {}).unwrap_err();
    assert!(matches!(broken, GitError::Unreadable { .. }), "{broken}");
}

#[test]
fn progress_is_told_now_and_then_and_at_the_end() {
    let stream = (0..2345).fold(Stream::default(), |stream, number| {
        stream.commit(&format!("P{} <p{}@x.org>", number % 7, number % 7))
    });
    let directory = stream.import(&["--bare"]);
    let mut told = Vec::new();
    let history = authors(directory.path(), &mut |commits| told.push(commits)).unwrap();
    assert_eq!(told, [1000, 2000, 2345]);
    assert_eq!(history.authors.iter().map(|author| author.commits).sum::<u64>(), 2345);
}
