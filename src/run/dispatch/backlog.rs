//! What of a run is not settled: read ahead and waiting, for its turn or for somebody else's end, or on its way.
//!
//! A lookup leaves it in two ways: it ends ([`Backlog::ended`]), or it is let go and stays pending ([`Backlog::let_go`]).
//! Whoever waited for it hears of it there and nowhere else. Nothing is written here: what is to be, is given out.

mod sort;
#[cfg(test)]
mod tests;

pub(super) use sort::Sorted;

use super::dependants::Dependants;
use super::flight::{Flight, GrantedCall};
use super::leaders::Ending;
use super::queue::Ready;
use super::reading::{ReadRequest, Reading};
use super::work::Work;
use crate::domain::outcome::{Outcome, Source, State};
use crate::ledger::{Change, LookupId, OrderKey};
use crate::run::decide::conditions::Probe;
use crate::run::decide::fetch::{Fetched, Selection};
use crate::run::decide::prepared::Prepared;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tokio::task;
use tokio::time::Instant;

/// Lookups read ahead at once, and kept ready of each account. More makes the hop to the database cheaper, fewer leaves less
/// to be overtaken by another process.
const READ_AHEAD: usize = if cfg!(test) { 16 } else { 256 };

/// Lookups that may wait in memory for something else than their turn: of an account for others of the same question, of a
/// step for those that its condition is about.
const MOST_WAITING: usize = if cfg!(test) { 8 } else { 4_096 };

/// What of a run is not settled.
pub(super) struct Backlog {
    prepared: Arc<Prepared>,
    /// Of each account.
    pub(super) accounts: Vec<Work>,
    dependants: Dependants,
    pub(super) flights: HashMap<LookupId, Flight>,
    /// Steps that are not asked any more: their service was stopped, or their account's budget is reached.
    stopped: Vec<bool>,
    /// Whether lookups are being read, of which account, and which.
    is_reading: bool,
    asked: Option<(usize, ReadRequest)>,
    /// The account whose turn it is to be read.
    first_read: usize,
}

/// How a lookup ended, as far as others wait for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    at: LookupId,
    outcome: Outcome,
    /// What it hands on to those that ask the same.
    ending: Option<Ending>,
    bought: bool,
    letters: u32,
}

impl End {
    /// That of a change; `None` if its lookup does not end by it.
    pub(super) fn of(change: &Change) -> Option<Self> {
        let Change { at, outcome, attempt, source, letters, .. } = *change;
        let outcome = outcome?;
        let ending = attempt.map(|attempt| Ending { outcome, attempt });
        Some(Self { at, outcome, ending, bought: source == Some(Source::Bought), letters })
    }
}

/// Whether anything is left, and what it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing is.
    Nothing,
    /// Calls are on their way.
    InFlight,
    /// Lookups are being read.
    Reading,
    /// Some are to be read again: now, or when it is looked whether another process has their answer.
    ToRead,
    /// What there is waits for its turn, for a time, or to be read.
    Waiting,
}

impl Backlog {
    pub(super) fn new(prepared: Arc<Prepared>) -> Self {
        let steps = prepared.job.steps.len();
        let own = |account: usize| {
            let of_it = (0_u16..).zip(&prepared.job.steps).zip(&prepared.account_of);
            let of_it = of_it.filter(move |(_, of)| **of == account);
            Reading::new(of_it.map(|((at, step), _)| (at, !step.when.is_empty())))
        };
        Self {
            accounts: (0..prepared.accounts.len()).map(|account| Work::new(own(account))).collect(),
            dependants: Dependants::default(),
            flights: HashMap::new(),
            stopped: vec![false; steps],
            is_reading: false,
            asked: None,
            first_read: 0,
            prepared,
        }
    }

    /// The account of a lookup.
    pub(super) fn account_of(&self, at: LookupId) -> usize {
        self.prepared.account_of[usize::from(at.step)]
    }

    fn of(&mut self, at: LookupId) -> &mut Work {
        let account = self.account_of(at);
        &mut self.accounts[account]
    }

    /// Whether anything is left, and what it waits for: the first of these that is so.
    pub(super) fn left(&self) -> Left {
        if !self.flights.is_empty() {
            Left::InFlight
        } else if self.is_reading {
            Left::Reading
        } else if self.accounts.iter().any(|work| work.reading.waiting() > 0) {
            Left::ToRead
        } else if self.accounts.iter().all(Work::is_over) {
            Left::Nothing
        } else {
            Left::Waiting
        }
    }

    /// A lookup has ended: those that ask the same end as it did, and are given out; those with a condition on it are read
    /// again, and those whose block it tried go.
    #[must_use = "whoever follows it must be written too"]
    pub(super) fn ended(&mut self, end: End) -> Vec<(LookupId, Ending)> {
        let End { at, outcome, ending, bought, letters } = end;
        if self.prepared.gates[usize::from(at.step)] {
            let dependants = self.dependants.ended(at, self.is_reading);
            self.read_again(dependants);
        }
        let followers = self.pass_on(at, ending);
        // A stored answer says nothing of what is posted now.
        self.trial_over(at, Some(outcome).filter(|_| bought), letters);
        followers
    }

