//! Rules without IO: what Sextant believes, with time and randomness coming in as arguments.

pub mod developer;
pub mod email;
