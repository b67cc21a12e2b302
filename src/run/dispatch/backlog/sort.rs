//! What is read ahead on its way into the backlog.

use super::Backlog;
use crate::domain::outcome::State;
use crate::ledger::{EarlierLookup, LookupId};
use crate::run::decide::disposition::{Disposition, Skip};
use crate::run::decide::fetch::Fetched;
use crate::run::decide::prepared::service_name;
use crate::run::dispatch::leaders::{Ending, Lead};
use crate::run::dispatch::queue::Ready;

/// What becomes at once of a lookup that was read ahead and needs no request.
pub(in crate::run::dispatch) enum Sorted {
    /// It ends as another did.
    Reuse(Ending),
    /// Its letter may have gone out by a call that was lost.
    LetterUnknown,
    /// We refuse it, for this reason.
    Invalid(String),
    /// What the ledger holds of its row does not open.
    Damaged,
    /// It is not asked.
    Skip(Skip),
    /// It would post a letter that was not foreseen when the run began.
    Unforeseen,
}

impl Backlog {
    /// Sorts in a lookup that was read ahead. Gives out what needs no request.
    pub(in crate::run::dispatch) fn sort(&mut self, fetched: Fetched) -> Option<Sorted> {
        let Fetched { at, heard_at, spent, lost, purpose, disposition, chain } = fetched;
        if self.stops(at) {
            self.let_go(at);
            return None;
        }
        let ready = |ask| Ready { at, heard_at, ask, spent, lost, refusals: 0, purpose };
        let letters = self.prepared.job.steps[usize::from(at.step)].letters;
        match disposition {
            // All were counted before anything was sent; one that comes up after all is a mistake of ours that must not cost
            // anybody a letter.
            Disposition::Ask(ask) if ask.letter_making && !letters => Some(Sorted::Unforeseen),
            Disposition::Ask(ask) => self.enqueue(ready(ask)),
            Disposition::Follow(ask, holder) => self.follow(ready(ask), holder),
            Disposition::Reuse(ask, answer) => match self.of(at).leaders.lead(ask.identity, at) {
                Lead::Mine => {
                    Some(Sorted::Reuse(Ending { outcome: answer.outcome, attempt: answer.attempt }))
                }
                Lead::Ended(ending) => Some(Sorted::Reuse(ending)),
                Lead::Wait => None,
            },
            Disposition::InFlightElsewhere(ask) => match self.of(at).leaders.lead(ask.identity, at) {
                Lead::Mine => {
                    self.wait_for_another(at);
                    None
                }
                Lead::Ended(ending) => Some(Sorted::Reuse(ending)),
                Lead::Wait => None,
            },
            Disposition::LetterUnknown => Some(Sorted::LetterUnknown),
            Disposition::Invalid(reason) => Some(Sorted::Invalid(reason)),
            Disposition::Damaged => Some(Sorted::Damaged),
            Disposition::Skip(skip) => Some(Sorted::Skip(skip)),
            Disposition::Wait(_) if chain.iter().any(|gate| self.has_no_turn(*gate)) => {
                self.let_go(at);
                None
            }
            Disposition::Wait(gate) => {
                if !self.dependants.wait(at, gate) {
                    self.of(at).reading.again(at);
                }
                None
            }
        }
    }

    /// Whether a lookup that had not ended when it was read will not be asked: its step is stopped, and it is not in flight.
    fn has_no_turn(&self, at: LookupId) -> bool {
        let ends = self.flights.contains_key(&at) || self.dependants.has_ended(at);
        self.stops(at) && !ends
    }

    fn enqueue(&mut self, ready: Ready) -> Option<Sorted> {
        match self.of(ready.at).leaders.lead(ready.ask.identity, ready.at) {
            Lead::Mine => {
                self.queue_up(ready);
                None
            }
            Lead::Ended(ending) => Some(Sorted::Reuse(ending)),
            Lead::Wait => None,
        }
    }

    /// Puts a lookup among those that may go, unless its block is being tried.
    fn queue_up(&mut self, ready: Ready) {
        let at = ready.at;
        let ready = match &ready.ask.tried {
            Some(block) => {
                let tried =
                    format!("{}:{block}", service_name(&self.prepared.job.steps[usize::from(at.step)]));
                self.of(at).trials.enter(tried, ready)
            }
            None => Some(ready),
        };
        if let Some(ready) = ready {
            self.of(at).queue.push(ready);
        }
    }

    fn follow(&mut self, ready: Ready, holder: EarlierLookup) -> Option<Sorted> {
        if let (Some(outcome), Some(attempt)) = (holder.outcome, holder.attempt) {
            return Some(Sorted::Reuse(Ending { outcome, attempt }));
        }
        // The earlier row is under way, or waits in a queue: it comes first in any order, so it was read before.
        match self.of(ready.at).leaders.join(ready.ask.identity, ready.at) {
            Some(Lead::Ended(ending)) => return Some(Sorted::Reuse(ending)),
            Some(Lead::Wait) => {}
            // It was to ask, and has waited for another process meanwhile.
            Some(Lead::Mine) => self.queue_up(ready),
            // It asks another question by now: the job file was mended since.
            None if holder.state == State::Pending => return self.enqueue(ready),
            // Rather left pending and looked into than bought twice.
            None => {
                tracing::error!(row = ready.at.row, "an earlier lookup of this identity is lost from sight");
                self.let_go(ready.at);
            }
        }
        None
    }
}
