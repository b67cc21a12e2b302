//! What a lookup comes to, for the one way into the batch and into the backlog.

use super::backlog::End;
use super::coordinator::Coordinator;
use super::leaders::Ending;
use crate::domain::outcome::{Outcome, Source, State};
use crate::http::transport::Transport;
use crate::ledger::{Change, LookupId};

impl<T: Transport> Coordinator<T> {
    /// Writes a lookup's new state with the next commit. Where that is an end, those who waited for it go on: lookups with a
    /// condition on it, lookups of the same question, lookups whose block it tried.
    pub(super) fn change(&mut self, change: Change) {
        let end = End::of(&change);
        self.writer.change(change);
        for (follower, ending) in end.map(|end| self.backlog.ended(end)).unwrap_or_default() {
            self.reuse(follower, ending);
        }
    }

    /// Parks a lookup whose letter may have gone out by a call that was lost.
    pub(super) fn letter_unknown(&mut self, at: LookupId) {
        self.change(Change {
            code: Some("letter-unknown".to_owned()),
            text: Some(
                "an earlier call with the same identity was lost and may have sent a letter: `retry --unknown` asks again"
                    .to_owned(),
            ),
            ..Change::to(at, State::Parked, Some(Outcome::Unknown))
        });
    }

    /// Settles a lookup by an answer that it did not buy.
    pub(super) fn reuse(&mut self, at: LookupId, ending: Ending) {
        let state = if ending.outcome == Outcome::Unknown { State::Parked } else { State::Settled };
        self.change(Change {
            source: Some(Source::Reused),
            attempt: Some(ending.attempt),
            ..Change::to(at, state, Some(ending.outcome))
        });
    }
}
