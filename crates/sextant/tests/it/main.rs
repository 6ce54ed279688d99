//! The built binary, tried from outside: what it prints, what it answers, how it ends.

mod command_line;
mod docs;
mod serving;
mod support;
mod transport;
