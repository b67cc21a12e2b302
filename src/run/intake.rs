//! What is read ahead on its way into the queues: lookups that need a request wait there, the others are settled at once.

use super::coordinator::{Coordinator, Message};
use super::fetch::{Fetched, Freshness, Page, Skip, Verdict, Which, fetch};
use super::prepared::service_name;
use super::queue::{Ending, Lead, Ready};
use crate::domain::identity::Identity;
use crate::domain::outcome::{Outcome, Source, State};
use crate::http::transport::Transport;
use crate::ledger::{Change, Holder, Place, Turn};
use crate::time::now_ms;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Lookups read ahead at once. More makes the hop to the database cheaper, fewer leaves less to be overtaken by another
/// process.
const READ_AHEAD: u32 = 256;

/// How soon it is looked again whether another process has the answer that it asked for first.
const ANOTHERS_ANSWER: Duration = Duration::from_millis(250);

/// Lookups that may wait in memory: those of a paused account, and followers of lookups under way.
const MOST_WAITING: usize = 4_096;

impl<T: Transport> Coordinator<T> {
    /// Asks for the next pending lookups where there is room for them.
    pub(super) fn read_ahead(&mut self) {
        // What ended and is not written yet (a full disk) would be read as still under way.
        if !self.batch.is_empty() {
            return;
        }
        let queued = self.lanes.iter().map(|lane| lane.queue.len()).sum::<usize>();
        let waiting = queued
            + self.leaders.waiting()
            + self.dependants.waiting()
            + self.trials.waiting()
            + self.elsewhere.len();
        let hungry = self.lanes.iter().any(|lane| lane.queue.len() < READ_AHEAD as usize);
        if self.stopped.iter().all(|stopped| *stopped) {
            self.exhausted = true;
        }
        if self.fetching || self.halt.draining() {
            return;
        }
        // Those whose gate has ended come first: they stand earlier in the order, and make room.
        let ripe = self.read_again();
        let which = if !ripe.is_empty() {
            Which::At(ripe)
        } else if self.exhausted || waiting >= MOST_WAITING || !hungry {
            return;
        } else {
            Which::After(self.after, READ_AHEAD)
        };
        self.fetching = true;
        let (ledger, prepared, run) = (self.ledger.clone(), self.prepared.clone(), self.run);
        let saved = Arc::clone(&self.saved);
        let freshness = Freshness { now: now_ms(), ..self.freshness };
        self.spawn(async move {
            Message::Fetched(fetch(&ledger, &prepared, run, which, freshness, &saved).await)
        });
    }

    /// Sorts what was read ahead into the queues, and settles what needs no request.
    pub(super) fn fetched(&mut self, page: Page) {
        if page.next {
            self.exhausted = page.lookups.len() < READ_AHEAD as usize;
            self.after =
                page.lookups.last().map_or(self.after, |last| Turn { heard_at: last.heard_at, at: last.at });
        }
        for Fetched { at, heard_at, spent, lost, purpose, verdict } in page.lookups {
            if self.stopped[usize::from(at.step)] {
                continue;
            }
            match verdict {
                Verdict::Ask(ask) if ask.letter_making && !self.may_post(at) => {}
                Verdict::Ask(ask) => {
                    self.enqueue(Ready { at, heard_at, ask, spent, lost, refusals: 0, purpose });
                }
                Verdict::Follow(ask, holder) => {
                    self.follow(Ready { at, heard_at, ask, spent, lost, refusals: 0, purpose }, holder);
                }
                Verdict::Reuse(ask, answer) => {
                    let ending = Ending { outcome: answer.outcome, attempt: answer.attempt };
                    match self.leaders.lead(ask.identity, at) {
                        Lead::Mine => {
                            self.reuse(at, ending);
                            self.pass_on(ask.identity, ending);
                        }
                        Lead::Ended(ending) => self.reuse(at, ending),
                        Lead::Wait => {}
                    }
                }
                Verdict::Elsewhere(ask) => match self.leaders.lead(ask.identity, at) {
                    Lead::Mine => self.wait_for_another(at),
                    Lead::Ended(ending) => self.reuse(at, ending),
                    Lead::Wait => {}
                },
                Verdict::LetterUnknown => self.letter_unknown(at),
                Verdict::Invalid(reason) => self.change(Change {
                    code: Some("local".to_owned()),
                    text: Some(reason),
                    ..Change::to(at, State::Settled, Some(Outcome::Invalid))
                }),
                Verdict::Skip(Skip { code, reason, saved }) => {
                    self.change(Change {
                        code: Some(code.to_owned()),
                        text: Some(reason),
                        saved,
                        ..Change::to(at, State::Settled, Some(Outcome::Skipped))
                    });
                }
                Verdict::Wait(gate) if self.stopped[usize::from(gate.step)] => {}
                Verdict::Wait(gate) => self.dependants.wait(at, gate),
            }
        }
        // Only now: rows of this page that follow one which ended a moment ago must still find it.
        self.fetching = false;
        self.leaders.forget_ended();
        self.dependants.read(page.probes);
    }

