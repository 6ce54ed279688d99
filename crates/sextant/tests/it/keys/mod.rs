//! The life of a key, from its making to its end.

mod life;
mod offspring;
mod retries;
mod rotation;
mod usage;
