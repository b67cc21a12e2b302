//! What is read ahead on its way into the queues: lookups that need a request wait there, the others are settled at once.

use super::coordinator::Coordinator;
use super::holds::Use;
use super::leaders::{Ending, Lead};
use super::message::Message;
use super::queue::Ready;
use super::reading::Asked;
use crate::domain::outcome::{Outcome, State};
use crate::http::transport::Transport;
use crate::ledger::{Change, Holder, LedgerError, Place, Turn};
use crate::run::decide::fetch::{Fetched, Page, Which, fetch};
use crate::run::decide::freshness::Freshness;
use crate::run::decide::prepared::service_name;
use crate::run::decide::verdict::{Skip, Verdict};
use crate::run::error::RunError;
use crate::time::now_ms;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::time::Instant;

/// Lookups read ahead at once, and kept ready of each account. More makes the hop to the database cheaper, fewer leaves less
/// to be overtaken by another process.
const READ_AHEAD: usize = if cfg!(test) { 16 } else { 256 };

/// Lookups that may wait in memory for something else than their turn: of an account for others of the same question, of a
/// step for those that its condition is about.
const MOST_WAITING: usize = if cfg!(test) { 8 } else { 4_096 };

impl<T: Transport> Coordinator<T> {
    /// Asks for the next pending lookups of an account that has room for them. The accounts take turns.
    pub(super) fn read_ahead(&mut self) {
        // What ended and is not written yet (a full disk) would be read as still under way.
        let now = Instant::now();
        if self.fetching || !self.batch.is_empty() || self.halt.draining() || self.held_until(now).is_some() {
            return;
        }
        let (first, lanes) = (self.first_read, self.lanes.len());
        for at in (first..first + lanes).map(|nth| nth % lanes) {
            let Some(asked) = self.take_turn(at, now) else { continue };
            self.first_read = at + 1;
            let which = match &asked {
                Asked::Again(places) => Which::At(places.clone()),
                Asked::Next(cursor) => {
                    let (steps, after) = self.lanes[at].reading.cursor(*cursor);
                    Which::After(steps.to_vec(), after, u32::try_from(READ_AHEAD).unwrap_or(u32::MAX))
                }
            };
            (self.fetching, self.asked) = (true, Some((at, asked)));
            let (ledger, prepared, run) = (self.ledger.clone(), self.prepared.clone(), self.run);
            let saved = Arc::clone(&self.saved);
            let freshness = Freshness { now: now_ms(), ..self.freshness };
            self.spawn(async move {
                Message::Fetched(fetch(&ledger, &prepared, run, which, freshness, &saved).await)
            });
            return;
        }
        if self.lanes.iter().all(|lane| lane.reading.is_over()) {
            // Nothing is left to read by which to tell.
            self.holds.works(Use::Read);
        }
    }

    /// What of an account is to be read now. Those that have waited come first: they stand earlier in the order, and make
    /// room.
    fn take_turn(&mut self, at: usize, now: Instant) -> Option<Asked> {
        if let Some(again) = self.lanes[at].reading.take_again(now, READ_AHEAD) {
            return Some(Asked::Again(again));
        }
        let (cursor, after) = self.lagging(at)?;
        let queue = &self.lanes[at].queue;
        let idle = queue.has_ready() && queue.ready(Some(after), 1) == 0;
        (idle || queue.len() < READ_AHEAD).then_some(Asked::Next(cursor))
    }

    /// Which of an account's cursors is to be read next, and up to where it has come, where there is room for more.
    pub(super) fn lagging(&self, at: usize) -> Option<(usize, Turn)> {
        let lane = &self.lanes[at];
        if lane.waiting() >= MOST_WAITING {
            return None;
        }
        lane.reading.lagging(|step| self.dependants.waiting(step) < MOST_WAITING)
    }

    /// When the ledger is to be asked again about what other processes have in flight; nothing where something else comes
    /// first.
    pub(super) fn next_look(&self) -> Option<Instant> {
        let held = self.held_until(Instant::now()).is_some();
        let waits = !self.fetching && self.batch.is_empty() && !self.halt.draining() && !held;
        self.lanes.iter().filter(|_| waits).filter_map(|lane| lane.reading.next_look()).min()
    }

    /// Takes what was read ahead.
    pub(super) fn fetched(&mut self, page: Result<Page, RunError>) {
        let Some((lane, asked)) = self.asked.take() else { return };
        let probes = match page {
            Ok(page) => {
                self.has_read();
                self.sort_in(lane, asked, page.lookups);
                page.probes
            }
            Err(error) => {
                if let Asked::Again(places) = asked {
                    for at in places {
                        self.lanes[lane].reading.again(at);
                    }
                }
                self.not_read(error);
                Vec::new()
            }
        };
        // Only now: rows of this page that follow one which ended a moment ago must still find it.
        self.fetching = false;
        self.lanes.iter_mut().for_each(|lane| lane.leaders.forget_ended());
        self.dependants.read(probes);
    }

