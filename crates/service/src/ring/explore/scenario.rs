//! What happens in one schedule: two or three servers and a command line on one database, requests on every server, keys
//! that are made, narrowed and deleted, and everything that can go wrong meanwhile.

use super::fault::Fault;
use super::model::{ModelMap, ModelSource, ModelTimer};
use super::world::{Call, Database, Deed, MILLI, Process, SECOND, World, below, chance, one_of, upto};
use crate::ring::parts::Former;
use crate::ring::{Member, RENEWAL};
use sextant_core::id::KeyId;
use shuttle::future::{JoinHandle, block_on, spawn, yield_now};
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Explored = Member<ModelMap, ModelTimer, ModelSource>;

/// By when everything is as it should be after nothing goes wrong any more.
const RECOVERY: u64 = 30 * SECOND;

/// A process with its part in the protocol.
struct Running {
    process: Arc<Process>,
    map: Arc<ModelMap>,
    member: Explored,
}

impl Running {
    fn new(world: &Arc<World>, name: String, serves: bool) -> Arc<Self> {
        let process = Process::new(world, name.clone(), serves);
        let map = ModelMap::new(world, &process);
        let timer = ModelTimer::new(world, &process);
        let member =
            Member::new(map.clone(), timer, ModelSource::new(world, &process), serves.then_some(name));
        Arc::new(Self { process, map, member })
    }

    fn is_trusted(&self) -> bool {
        self.map.ring.is_trusted(Duration::from_micros(self.process.clock()))
    }
}

/// A server that is started again when it was killed.
struct Slot {
    node: String,
    starts: Mutex<u64>,
    running: Mutex<Arc<Running>>,
}

type Tasks = Arc<Mutex<Vec<JoinHandle<()>>>>;

/// Runs one schedule to its end, or panics with what was violated.
pub(super) fn run(fault: Option<Fault>) {
    block_on(async move {
        let world = World::new(fault);
        let tasks: Tasks = Tasks::default();
        let passing = world.clone();
        let time = spawn(async move {
            while passing.advance() {
                yield_now().await;
            }
        });
        for number in 1..=2 {
            let id = key(number);
            world.know(id);
            commit_now(&world, id);
        }
        // One server and a few who publish without serving meet more often than all do.
        let servers = one_of([1, 1, 2, 3]);
        let slots: Vec<Arc<Slot>> = (0..servers).map(|index| slot(&world, index, &tasks)).collect();
        let shells: Vec<Arc<Running>> =
            (1..=3).map(|number| Running::new(&world, format!("shell{number}"), false)).collect();
        let mut publishers = Vec::new();
        let mut troubles = Vec::new();
        for shell in &shells {
            let publisher = Publisher::Shell(shell.clone());
            publishers.push(spawn(publish_some(world.clone(), publisher, 2)));
        }
        for slot in &slots {
            for _ in 0..2 {
                let publisher = Publisher::Server(slot.clone());
                publishers.push(spawn(publish_some(world.clone(), publisher, 2)));
            }
            troubles.push(spawn(trouble(world.clone(), slot.clone(), tasks.clone())));
        }
        for publisher in publishers {
            publisher.await.unwrap();
        }
        world.calm_down();
        for trouble in troubles {
            trouble.await.unwrap();
        }
        recovered(&world, &slots, &shells[0]).await;
        world.end();
        loop {
            let Some(task) = tasks.lock().unwrap().pop() else { break };
            task.await.unwrap();
        }
        world.stop_time();
        time.await.unwrap();
    });
}

fn key(number: u64) -> KeyId {
    KeyId::parse(&format!("{number:012}")).unwrap()
}

fn commit_now(world: &World, id: KeyId) -> i64 {
    let mut database = world.database();
    database.number += 1;
    let number = database.number;
    database.commit(id, Deed::Write, number);
    number
}

