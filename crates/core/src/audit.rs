//! The audit log's entries and the chain that ties them together.
//!
//! Each chain (one a project, one for the account) numbers its entries from 1; an entry's link is SHA-256 over its
//! fields and the link before it, so that an edit, a removal or another order is found by [`Verifier`]. The head of a
//! chain is sealed with a key that is not in the database, so that cutting off the end is found as well.

use crate::key::{Seal, sha256_hex};
use crate::time::Time;

/// The link before the first entry.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The chain of what belongs to the whole installation.
pub const ACCOUNT_CHAIN: &str = "account";

macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $($variant:ident $name:literal $meaning:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $type { $(#[doc = $meaning] $variant,)* }

        impl $type {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Reads a name in any case.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.name().eq_ignore_ascii_case(name))
            }
        }
    };
}

words!(
    /// What kind of thing an entry is about (the published words, and ours where they have none).
    Kind {
        ApiAccessKey "API_ACCESS_KEY" "A key.";
        User "USER" "A person.";
        UserLogin "USER_LOGIN" "A sign-in.";
        Organization "ORGANIZATION" "An organisation.";
        Project "PROJECT" "A project.";
        Developer "DEVELOPER" "Developer records.";
        Access "ACCESS" "Requests that were refused.";
        Installation "INSTALLATION" "The installation itself.";
    }
);

words!(
    /// What happened (the published words, and ours where they have none).
    Event {
        Created "CREATED" "It was made.";
        Edited "EDITED" "It was changed.";
        Deleted "DELETED" "It was removed.";
        Submitted "SUBMITTED" "It was sent in.";
        Rotated "ROTATED" "It got a new secret.";
        Exposed "EXPOSED" "Its secret was seen where it must not be.";
        Success "SUCCESS" "It was let in.";
        Fail "FAIL" "It was refused.";
        PasswordResetStarted "PASSWORD_RESET_STARTED" "A link for setting a password was made.";
        PasswordReset "PASSWORD_RESET_FINISHED" "A password was set.";
    }
);

/// What a change says of itself; who, when and from where come from the transaction's permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What kind of thing.
    pub kind: Kind,
    /// What happened.
    pub event: Event,
    /// Its id.
    pub subject_id: String,
    /// Its name at that time.
    pub subject_name: String,
    /// Its fields before, without secrets, as a JSON object.
    pub before: Option<serde_json::Value>,
    /// Its fields after, without secrets, as a JSON object.
    pub after: Option<serde_json::Value>,
}

/// An entry as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its chain: [`ACCOUNT_CHAIN`] or a project's id.
    pub chain: String,
    /// Its number in the chain, from 1.
    pub sequence: i64,
    /// When.
    pub at: Time,
    /// `USER`, `API_KEY` or `SYSTEM`.
    pub actor_type: String,
    /// The actor's id.
    pub actor_id: String,
    /// The actor's name at that time.
    pub actor_name: String,
    /// What happened, a word of [`Event`].
    pub event: String,
    /// What kind of thing, a word of [`Kind`].
    pub kind: String,
    /// The thing's id.
    pub subject_id: String,
    /// The thing's name at that time.
    pub subject_name: String,
    /// JSON, or empty.
    pub before: String,
    /// JSON, or empty.
    pub after: String,
    /// The client's address, or empty.
    pub address: String,
    /// The client's program, or empty.
    pub user_agent: String,
    /// The request's id, or empty.
    pub request_id: String,
    /// The link before.
    pub previous_hash: String,
    /// This entry's link.
    pub hash: String,
}

impl Entry {
    /// The link over all fields and the link before: each field with its length in front, so that no two entries
    /// read alike.
    pub fn link(&self) -> String {
        let sequence = self.sequence.to_string();
        let at = self.at.micros().to_string();
        let fields = [
            self.chain.as_str(),
            &sequence,
            &at,
            &self.actor_type,
            &self.actor_id,
            &self.actor_name,
            &self.event,
            &self.kind,
            &self.subject_id,
            &self.subject_name,
            &self.before,
            &self.after,
            &self.address,
            &self.user_agent,
            &self.request_id,
            &self.previous_hash,
        ];
        let mut message = Vec::with_capacity(512);
        for field in fields {
            message.extend_from_slice(format!("{}:", field.len()).as_bytes());
            message.extend_from_slice(field.as_bytes());
        }
        sha256_hex(&message)
    }
}

