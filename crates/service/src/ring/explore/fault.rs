//! What can be wrong with a part. The protocol on top stays as it is: each fault stands for a rule that a part, or the order
//! of steps, must keep, and exploration has to notice that it is broken.

use super::world::Call;

/// A broken rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The lease is counted from after the renewal was answered.
    CountedFromTheAnswer,
    /// Deleting leaves no tombstone.
    NoTombstones,
    /// The one who waits adds nothing for clocks that go at different rates.
    NoMargin,
    /// The one who waits counts from before it asked.
    CountedFromTheQuestion,
    /// Trust begins without the changes from before the lease was there.
    TrustBeforeCatchUp,
    /// A renewal says what is committed, not what is in.
    ToldBeforeApplied,
    /// A process does not notice that its lease was ended.
    EndUnnoticed,
    /// The one who waits does not look whether the lease that it ends was renewed in that moment.
    EndUnchecked,
    /// A lease is taken again under the name that it had.
    NameUsedTwice,
    /// Numbers are drawn before a change is committed, so that a later one can be seen first.
    NumbersBeforeCommit,
    /// A node that lives has the name of one that begins, as in a copied data directory.
    CopiedNode,
    /// A renewal is believed although it was not answered.
    UnansweredRenewal,
}

impl Fault {
    pub(super) const ALL: [Self; 12] = [
        Self::CountedFromTheAnswer,
        Self::NoTombstones,
        Self::NoMargin,
        Self::CountedFromTheQuestion,
        Self::TrustBeforeCatchUp,
        Self::ToldBeforeApplied,
        Self::EndUnnoticed,
        Self::EndUnchecked,
        Self::NameUsedTwice,
        Self::NumbersBeforeCommit,
        Self::CopiedNode,
        Self::UnansweredRenewal,
    ];

    /// What must take long for it to show soon, if anything.
    pub(super) const fn shows_where_slow(self) -> Option<Call> {
        match self {
            Self::NoTombstones => Some(Call::Changes),
            Self::CountedFromTheQuestion => Some(Call::Leases),
            Self::EndUnchecked | Self::NameUsedTwice => Some(Call::End),
            _ => None,
        }
    }

    /// After what trouble must begin for it to show soon, if anything.
    pub(super) const fn shows_where_sore(self) -> Option<Call> {
        match self {
            Self::NoMargin | Self::CountedFromTheQuestion | Self::EndUnchecked | Self::NameUsedTwice => {
                Some(Call::Renew)
            }
            _ => None,
        }
    }
}