fn slot(world: &Arc<World>, index: u64, tasks: &Tasks) -> Arc<Slot> {
    let node = format!("node{index}");
    let running = Running::new(world, format!("{node}-0"), true);
    let slot = Slot { node, starts: Mutex::new(0), running: Mutex::new(running.clone()) };
    let slot = Arc::new(slot);
    serve(world, &slot, running, tasks);
    slot
}

/// The jobs of a server, and requests to it.
fn serve(world: &Arc<World>, slot: &Arc<Slot>, running: Arc<Running>, tasks: &Tasks) {
    let other = if world.has(Fault::CopiedNode) { "node0" } else { &slot.node };
    let former = Former::OfNode(other.to_owned());
    let begun = running.clone();
    // It must hold however seldom a process looks.
    let poll = Duration::from_millis(one_of([100, 400, 1500]));
    let jobs = spawn(async move {
        while begun.member.begin(&former).await.is_err() {
            if begun.process.is_done() {
                return;
            }
            begun.process.pause(poll).await;
        }
        let keeping = begun.clone();
        let keep = spawn(async move {
            while !keeping.process.is_done() {
                // What fails is done again.
                let _ = keeping.member.keep().await;
                keeping.process.pause(RENEWAL).await;
            }
        });
        while !begun.process.is_done() {
            if let Err(error) = begun.member.follow().await {
                assert!(
                    !error.to_string().contains("older"),
                    "violation: nobody put an older database there"
                );
            }
            if chance(20) {
                begun.member.forget_tombstones().await;
            }
            begun.process.pause(poll).await;
        }
        keep.await.unwrap();
    });
    let asked = spawn(ask(world.clone(), running.clone()));
    let watched = spawn(watch(world.clone(), running));
    tasks.lock().unwrap().extend([jobs, asked, watched]);
}

/// Requests, one after another.
async fn ask(world: Arc<World>, running: Arc<Running>) {
    while !running.process.is_done() {
        running.process.go_on().await;
        let promised = world.promises();
        let promise = promised[below(promised.len())];
        let moment = running.process.clock();
        let ring = &running.map.ring;
        if ring.is_trusted(Duration::from_micros(moment))
            && let Some(entry) = ring.get(promise.id)
            && !running.process.is_dead()
        {
            let name = &running.process.name;
            assert!(
                entry.change >= promise.not_before,
                "violation: {name} let a key in by its state at {}, and {} was published before the request",
                entry.change,
                promise.not_before
            );
            assert!(
                moment < running.process.may_until(),
                "violation: {name} let a key in after its lease had run out"
            );
        }
        if chance(3) {
            yield_now().await;
        } else {
            world.sleep(upto(150 * MILLI)).await;
        }
    }
}

/// What was deleted stays deleted, what is newer stays newer, trusted or not.
async fn watch(world: Arc<World>, running: Arc<Running>) {
    let mut known: Vec<(Option<i64>, bool)> = Vec::new();
    while !running.process.is_done() {
        let promises = world.promises();
        known.resize(promises.len(), (None, false));
        for (promise, (last, gone)) in promises.iter().zip(&mut known) {
            let found = running.map.ring.get(promise.id).map(|entry| entry.change);
            match (found, *last) {
                (Some(_), _) if *gone => panic!("violation: a deleted key came back"),
                (Some(found), Some(last)) if found < last => panic!("violation: {found} replaced {last}"),
                (None, Some(_)) => *gone = true,
                _ => {}
            }
            *last = found.or(*last);
        }
        world.sleep(upto(150 * MILLI)).await;
    }
}

enum Publisher {
    Shell(Arc<Running>),
    Server(Arc<Slot>),
}

impl Publisher {
    fn running(&self) -> Arc<Running> {
        match self {
            Self::Shell(running) => running.clone(),
            Self::Server(slot) => slot.running.lock().unwrap().clone(),
        }
    }
}

