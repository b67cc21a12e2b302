//! Who asks for an identity, and who follows whom.

use crate::domain::identity::Identity;
use crate::domain::outcome::Outcome;
use crate::ledger::LookupId;
use std::collections::HashMap;

/// How an earlier lookup ended, for those that follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) outcome: Outcome,
    pub(super) attempt: i64,
}

struct Leader {
    at: LookupId,
    followers: Vec<LookupId>,
    ending: Option<Ending>,
}

/// Who asks for an identity, and who waits for what comes of it. An identity is of one account, and so are these.
///
/// The ledger knows every lookup that ended before it was asked; this knows those under way, and those that ended since
/// the read-ahead under way began, which the read-ahead cannot have seen.
#[derive(Default)]
pub(super) struct Leaders {
    by_identity: HashMap<Identity, Leader>,
    /// What each of those under way asks for.
    asked: HashMap<LookupId, Identity>,
    waiting: usize,
}

/// What a lookup learns when it asks to lead.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lead {
    /// It is the first: it asks.
    Mine,
    /// Another is at it; it will be told.
    Wait,
    /// Another has just ended so.
    Ended(Ending),
}

impl Leaders {
    /// Asks to be the one that asks for `identity`.
    pub(super) fn lead(&mut self, identity: Identity, at: LookupId) -> Lead {
        self.join(identity, at).unwrap_or_else(|| {
            self.by_identity.insert(identity, Leader { at, followers: Vec::new(), ending: None });
            self.asked.insert(at, identity);
            Lead::Mine
        })
    }

    /// Joins whoever asks for `identity`; `None` if nobody does.
    pub(super) fn join(&mut self, identity: Identity, at: LookupId) -> Option<Lead> {
        let leader = self.by_identity.get_mut(&identity)?;
        Some(match leader.ending {
            _ if leader.at == at => Lead::Mine,
            Some(ending) => Lead::Ended(ending),
            None => {
                leader.followers.push(at);
                self.waiting += 1;
                Lead::Wait
            }
        })
    }

    /// Notes that a lookup is no longer under way, and gives out those that followed it. How it ended is `kept` until
    /// [`Leaders::forget_ended`] while a read-ahead is under way, which cannot have seen it.
    pub(super) fn ended(&mut self, at: LookupId, ending: Option<Ending>, kept: bool) -> Vec<LookupId> {
        let Some(identity) = self.asked.remove(&at) else { return Vec::new() };
        let Some(mut leader) = self.by_identity.remove(&identity) else { return Vec::new() };
        let followers = std::mem::take(&mut leader.followers);
        self.waiting -= followers.len();
        if kept && ending.is_some() {
            leader.ending = ending;
            self.by_identity.insert(identity, leader);
        }
        followers
    }

    /// Forgets those that ended: from now on a read-ahead finds them in the ledger.
    pub(super) fn forget_ended(&mut self) {
        self.by_identity.retain(|_, leader| leader.ending.is_none());
    }

    /// Gives out the followers of some steps: they stay pending in the ledger.
    pub(super) fn drop_steps(&mut self, dropped: impl Fn(u16) -> bool) -> Vec<LookupId> {
        let leaders = self.by_identity.values_mut();
        let gone: Vec<LookupId> =
            leaders.flat_map(|leader| leader.followers.extract_if(.., |at| dropped(at.step))).collect();
        self.waiting -= gone.len();
        gone
    }

    /// Followers that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Identity = Identity([1; 16]);

    fn lookup_id(row: i64) -> LookupId {
        LookupId { row, step: 0 }
    }

    #[test]
    fn the_first_leads_and_the_rest_hear_of_it() {
        let mut leaders = Leaders::default();
        let ending = Ending { outcome: Outcome::Hit, attempt: 7 };
        assert_eq!(leaders.lead(ID, lookup_id(1)), Lead::Mine);
        assert_eq!(leaders.lead(ID, lookup_id(1)), Lead::Mine, "it may ask twice");
        assert_eq!(leaders.lead(ID, lookup_id(2)), Lead::Wait);
        assert_eq!(leaders.waiting(), 1);
        assert_eq!(leaders.ended(lookup_id(1), Some(ending), true), [lookup_id(2)]);
        assert_eq!(leaders.waiting(), 0);
        assert_eq!(leaders.lead(ID, lookup_id(3)), Lead::Ended(ending), "the read-ahead under way missed it");
        leaders.forget_ended();
        assert_eq!(leaders.lead(ID, lookup_id(4)), Lead::Mine);
        // Who goes without an answer leaves its followers to themselves.
        assert_eq!(leaders.lead(ID, LookupId { row: 5, step: 1 }), Lead::Wait);
        assert_eq!(leaders.lead(ID, lookup_id(6)), Lead::Wait);
        assert_eq!(leaders.drop_steps(|step| step == 1), [LookupId { row: 5, step: 1 }]);
        assert_eq!((leaders.ended(lookup_id(9), None, true), leaders.waiting()), (Vec::new(), 1));
        assert_eq!(leaders.ended(lookup_id(4), None, true), [lookup_id(6)]);
        assert_eq!(leaders.lead(ID, lookup_id(6)), Lead::Mine);
    }
}
