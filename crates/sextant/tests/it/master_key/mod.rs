//! The master key: whose database it is, and another in its place without anybody noticing.

mod belonging;