/// Makes, narrows and deletes keys.
async fn publish_some(world: Arc<World>, by: Publisher, count: usize) {
    for _ in 0..count {
        world.sleep(upto(world.gap)).await;
        let running = by.running();
        let promises = world.promises();
        let fresh = chance(3);
        let id = if fresh { key(promises.len() as u64 + 1) } else { promises[below(promises.len())].id };
        let deed = if !fresh && chance(2) { Deed::Delete } else { Deed::Write };
        if fresh {
            world.know(id);
        }
        let Some(number) = change(&world, &running.process, id, deed, fresh).await else { continue };
        let gone = if deed == Deed::Delete { vec![id] } else { Vec::new() };
        let patience = fresh.then_some(Duration::from_secs(2));
        // Without an answer nothing is promised.
        if let Ok(true) = running.member.publish(number, &gone, patience).await
            && !running.process.is_dead()
        {
            world.promise(id, deed, number);
        }
    }
}

/// Commits a change; `None` if it is not known to be committed.
async fn change(world: &Arc<World>, process: &Process, id: KeyId, deed: Deed, fresh: bool) -> Option<i64> {
    let drawn = if world.has(Fault::NumbersBeforeCommit) {
        let drawn = process.ask(Call::Commit, Database::draw_number).await.ok()?;
        world.sleep(upto(500 * MILLI)).await;
        Some(drawn)
    } else {
        None
    };
    let committed = process.ask(Call::Commit, |database| {
        if !fresh && !database.keys.contains_key(&id) {
            return None;
        }
        let number = drawn.unwrap_or(database.number + 1);
        database.commit(id, deed, number);
        database.number = database.number.max(number);
        Some(number)
    });
    committed.await.ok().flatten()
}

/// What goes wrong with a server.
async fn trouble(world: Arc<World>, slot: Arc<Slot>, tasks: Tasks) {
    let often = one_of([2, 6]);
    while !world.is_calm() {
        world.sleep(upto(often * SECOND)).await;
        let running = slot.running.lock().unwrap().clone();
        match upto(6) {
            0 => running.process.stop_for(upto(9 * SECOND)),
            1 | 2 => running.process.cut_for(upto(9 * SECOND)),
            3 => {
                running.process.kill();
                let number = {
                    let mut starts = slot.starts.lock().unwrap();
                    *starts += 1;
                    *starts
                };
                world.sleep(upto(SECOND)).await;
                let next = Running::new(&world, format!("{}-{number}", slot.node), true);
                *slot.running.lock().unwrap() = next.clone();
                serve(&world, &slot, next, &tasks);
            }
            4 => {
                // Whoever is behind then has to load everything.
                let mut database = world.database();
                let last = database.number;
                database.changes.retain(|change| change.number >= last);
            }
            _ => {}
        }
    }
}

/// When nothing goes wrong any more, every server is trusted again and has every key, and a new key is usable everywhere
/// soon after it was made.
async fn recovered(world: &Arc<World>, slots: &[Arc<Slot>], shell: &Arc<Running>) {
    let fresh = key(world.promises().len() as u64 + 1);
    world.know(fresh);
    let number = commit_now(world, fresh);
    let began = world.now();
    let everywhere = shell.member.publish(number, &[], None).await;
    assert!(matches!(everywhere, Ok(true)), "violation: a change could not be published in peace");
    loop {
        let current = slots.iter().all(|slot| {
            let running = slot.running.lock().unwrap().clone();
            running.is_trusted() && running.map.ring.applied() >= number
        });
        if current {
            break;
        }
        assert!(world.now() - began < RECOVERY, "violation: a server did not recover");
        world.sleep(200 * MILLI).await;
    }
    let keys = world.database().keys.clone();
    for slot in slots {
        let running = slot.running.lock().unwrap().clone();
        for (id, change) in &keys {
            let found = running.map.ring.get(*id).map(|entry| entry.change);
            assert_eq!(found, Some(*change), "violation: {} lacks a key", running.process.name);
        }
        assert_eq!(
            running.map.ring.len(),
            keys.len(),
            "violation: {} has a key too many",
            running.process.name
        );
    }
}