    /// Sorts what was read ahead into the queues, and settles what needs no request.
    fn sort_in(&mut self, lane: usize, asked: Asked, lookups: Vec<Fetched>) {
        let mut missing = BTreeSet::new();
        match asked {
            Asked::Next(cursor) => {
                let last = lookups.last().map(|last| Turn { heard_at: last.heard_at, at: last.at });
                self.lanes[lane].reading.came_to(cursor, last, lookups.len() < READ_AHEAD);
            }
            Asked::Again(places) => missing.extend(places),
        }
        for fetched in lookups {
            missing.remove(&fetched.at);
            if self.stopped[usize::from(fetched.at.step)] {
                self.let_go(fetched.at);
            } else {
                self.sort(lane, fetched);
            }
        }
        // What is no longer pending was moved by another hand, and nobody may wait for it.
        for at in missing {
            self.let_go(at);
        }
    }

    fn sort(&mut self, lane: usize, fetched: Fetched) {
        let Fetched { at, heard_at, spent, lost, purpose, verdict, chain } = fetched;
        let ready = |ask| Ready { at, heard_at, ask, spent, lost, refusals: 0, purpose };
        match verdict {
            Verdict::Ask(ask) if ask.letter_making && !self.may_post(at) => {}
            Verdict::Ask(ask) => self.enqueue(lane, ready(ask)),
            Verdict::Follow(ask, holder) => self.follow(lane, ready(ask), holder),
            Verdict::Reuse(ask, answer) => {
                let ending = Ending { outcome: answer.outcome, attempt: answer.attempt };
                match self.lanes[lane].leaders.lead(ask.identity, at) {
                    Lead::Mine => self.reuse(at, ending),
                    Lead::Ended(ending) => self.reuse(at, ending),
                    Lead::Wait => {}
                }
            }
            Verdict::Elsewhere(ask) => match self.lanes[lane].leaders.lead(ask.identity, at) {
                Lead::Mine => self.lanes[lane].reading.wait_for_another(at),
                Lead::Ended(ending) => self.reuse(at, ending),
                Lead::Wait => {}
            },
            Verdict::LetterUnknown => self.letter_unknown(at),
            Verdict::Invalid(reason) => self.change(Change {
                code: Some("local".to_owned()),
                text: Some(reason),
                ..Change::to(at, State::Settled, Some(Outcome::Invalid))
            }),
            Verdict::Skip(Skip { code, reason, saved }) => self.change(Change {
                code: Some(code.to_owned()),
                text: Some(reason),
                saved,
                ..Change::to(at, State::Settled, Some(Outcome::Skipped))
            }),
            Verdict::Wait(_) if chain.iter().any(|gate| self.has_no_turn(*gate)) => self.let_go(at),
            Verdict::Wait(gate) => {
                if !self.dependants.wait(at, gate) {
                    self.lanes[lane].reading.again(at);
                }
            }
        }
    }

    /// Whether a lookup that had not ended when it was read will not be asked: its step is stopped, and it is not in flight.
    fn has_no_turn(&self, at: Place) -> bool {
        let ends = self.flights.contains_key(&at) || self.dependants.has_ended(at);
        self.stopped[usize::from(at.step)] && !ends
    }

    fn enqueue(&mut self, lane: usize, ready: Ready) {
        match self.lanes[lane].leaders.lead(ready.ask.identity, ready.at) {
            Lead::Mine => self.queue_up(lane, ready),
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
        self.let_go(at);
        false
    }

    /// Puts a lookup among those that may go, unless its block is being tried.
    fn queue_up(&mut self, lane: usize, ready: Ready) {
        let ready = match &ready.ask.tried {
            Some(block) => {
                let step = &self.prepared.job.steps[usize::from(ready.at.step)];
                let tried = format!("{}:{block}", service_name(step));
                self.lanes[lane].trials.enter(tried, ready)
            }
            None => Some(ready),
        };
        if let Some(ready) = ready {
            self.lanes[lane].queue.push(ready);
        }
    }

    fn follow(&mut self, lane: usize, ready: Ready, holder: Holder) {
        if let (Some(outcome), Some(attempt)) = (holder.outcome, holder.attempt) {
            self.reuse(ready.at, Ending { outcome, attempt });
            return;
        }
        // The earlier row is under way, or waits in a queue: it comes first in any order, so it was read before.
        match self.lanes[lane].leaders.join(ready.ask.identity, ready.at) {
            Some(Lead::Ended(ending)) => self.reuse(ready.at, ending),
            Some(Lead::Wait) => {}
            // It was to ask, and has waited for another process meanwhile.
            Some(Lead::Mine) => self.queue_up(lane, ready),
            // It asks another question by now: the job file was mended since.
            None if holder.state == State::Pending => self.enqueue(lane, ready),
            // Rather left pending and looked into than bought twice.
            None => {
                tracing::error!(row = ready.at.row, "an earlier lookup of this identity is lost from sight");
                self.let_go(ready.at);
            }
        }
    }

    /// The ledger could not be read: where it is full or busy it is tried again in a moment, else the run ends.
    pub(super) fn not_read(&mut self, error: RunError) {
        match error {
            RunError::Ledger(error @ (LedgerError::Full(_) | LedgerError::Busy(_))) => {
                if let Err(error) = self.hold(error, Instant::now(), Use::Read) {
                    self.broke(error);
                }
            }
            error => self.broke(error),
        }
    }
}
