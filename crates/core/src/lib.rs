//! Everything Sextant believes, without touching anything: no file, no socket, no clock, no database.
//!
//! Time and randomness come in as arguments ([`source::Clock`], [`source::Entropy`]). Parsing makes invalid
//! states unrepresentable, so that the rooms above never check twice.

pub mod access;
pub mod audit;
pub mod base62;
pub mod code;
pub mod credentials;
pub mod developer;
pub mod email;
pub mod id;
pub mod key;
pub mod limit;
pub mod network;
pub mod permission;
pub mod power;
pub mod redact;
pub mod revocation;
pub mod source;
pub mod text;
pub mod time;
pub mod wrap;