    /// A lookup stays pending and is not tried again by this invocation, and so is whatever depends on it. Those who ask the
    /// same question or wait for the same block to be tried have nothing to do with why.
    pub(super) fn let_go(&mut self, at: LookupId) {
        let mut gone = vec![at];
        while let Some(at) = gone.pop() {
            gone.extend(self.dependants.let_go(at));
            let followers = self.pass_on(at, None);
            debug_assert!(followers.is_empty(), "it has nothing to hand on");
            for ready in self.of(at).trials.ended(at, None, 0) {
                if self.stops(ready.at) {
                    gone.push(ready.at);
                } else {
                    self.of(at).queue.push(ready);
                }
            }
        }
    }

    /// Those who followed a lookup that has something to hand on; where it has nothing, they are read again and asked anew.
    fn pass_on(&mut self, at: LookupId, ending: Option<Ending>) -> Vec<(LookupId, Ending)> {
        let kept = self.is_reading;
        let followers = self.of(at).leaders.ended(at, ending, kept);
        let Some(ending) = ending else {
            self.read_again(followers);
            return Vec::new();
        };
        followers.into_iter().map(|follower| (follower, ending)).collect()
    }

    /// Lets those go who waited for a block's trial.
    fn trial_over(&mut self, at: LookupId, outcome: Option<Outcome>, letters: u32) {
        for ready in self.of(at).trials.ended(at, outcome, letters) {
            self.requeue(ready);
        }
    }

    /// A report says that it posted no letter.
    pub(super) fn posted_none(&mut self, at: LookupId) {
        self.of(at).trials.told_none(at);
    }

    fn read_again(&mut self, ids: Vec<LookupId>) {
        for at in ids {
            if !self.stops(at) {
                self.of(at).reading.again(at);
            }
        }
    }

    /// Another process has the question of a lookup in flight.
    pub(super) fn wait_for_another(&mut self, at: LookupId) {
        self.of(at).reading.wait_for_another(at);
    }

    /// Puts a lookup back among those that may go, unless its service was stopped meanwhile.
    pub(super) fn requeue(&mut self, ready: Ready) {
        if self.stops(ready.at) {
            self.let_go(ready.at);
        } else {
            self.of(ready.at).queue.push(ready);
        }
    }

    /// The same, not before `due`; `put_off` is whether the upstream has named that time.
    pub(super) fn requeue_at(&mut self, ready: Ready, due: Instant, put_off: bool) {
        if self.stops(ready.at) {
            self.let_go(ready.at);
        } else {
            self.of(ready.at).queue.delay(ready, due, put_off);
        }
    }

    /// Puts back what was granted and does not go.
    pub(super) fn take_back(&mut self, departures: Vec<GrantedCall>) {
        for GrantedCall { account, ready, .. } in departures {
            self.accounts[account].in_flight -= 1;
            self.requeue(ready);
        }
    }

    /// Notes that a lookup's request is on its way.
    pub(super) fn track(&mut self, flight: Flight) {
        self.flights.insert(flight.ready.at, flight);
    }

    /// A lookup that was in flight has come back.
    pub(super) fn untrack(&mut self, at: LookupId) -> Option<Flight> {
        let flight = self.flights.remove(&at)?;
        self.of(at).in_flight -= 1;
        Some(flight)
    }

    /// The same of one whose task will not come back.
    pub(super) fn untrack_task(&mut self, task: task::Id) -> Option<Flight> {
        let at = self.flights.iter().find(|(_, flight)| flight.task == task).map(|(at, _)| *at)?;
        self.untrack(at)
    }

    /// Gives a lookup of an account an attempt back: one that is just `at_hand`, in flight, held back, or waits. What has ended
    /// or was let go meanwhile needs none.
    pub(super) fn refund(&mut self, at: LookupId, at_hand: Option<&mut Ready>) -> Option<Change> {
        let account = self.account_of(at);
        let Self { accounts, flights, .. } = self;
        let Work { queue, doubted, reading, .. } = &mut accounts[account];
        let state = if flights.contains_key(&at) { State::Started } else { State::Pending };
        let mut held = at_hand.into_iter().chain(doubted.iter_mut().map(|flight| &mut flight.ready));
        let held = held.find(|ready| ready.at == at);
        let flying = held.or_else(|| flights.get_mut(&at).map(|flight| &mut flight.ready));
        match flying.or_else(|| queue.get_mut(at)) {
            Some(ready) if ready.spent > 0 => ready.spent -= 1,
            // What it has spent stands in the ledger, where it is read again.
            None if reading.holds(at) => {}
            _ => return None,
        }
        Some(Change { spent: -1, ..Change::to(at, state, None) })
    }

    /// Whether a lookup's step is not asked any more.
    pub(super) fn stops(&self, at: LookupId) -> bool {
        self.stopped[usize::from(at.step)]
    }

    /// Whether one of these steps is still asked.
    pub(super) fn asks_any(&self, affected: &[bool]) -> bool {
        affected.iter().zip(&self.stopped).any(|(affected, stopped)| *affected && !stopped)
    }

