//! Bytes to typed values, one file per door: no database, no HTTP.

pub mod csv;
pub mod git;
