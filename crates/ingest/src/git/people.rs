//! From the many ways in which a history writes its authors to one entry for each of them.

use std::collections::HashMap;

use jiff::Timestamp;
use sextant_core::email::Email;

/// Someone who wrote commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The name that most of the author's commits carry; of equals the one used last. Without any name, what the
    /// address has before the `@`.
    pub name: String,
    /// The address, in the spelling chosen as the name is.
    pub email: Email,
    /// How many commits the author wrote.
    pub commits: u64,
    /// When the first was written; nothing if no commit has a readable time.
    pub first: Option<Timestamp>,
    /// When the last was written.
    pub last: Option<Timestamp>,
    /// Whether this is a program, as far as name and address tell.
    pub bot: bool,
}

/// How often and when something was seen in a history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    commits: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Seen {
    pub(super) fn add(&mut self, time: Option<Timestamp>) {
        self.join(&Self { commits: 1, first: time, last: time });
    }

    fn join(&mut self, other: &Self) {
        self.commits += other.commits;
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.max(other.last);
    }
}

#[derive(Default)]
struct Person {
    seen: Seen,
    names: HashMap<String, Seen>,
    spellings: HashMap<String, Seen>,
}

/// Unites name, address and count by case-folded address. Answers the authors, most commits first, and how many
/// commits have no usable address.
pub(super) fn unify(identities: impl Iterator<Item = (String, String, Seen)>) -> (Vec<Author>, u64) {
    let mut people: HashMap<Email, Person> = HashMap::new();
    let mut without_address = 0;
    for (name, address, seen) in identities {
        let Ok(email) = Email::parse(&address) else {
            without_address += seen.commits;
            continue;
        };
        let spelling = email.written().to_owned();
        let person = people.entry(email).or_default();
        person.seen.join(&seen);
        person.spellings.entry(spelling).or_default().join(&seen);
        let name = name.trim();
        if !name.is_empty() {
            person.names.entry(name.to_owned()).or_default().join(&seen);
        }
    }
    let mut authors: Vec<Author> = people.into_iter().map(|(email, person)| author(email, person)).collect();
    authors.sort_unstable_by(|one, other| {
        other.commits.cmp(&one.commits).then_with(|| one.email.cmp(&other.email))
    });
    (authors, without_address)
}

fn author(email: Email, person: Person) -> Author {
    let email = usual(person.spellings).and_then(|text| Email::parse(&text).ok()).unwrap_or(email);
    let name = usual(person.names).unwrap_or_else(|| email.local_part().to_owned());
    let bot = is_bot(&name, &email);
    let Seen { commits, first, last } = person.seen;
    Author { name, email, commits, first, last, bot }
}

/// The text seen most often, then last, then first in order so that the choice is the same each time.
fn usual(texts: HashMap<String, Seen>) -> Option<String> {
    texts
        .into_iter()
        .max_by(|(text, seen), (other_text, other)| {
            (seen.commits, seen.last, other_text).cmp(&(other.commits, other.last, text))
        })
        .map(|(text, _)| text)
}

/// Addresses that services commit with and that do not say so.
const BOT_ADDRESSES: [&str; 9] = [
    "action@github.com",
    "actions@github.com",
    "github-actions@github.com",
    "noreply@github.com",
    "bot@renovateapp.com",
    "renovate@whitesourcesoftware.com",
    "support@dependabot.com",
    "support@greenkeeper.io",
    "snyk-bot@snyk.io",
];

/// Whether a name and an address are those of a program: one of them ends in `[bot]` (the address before its `@`),
/// the address is one that a known service uses, or it is that of a GitLab access token.
pub fn is_bot(name: &str, email: &Email) -> bool {
    const MARK: &str = "[bot]";
    let folded = email.folded();
    let (local, domain) = folded.split_once('@').unwrap_or((folded, ""));
    let token = local.strip_prefix("project_").or_else(|| local.strip_prefix("group_"));
    name.trim_end().to_lowercase().ends_with(MARK)
        || local.ends_with(MARK)
        || folded.ends_with(MARK)
        || BOT_ADDRESSES.contains(&folded)
        || (domain.contains("noreply") && token.is_some_and(|rest| rest.contains("_bot")))
}
