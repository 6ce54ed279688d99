//! The built binary, tried from outside: what it prints, what it answers, how it ends.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests are outside the wiring: they measure with the machine's clock"
)]
#![expect(clippy::similar_names, reason = "what is made is called so where it was made by `make`")]

mod audit;
mod authentication;
mod command_line;
mod developers;
mod docs;
mod fence;
mod hardship;
mod keys;
mod leaks;
mod master_key;
mod people;
mod permissions;
mod restore;
mod revocation;
mod rollback;
mod serving;
mod site;
mod support;
mod transport;
