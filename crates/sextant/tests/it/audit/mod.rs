//! The audit log: complete, searchable, and proof against who edits it.

mod entries;
mod long;
mod proof;
mod traces;
