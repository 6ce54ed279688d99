//! Two processes on one database, at the moments between a rotation and what the other process knows of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use sextant_core::access::{Housekeeping, MasterKeyChange, Permit, Scope};
use sextant_core::audit::{Event, Kind, Note};
use sextant_core::id::KeyId;
use sextant_core::key::{ApiKey, MasterKey, PepperId, Token};
use sextant_core::source::{Entropy, KeyHome};
use sextant_core::time::Time;
use sextant_store::{Keys, LeaseRow, Location, Store, StoreError};
use std::path::Path;
use std::sync::{Arc, Mutex};

struct Numbers(Mutex<u64>);

impl Entropy for Numbers {
    fn fill(&self, buffer: &mut [u8]) {
        let mut state = self.0.lock().unwrap();
        for byte in buffer {
            *state ^= *state << 13;
            *state ^= *state >> 7;
            *state ^= *state << 17;
            *byte = state.to_le_bytes()[3];
        }
    }
}

/// A place for keys in memory: what lies there, and what was put there.
#[derive(Default)]
struct Shelf {
    lying: Mutex<Vec<MasterKey>>,
    kept: Mutex<Vec<String>>,
}

impl KeyHome for Shelf {
    fn read(&self) -> Vec<MasterKey> {
        self.lying.lock().unwrap().clone()
    }

    fn keep(&self, master: &MasterKey) -> Result<(), String> {
        self.kept.lock().unwrap().push(master.fingerprint());
        Ok(())
    }
}

fn master(byte: u8) -> MasterKey {
    MasterKey::from_bytes([byte; 32])
}

fn permit<A>() -> Permit<A> {
    Permit::system("a test", Scope::Account)
}

fn keys<'a>(master: &'a MasterKey, shelf: &Arc<Shelf>, entropy: &'a Numbers) -> Keys<'a> {
    Keys { master, home: shelf.clone(), entropy }
}

async fn open(folder: &Path, key: u8, seed: u64) -> (Store, Arc<Shelf>) {
    let shelf = Arc::new(Shelf::default());
    let location = Location::Sqlite(folder.join("a.db"));
    let store = Store::open(&location, keys(&master(key), &shelf, &Numbers(Mutex::new(seed)))).await.unwrap();
    (store, shelf)
}

/// A database of the master key 1, and two processes on it; the second has a lease.
async fn two(folder: &Path) -> (Store, Store, Arc<Shelf>) {
    let (one, _) = open(folder, 1, 11).await;
    let mut tx = one.begin_alone(permit::<Housekeeping>(), Time::from_micros(1)).await.unwrap();
    assert!(tx.claim().await.unwrap());
    tx.lay_tenancy().await.unwrap();
    tx.commit(vec![note("first")]).await.unwrap();
    let (two, shelf) = open(folder, 1, 12).await;
    let mut tx = two.begin(permit::<Housekeeping>(), Time::from_micros(2)).await.unwrap();
    let lease = LeaseRow { id: "second".to_owned(), applied: 0, renewal: 0, valid_for: 1_000_000 };
    tx.take_lease(&lease).await.unwrap();
    tx.commit(Vec::new()).await.unwrap();
    (one, two, shelf)
}

fn note(name: &str) -> Note {
    Note {
        kind: Kind::Installation,
        event: Event::Edited,
        subject_id: name.to_owned(),
        subject_name: name.to_owned(),
        before: None,
        after: None,
    }
}

async fn rotate(store: &Store, to: u8) {
    let mut tx = store.begin_alone(permit::<MasterKeyChange>(), Time::from_micros(3)).await.unwrap();
    tx.rotate_master_key(&master(to), &Numbers(Mutex::new(13))).await.unwrap();
    tx.commit(vec![note("rotated")]).await.unwrap();
}

async fn is_sealed_by(store: &Store, key: u8) -> bool {
    let end = store.audit_end().await.unwrap();
    let seal = master(key).seal();
    let sealed =
        |head: &sextant_core::audit::Head| head.seal == seal.over(&head.chain, head.sequence, &head.hash);
    end.chains_are_sealed && !end.heads.is_empty() && end.heads.iter().all(sealed)
}