/// The end of a chain as the database remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The chain.
    pub chain: String,
    /// Number of the last entry.
    pub sequence: i64,
    /// Its link.
    pub hash: String,
    /// The seal over both.
    pub seal: String,
}

/// Follows one chain entry by entry and says what is wrong with it.
#[derive(Debug)]
pub struct Verifier {
    chain: String,
    sequence: i64,
    hash: String,
    /// What was found, in words.
    pub problems: Vec<String>,
}

impl Verifier {
    /// At the beginning of a chain.
    pub fn new(chain: impl Into<String>) -> Self {
        Self { chain: chain.into(), sequence: 0, hash: GENESIS.to_owned(), problems: Vec::new() }
    }

    /// Takes the next entry in order of number.
    pub fn take(&mut self, entry: &Entry) {
        let expected = self.sequence + 1;
        if entry.sequence != expected {
            self.problem(format!("entry {expected} is missing; {} follows", entry.sequence));
        } else if entry.previous_hash != self.hash {
            self.problem(format!("entry {} does not continue the one before it", entry.sequence));
        }
        if entry.link() != entry.hash {
            self.problem(format!("entry {} was changed after it was written", entry.sequence));
        }
        self.sequence = entry.sequence;
        self.hash.clone_from(&entry.hash);
    }

    /// Compares the end with the sealed head.
    pub fn finish(mut self, head: Option<&Head>, seal: &Seal) -> Vec<String> {
        match head {
            None if self.sequence == 0 => {}
            None => self.problem("the head is missing".to_owned()),
            Some(head) => {
                if head.sequence != self.sequence || head.hash != self.hash {
                    let (last, head) = (self.sequence, head.sequence);
                    self.problem(format!("the log ends with entry {last}, its head says {head}"));
                }
                if seal.over(&head.chain, head.sequence, &head.hash) != head.seal {
                    self.problem("the head's seal is wrong".to_owned());
                }
            }
        }
        self.problems
    }

    /// How many entries were taken.
    pub const fn entries(&self) -> i64 {
        self.sequence
    }

    fn problem(&mut self, text: String) {
        self.problems.push(format!("chain {}: {text}", self.chain));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::MasterKey;
    use proptest::prelude::*;

    fn chain(length: i64) -> (Vec<Entry>, Head) {
        let seal = MasterKey::from_bytes([1; 32]).seal();
        let mut entries: Vec<Entry> = Vec::new();
        let mut hash = GENESIS.to_owned();
        for sequence in 1..=length {
            let mut entry = Entry {
                chain: "p".into(),
                sequence,
                at: Time::from_micros(sequence),
                actor_type: "USER".into(),
                actor_id: "u".into(),
                actor_name: "A".into(),
                event: "CREATED".into(),
                kind: "API_ACCESS_KEY".into(),
                subject_id: format!("k{sequence}"),
                subject_name: String::new(),
                before: String::new(),
                after: "{}".into(),
                address: String::new(),
                user_agent: String::new(),
                request_id: "r".into(),
                previous_hash: hash,
                hash: String::new(),
            };
            entry.hash = entry.link();
            hash = entry.hash.clone();
            entries.push(entry);
        }
        let seal = seal.over("p", length, &hash);
        (entries, Head { chain: "p".into(), sequence: length, hash, seal })
    }

    fn problems(entries: &[Entry], head: &Head) -> Vec<String> {
        let mut verifier = Verifier::new("p");
        entries.iter().for_each(|entry| verifier.take(entry));
        verifier.finish(Some(head), &MasterKey::from_bytes([1; 32]).seal())
    }

    proptest! {
        #[test]
        fn tampering_is_found(length in 2i64..20, at in any::<prop::sample::Index>(), how in 0..6) {
            let (mut entries, mut head) = chain(length);
            prop_assert_eq!(problems(&entries, &head), Vec::<String>::new());
            let at = at.index(entries.len());
            match how {
                0 => entries[at].subject_name.push('x'),
                1 => { entries.remove(at); }
                2 => { let to = (at + 1) % entries.len(); entries.swap(at, to); }
                3 => { entries[at].after = "{\"a\":1}".into(); entries[at].hash = entries[at].link(); }
                4 => { entries.truncate(at); }
                _ => {
                    // The end and the head are cut together: only the seal can tell.
                    entries.truncate(at.max(1));
                    let last = entries.last().unwrap();
                    head = Head { sequence: last.sequence, hash: last.hash.clone(), ..head };
                    prop_assume!(last.sequence != length);
                }
            }
            prop_assert!(!problems(&entries, &head).is_empty());
        }
    }
}
