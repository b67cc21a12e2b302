//! What the dispatcher reads: pending lookups, and what the ledger knows of their questions already.

use super::{LookupId, StoredAnswer};
use crate::domain::identity::Identity;
use crate::domain::number::Subject;
use crate::domain::outcome::{Outcome, State};
use std::sync::Arc;

/// A lookup that waits to be asked.
pub struct Pending {
    /// Which.
    pub at: LookupId,
    /// Attempts spent so far.
    pub spent: u32,
    /// Whether the answer to one of them was lost: then it can no longer end as certainly not carried out.
    pub lost: bool,
    /// When the register last answered about it, where that decides the order; else 0.
    pub heard_at: i64,
    /// About whom, and the row's copied columns; `None` if what is sealed of the row does not open.
    pub content: Option<(Subject, Vec<String>)>,
}

impl Pending {
    /// Its row, as what it asks is made of it.
    pub fn row(&self) -> Option<(&Subject, &[String])> {
        self.content.as_ref().map(|(subject, columns)| (subject, columns.as_slice()))
    }
}

/// An earlier lookup of this run with the same identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarlierLookup {
    /// Which.
    pub at: LookupId,
    /// Where it stands.
    pub state: State,
    /// Its outcome, where it has one.
    pub outcome: Option<Outcome>,
    /// The attempt that decided.
    pub attempt: Option<i64>,
}

/// Where a lookup stands, for one that depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupStatus {
    /// Its state.
    pub state: State,
    /// Its outcome, where it has one.
    pub outcome: Option<Outcome>,
    /// Its code, where it has one.
    pub code: Option<String>,
    /// Its answer's body, where that was asked for and is there; empty where it is damaged.
    pub body: Option<Vec<u8>>,
}

/// What the ledger knows of an identity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Known {
    /// The newest answer that may be used again, whatever its age.
    pub answer: Option<StoredAnswer>,
    /// The first lookup of this run that was sent for it.
    pub holder: Option<EarlierLookup>,
    /// The answer of another run's newest call, where it cannot be read; its outcome is `unknown`.
    pub unread: Option<StoredAnswer>,
    /// Whether a letter-making call of another run was lost, or its answer cannot be read, and it was never settled since.
    pub letter_unknown: bool,
    /// A call of another run whose process is there and waits for the answer.
    pub elsewhere: Option<InFlightElsewhere>,
}

/// A call that another process waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InFlightElsewhere {
    /// Whether it may post a letter.
    pub letter_making: bool,
}

/// The key by which the lookups of a run are ordered: in input order the id alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderKey {
    /// When the register last answered about the row's number, in milliseconds since 1970; 0 is never, or does not count.
    pub heard_at: i64,
    /// Which lookup.
    pub at: LookupId,
}

/// A question of which is asked what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What makes it the same purchase as another.
    pub identity: Identity,
    /// About a person: only answers that were bought for one of these purposes may be used, by the keyed digests of these, as a
    /// JSON list. `None` if any may.
    pub purposes: Option<Arc<str>>,
}

impl From<Identity> for Asked {
    fn from(identity: Identity) -> Self {
        Self { identity, purposes: None }
    }
}
