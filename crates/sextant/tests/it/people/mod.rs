//! People: how they come in, what they may do, and how they leave.

mod roles;
mod sessions;
mod signed_in;
mod users;
