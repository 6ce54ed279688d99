//! Wrong wall clocks bring nothing back: what a call has ended is ended by the change, not by a time of day.

use super::trio::Trio;
use serde_json::json;
use std::time::Duration;

const HOUR: u32 = 3600;

#[test]
fn a_rotated_out_secret_is_dead_where_the_clock_is_behind() {
    let trio = Trio::start("clocks-rotation");
    trio.clocks[1].set_hours(-3);
    let first = trio.make("plain", &json!({}));
    let second = trio.rotate(0, &first, &json!({}));
    assert_eq!(trio.answers(&first.secret), [401; 3], "without an overlap");
    let third = trio.rotate(0, &second, &json!({"overlapSeconds": 24 * HOUR}));
    assert_eq!(trio.answers(&second.secret), [200; 3], "in its overlap");
    trio.rotate(0, &third, &json!({"overlapSeconds": 24 * HOUR}));
    assert_eq!(trio.answers(&second.secret), [401; 3], "two secrets live at most");
}

#[test]
fn an_overlap_that_ends_by_use_ends_whatever_the_clocks_say() {
    let trio = Trio::start("clocks-overlap");
    let until_used = json!({"overlapSeconds": 24 * HOUR, "endOverlapOnFirstUse": true});
    trio.clocks[1].set_hours(-3);
    let old = trio.make("behind", &json!({}));
    let new = trio.rotate(0, &old, &until_used);
    assert_eq!(trio.client(0).opens(&new), 200);
    assert_eq!(trio.answers(&old.secret), [401; 3], "used where the clock is right");

    // For this server the overlap is over by its clock; for the others it is not.
    trio.clocks[2].set_hours(30);
    let old = trio.make("ahead", &json!({}));
    let new = trio.rotate(0, &old, &until_used);
    assert_eq!(trio.client(0).opens(&old), 200);
    assert_eq!(trio.client(2).opens(&new), 200);
    assert_eq!(trio.answers(&old.secret), [401; 3], "used where the clock is ahead");
}

#[test]
fn what_was_refused_as_expired_stays_so_when_the_clock_is_set_back() {
    let trio = Trio::start("clocks-expiry");
    let soon = sextant_core::time::Time::from_micros(
        i64::try_from(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros()).unwrap() + 1_500_000,
    );
    let key = trio.make("short", &json!({"expiresAt": soon.to_string()}));
    let old = trio.make("rotated", &json!({}));
    trio.rotate(0, &old, &json!({"overlapSeconds": 1}));
    // Longer than that; nothing else happens that could raise the mark meanwhile.
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(trio.answers(&key.secret), [401; 3]);
    assert_eq!(trio.answers(&old.secret), [401; 3]);
    trio.clocks.iter().for_each(|clock| clock.set_hours(-3));
    for number in 0..3 {
        let client = trio.client(number);
        client.get("/v2/developers/schema").key(&key).refused(401, "API_KEY_EXPIRED");
        client.get("/v2/developers/schema").key(&old).refused(401, "INVALID_API_KEY");
    }
}
