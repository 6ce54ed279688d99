//! Who is let in, and what the others are told.

mod credentials;
mod manners;
mod places;
