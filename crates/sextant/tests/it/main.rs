//! The built binary, tried from outside: what it prints, what it answers, how it ends.

mod audit;
mod authentication;
mod command_line;
mod developers;
mod docs;
mod keys;
mod leaks;
mod people;
mod permissions;
mod revocation;
mod rollback;
mod serving;
mod site;
mod support;
mod transport;