    fn enqueue(&mut self, ready: Ready) {
        match self.leaders.lead(ready.ask.identity, ready.at) {
            Lead::Mine => self.queue_up(ready),
            Lead::Ended(ending) => self.reuse(ready.at, ending),
            Lead::Wait => {}
        }
    }

    /// Whether a lookup may post letters. All were counted before anything was sent; one that comes up after all is a
    /// mistake of ours that must not cost anybody a letter.
    fn may_post(&mut self, at: Place) -> bool {
        let step = &self.prepared.job.steps[usize::from(at.step)];
        if step.letters {
            return true;
        }
        let message = format!(
            "lookup `{}` is stopped: one of its calls would post a letter of disclosure that was not foreseen when the run \
             began; it is not sent",
            step.id
        );
        self.halt.config.get_or_insert(message);
        let affected: Vec<bool> =
            (0..self.stopped.len()).map(|other| other == usize::from(at.step)).collect();
        self.stop_steps(&affected);
        false
    }

    /// Another process has the question in flight: the ledger is asked again in a moment, at no cost to the pace.
    pub(super) fn wait_for_another(&mut self, at: Place) {
        self.elsewhere.insert(at);
        self.look_again.get_or_insert_with(|| Instant::now() + ANOTHERS_ANSWER);
    }

    /// Those to be read again: dependants whose gate has ended, and what another process may have answered by now.
    fn read_again(&mut self) -> Vec<Place> {
        let ripe = self.dependants.take_ripe(READ_AHEAD as usize);
        if !ripe.is_empty() || self.look_again.is_none_or(|at| at > Instant::now()) {
            return ripe;
        }
        self.look_again = None;
        std::mem::take(&mut self.elsewhere).into_iter().collect()
    }

    /// Puts a lookup among those that may go, unless its block is being tried.
    fn queue_up(&mut self, ready: Ready) {
        let ready = match &ready.ask.tried {
            Some(block) => {
                let step = &self.prepared.job.steps[usize::from(ready.at.step)];
                self.trials.enter(format!("{}:{block}", service_name(step)), ready)
            }
            None => Some(ready),
        };
        if let Some(ready) = ready {
            let lane = self.prepared.account_of[usize::from(ready.at.step)];
            self.lanes[lane].queue.push(ready);
        }
    }

    /// Lets those go who waited for a block's trial.
    pub(super) fn trial_ended(&mut self, change: &Change) {
        // A stored answer says nothing of what is posted now.
        let outcome = change.outcome.filter(|_| change.source == Some(Source::Bought));
        for ready in self.trials.ended(change.at, outcome, change.letters) {
            let lane = self.prepared.account_of[usize::from(ready.at.step)];
            self.requeue(lane, ready);
        }
    }

    fn follow(&mut self, ready: Ready, holder: Holder) {
        if let (Some(outcome), Some(attempt)) = (holder.outcome, holder.attempt) {
            self.reuse(ready.at, Ending { outcome, attempt });
            return;
        }
        // The earlier row is under way, or waits in a queue: it comes first in any order, so it was read before.
        match self.leaders.join(ready.ask.identity, ready.at) {
            Some(Lead::Ended(ending)) => self.reuse(ready.at, ending),
            Some(_) => {}
            // It asks another question by now: the job file was mended since.
            None if holder.state == State::Pending => self.enqueue(ready),
            // Rather left pending and looked into than bought twice.
            None => {
                tracing::error!(row = ready.at.row, "an earlier lookup of this identity is lost from sight");
            }
        }
    }

    /// Parks a lookup whose letter may have gone out by a call that was lost.
    pub(super) fn letter_unknown(&mut self, at: Place) {
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
    pub(super) fn reuse(&mut self, at: Place, ending: Ending) {
        let state = if ending.outcome == Outcome::Unknown { State::Parked } else { State::Settled };
        self.change(Change {
            source: Some(Source::Reused),
            attempt: Some(ending.attempt),
            ..Change::to(at, state, Some(ending.outcome))
        });
    }

    /// Tells those who waited for an identity how it ended.
    pub(super) fn pass_on(&mut self, identity: Identity, ending: Ending) {
        for follower in self.leaders.ended(identity, Some(ending), self.fetching) {
            self.reuse(follower, ending);
        }
    }
}
