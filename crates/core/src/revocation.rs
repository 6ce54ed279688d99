//! What is remembered for ever of power that was taken away, so that no older copy of the data gives it back.

/// What was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RevocationKind {
    /// A key was deleted: it stays dead in whatever database it is found.
    Deleted,
    /// A key was disabled, narrowed or rotated, or the overlap of a rotation ended.
    Reduced,
    /// Every key was switched off at once.
    AllReduced,
    /// A person was deactivated or removed, lost a role, or got another password.
    UserReduced,
}

impl RevocationKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Deleted, Self::Reduced, Self::AllReduced, Self::UserReduced];

    /// The name by which it is stored.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Reduced => "reduced",
            Self::AllReduced => "all-reduced",
            Self::UserReduced => "user-reduced",
        }
    }

    /// Reads a stored name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One taking away.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revocation {
    /// The number of the change; 0 for what is older than this record.
    pub number: i64,
    /// What was taken.
    pub kind: RevocationKind,
    /// The id of the key or the person; [`Revocation::EVERY_KEY`] where it was every key.
    pub subject: String,
}

impl Revocation {
    /// Stands for every key.
    pub const EVERY_KEY: &str = "keys";
}