#[tokio::test]
async fn whoever_has_not_heard_of_a_rotation_mints_and_seals_under_the_new_key_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two, shelf) = two(folder.path()).await;
    assert!(is_sealed_by(&one, 1).await);
    rotate(&one, 2).await;
    assert!(is_sealed_by(&one, 2).await);

    // The second process has followed nothing: its very next change is the first thing that it does.
    let numbers = Numbers(Mutex::new(14));
    let key = ApiKey::draw(KeyId::draw(&numbers), &numbers);
    let tx = two.begin(permit::<Housekeeping>(), Time::from_micros(4)).await.unwrap();
    assert_eq!(tx.verifier(&key), (master(2).pepper(PepperId(2)).mac(&key), PepperId(2)));
    tx.commit(vec![note("by the second")]).await.unwrap();
    assert!(is_sealed_by(&one, 2).await && is_sealed_by(&two, 2).await);
    assert_eq!(*shelf.kept.lock().unwrap(), [master(2).fingerprint()], "kept for its next start, once");
    let held = two.secrets();
    assert!(held.peppers.get(PepperId(1)).is_some(), "and the former pepper goes on");
    assert_eq!(
        held.peppers.get(PepperId(1)).unwrap().mac(&key),
        master(1).pepper(PepperId(1)).mac(&key),
        "as what it was"
    );
}

#[tokio::test]
async fn a_session_of_which_a_process_cannot_know_yet_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two, _) = two(folder.path()).await;
    rotate(&one, 2).await;
    let token = Token::draw(&Numbers(Mutex::new(15)));
    let mut tx = one.begin(permit::<Housekeeping>(), Time::from_micros(4)).await.unwrap();
    tx.replace_first_link(&token, Time::from_micros(1_000)).await.unwrap();
    tx.commit(Vec::new()).await.unwrap();
    assert!(two.setup_link(&token, Time::from_micros(5)).await.unwrap().is_some());
    let other = Token::draw(&Numbers(Mutex::new(16)));
    assert!(two.setup_link(&other, Time::from_micros(5)).await.unwrap().is_none());
}

#[tokio::test]
async fn whoever_was_not_handed_the_new_key_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two, shelf) = two(folder.path()).await;
    rotate(&one, 2).await;
    let mut tx = one.begin(permit::<MasterKeyChange>(), Time::from_micros(4)).await.unwrap();
    tx.end_handover().await.unwrap();
    tx.commit(Vec::new()).await.unwrap();
    let refused = two.begin(permit::<Housekeeping>(), Time::from_micros(5)).await;
    assert!(
        matches!(refused.map(drop), Err(StoreError::OtherKey(known)) if known == master(2).fingerprint())
    );
    assert!(matches!(two.changes_since(0).await, Err(StoreError::OtherKey(_))));
    assert!(matches!(two.ring_snapshot(drop).await, Err(StoreError::OtherKey(_))));
    // Somebody puts it where this process's key came from.
    *shelf.lying.lock().unwrap() = vec![master(9), master(2)];
    two.begin(permit::<Housekeeping>(), Time::from_micros(6)).await.unwrap();
}

#[tokio::test]
async fn what_is_stored_of_a_former_pepper_does_not_open_once_it_was_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two, _) = two(folder.path()).await;
    rotate(&one, 2).await;
    rotate(&one, 3).await;
    two.close().await;
    one.close().await;
    let (again, _) = open(folder.path(), 3, 17).await;
    assert_eq!(again.secrets().peppers.current().id(), PepperId(3));
    assert!([1, 2].iter().all(|id| again.secrets().peppers.get(PepperId(*id)).is_some()));
    again.close().await;
    let script = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\n\
        c.execute('update peppers set wrapped = (select wrapped from peppers where id = 2) where id = 1')\nc.commit()\n";
    let swapped = std::process::Command::new("python3")
        .args(["-c", script])
        .arg(folder.path().join("a.db"))
        .status()
        .unwrap();
    assert!(swapped.success());
    let location = Location::Sqlite(folder.path().join("a.db"));
    let shelf = Arc::new(Shelf::default());
    let opened = Store::open(&location, keys(&master(3), &shelf, &Numbers(Mutex::new(18)))).await;
    let problem = opened.map(drop).unwrap_err().to_string();
    assert!(problem.contains("pepper 1 does not open"), "{problem}");
}