    /// Sends no more of some lookups of the job; what is not settled of them stays pending in the ledger.
    pub(super) fn stop_steps(&mut self, affected: &[bool]) {
        for (stopped, affected) in self.stopped.iter_mut().zip(affected) {
            *stopped |= affected;
        }
        let Self { stopped, accounts, dependants, flights, .. } = self;
        let dropped = |step: u16| stopped[usize::from(step)];
        let mut gone: Vec<LookupId> = accounts.iter_mut().flat_map(|work| work.drop_steps(dropped)).collect();
        // What is in flight still ends, and those who wait for it hear of it.
        gone.extend(
            dependants.drop_steps(dropped, |gate| dropped(gate.step) && !flights.contains_key(&gate)),
        );
        for at in gone {
            self.let_go(at);
        }
    }

    /// Moves what is due back among what may go; when the next is.
    pub(super) fn wake(&mut self, now: Instant) -> Option<Instant> {
        let due = self.accounts.iter_mut().map(|work| {
            work.queue.wake(now);
            work.queue.next_due()
        });
        due.flatten().min()
    }

    /// Begins to read what of some account is to be read now. The accounts take turns.
    pub(super) fn begin_reading(&mut self, now: Instant) -> Option<Selection> {
        if self.is_reading {
            return None;
        }
        let (first, accounts) = (self.first_read, self.accounts.len());
        for at in (first..first + accounts).map(|nth| nth % accounts) {
            let Some(asked) = self.take_turn(at, now) else { continue };
            self.first_read = at + 1;
            let which = match &asked {
                ReadRequest::Again(ids) => Selection::At(ids.clone()),
                ReadRequest::Next(cursor) => {
                    let (steps, after) = self.accounts[at].reading.cursor(*cursor);
                    Selection::After(steps.to_vec(), after, u32::try_from(READ_AHEAD).unwrap_or(u32::MAX))
                }
            };
            (self.is_reading, self.asked) = (true, Some((at, asked)));
            return Some(which);
        }
        None
    }

    /// What of an account is to be read now. Those that have waited come first: they stand earlier in the order, and make
    /// room.
    fn take_turn(&mut self, at: usize, now: Instant) -> Option<ReadRequest> {
        if let Some(again) = self.accounts[at].reading.take_again(now, READ_AHEAD) {
            return Some(ReadRequest::Again(again));
        }
        let (cursor, after) = self.lagging(at)?;
        let queue = &self.accounts[at].queue;
        let idle = queue.has_ready() && queue.ready(Some(after), 1) == 0;
        (idle || queue.len() < READ_AHEAD).then_some(ReadRequest::Next(cursor))
    }

    /// Which of an account's cursors is to be read next, and up to where it has come, where there is room for more.
    pub(super) fn lagging(&self, at: usize) -> Option<(usize, OrderKey)> {
        let work = &self.accounts[at];
        if work.waiting() >= MOST_WAITING {
            return None;
        }
        work.reading.lagging(|step| self.dependants.waiting(step) < MOST_WAITING)
    }

    /// Whether nothing is left to be read.
    pub(super) fn is_read(&self) -> bool {
        self.accounts.iter().all(|work| work.reading.is_over())
    }

    /// When the ledger is to be asked again about what other processes have in flight; `None` while it is being read.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.accounts.iter().filter(|_| !self.is_reading).filter_map(|work| work.reading.next_look()).min()
    }

    /// Notes what was read: how far, and what of it is pending no longer, which was moved by another hand and for which nobody
    /// may wait.
    pub(super) fn came(&mut self, lookups: &[Fetched]) -> BTreeSet<LookupId> {
        let Some((account, asked)) = self.asked.take() else { return BTreeSet::new() };
        match asked {
            ReadRequest::Next(cursor) => {
                let order_key = |fetched: &Fetched| OrderKey { heard_at: fetched.heard_at, at: fetched.at };
                let exhausted = lookups.len() < READ_AHEAD;
                self.accounts[account].reading.came_to(cursor, lookups.last().map(order_key), exhausted);
                BTreeSet::new()
            }
            ReadRequest::Again(ids) => {
                let mut missing: BTreeSet<LookupId> = ids.into_iter().collect();
                for fetched in lookups {
                    missing.remove(&fetched.at);
                }
                missing
            }
        }
    }

    /// Nothing could be read: it is read again.
    pub(super) fn came_to_nothing(&mut self) {
        if let Some((account, ReadRequest::Again(ids))) = self.asked.take() {
            for at in ids {
                self.accounts[account].reading.again(at);
            }
        }
    }

    /// Everything that was read is sorted in. Only now: rows of a page that follow one which ended a moment ago must still find
    /// it.
    pub(super) fn end_reading(&mut self, probes: Vec<Probe>) {
        self.is_reading = false;
        self.accounts.iter_mut().for_each(|work| work.leaders.forget_ended());
        self.dependants.read(probes);
    }

    /// Tells of conditions on fields that no answer had.
    pub(super) fn never_found(&self) -> Vec<String> {
        self.dependants.never_found(&self.prepared)
    }
}
