//! An overlap that ends by the first use of the new secret has ended when that use is answered, whatever then happens.

use super::trio::Trio;
use crate::site::eventually;
use serde_json::json;
use std::time::Duration;

#[test]
fn the_first_use_is_answered_after_the_old_secret_died() {
    let mut trio = Trio::start("overlap-first-use");
    let until_used = json!({"overlapSeconds": 3600, "endOverlapOnFirstUse": true});
    for used_on in 0..3 {
        let old = trio.make(&format!("used on {used_on}"), &json!({}));
        let new = trio.rotate((used_on + 1) % 3, &old, &until_used);
        assert_eq!(trio.answers(&old.secret), [200; 3], "both work until the new one is used");
        assert_eq!(trio.client(used_on).opens(&new), 200);
        trio.kill(used_on);
        for other in (0..3).filter(|other| *other != used_on) {
            assert_eq!(trio.client(other).opens(&old), 401, "server {other} knows before the answer");
        }
        trio.serve(used_on);
        eventually("it serves again", Duration::from_secs(15), || trio.client(used_on).opens(&new) == 200);
        assert_eq!(trio.answers(&old.secret), [401; 3], "it was written down before the answer");
        assert_eq!(trio.answers(&new.secret), [200; 3]);
    }
    let ended = trio.run(&["audit", "verify"]).json();
    assert_eq!(ended["sound"], true);
}

/// The new secret may come to all servers at once: none of them answers while another still takes the old one.
#[test]
fn uses_at_the_same_time_all_wait() {
    let trio = Trio::start("overlap-all-at-once");
    for round in 0..20 {
        let old = trio.make(&format!("round {round}"), &json!({}));
        let until_used = json!({"overlapSeconds": 3600, "endOverlapOnFirstUse": true});
        let new = trio.rotate(round % 3, &old, &until_used);
        let clients: Vec<_> = (0..3).map(|number| trio.client(number)).collect();
        std::thread::scope(|scope| {
            for (number, client) in clients.iter().enumerate() {
                let (new, old, all) = (&new, &old, &clients);
                scope.spawn(move || {
                    assert_eq!(client.opens(new), 200);
                    let after: Vec<u16> = all.iter().map(|client| client.opens(old)).collect();
                    assert_eq!(after, [401; 3], "round {round}, server {number}");
                });
            }
        });
    }
}
