//! How lookups leave the coordinator's hands: by an end, for which there is one way in, or by being let go, for which there
//! is another. Whoever waited for them hears of it here and nowhere else.

use super::coordinator::Coordinator;
use super::lane::Lane;
use super::leaders::Ending;
use super::queue::Ready;
use crate::domain::outcome::{Outcome, Source, State};
use crate::http::transport::Transport;
use crate::ledger::{Change, Place};
use tokio::time::Instant;

impl<T: Transport> Coordinator<T> {
    /// Writes a lookup's new state with the next commit, together with what it has come to in this very batch: one statement
    /// must not change a lookup twice. Where that is an end, those who waited for it go on: lookups with a condition on it,
    /// lookups of the same question, lookups whose block it tried.
    pub(super) fn change(&mut self, change: Change) {
        let Change { at, outcome, attempt, source, letters, .. } = change;
        let earlier = self.batch.changes.iter().position(|earlier| earlier.at == at);
        let earlier = earlier.map(|place| self.batch.changes.swap_remove(place));
        self.batch.changes.push(match earlier {
            Some(earlier) => change.after(&earlier),
            None => change,
        });
        let Some(outcome) = outcome else { return };
        let ending = attempt.map(|attempt| Ending { outcome, attempt });
        if self.prepared.gates[usize::from(at.step)] {
            let dependants = self.dependants.ended(at, self.fetching);
            self.read_again(dependants);
        }
        self.pass_on(at, ending);
        // A stored answer says nothing of what is posted now.
        self.trial_over(at, Some(outcome).filter(|_| source == Some(Source::Bought)), letters);
    }

    /// Gives a lookup of an account an attempt back: one that is just `at_hand`, in flight, held back, or waits. What has ended
    /// or was let go meanwhile needs none.
    pub(super) fn refund(&mut self, lane: usize, at: Place, at_hand: Option<&mut Ready>) {
        let Self { lanes, flights, .. } = self;
        let Lane { queue, doubted, reading, .. } = &mut lanes[lane];
        let state = if flights.contains_key(&at) { State::Started } else { State::Pending };
        let mut held = at_hand.into_iter().chain(doubted.iter_mut().map(|flight| &mut flight.ready));
        let held = held.find(|ready| ready.at == at);
        let flying = held.or_else(|| flights.get_mut(&at).map(|flight| &mut flight.ready));
        match flying.or_else(|| queue.get_mut(at)) {
            Some(ready) if ready.spent > 0 => ready.spent -= 1,
            // What it has spent stands in the ledger, where it is read again.
            None if reading.holds(at) => {}
            _ => return,
        }
        self.change(Change { spent: -1, ..Change::to(at, state, None) });
    }

    /// A lookup stays pending and is not tried again by this invocation, and so is whatever depends on it. Those who ask the
    /// same question or wait for the same block to be tried have nothing to do with why.
    pub(super) fn let_go(&mut self, at: Place) {
        let mut gone = vec![at];
        while let Some(at) = gone.pop() {
            gone.extend(self.dependants.let_go(at));
            self.pass_on(at, None);
            self.trial_over(at, None, 0);
        }
    }

    /// Ends those who followed a lookup as it ended; where it has nothing to hand on, they are read again and asked anew.
    fn pass_on(&mut self, at: Place, ending: Option<Ending>) {
        let lane = self.prepared.account_of[usize::from(at.step)];
        let followers = self.lanes[lane].leaders.ended(at, ending, self.fetching);
        match ending {
            Some(ending) => followers.into_iter().for_each(|follower| self.reuse(follower, ending)),
            None => self.read_again(followers),
        }
    }

    /// Lets those go who waited for a block's trial.
    fn trial_over(&mut self, at: Place, outcome: Option<Outcome>, letters: u32) {
        let lane = self.prepared.account_of[usize::from(at.step)];
        for ready in self.lanes[lane].trials.ended(at, outcome, letters) {
            self.requeue(lane, ready);
        }
    }

    fn read_again(&mut self, places: Vec<Place>) {
        for at in places.into_iter().filter(|at| !self.stopped[usize::from(at.step)]) {
            let lane = self.prepared.account_of[usize::from(at.step)];
            self.lanes[lane].reading.again(at);
        }
    }

    /// Puts a lookup back among those that may go, unless its service was stopped meanwhile.
    pub(super) fn requeue(&mut self, lane: usize, ready: Ready) {
        if self.stopped[usize::from(ready.at.step)] {
            self.let_go(ready.at);
        } else {
            self.lanes[lane].queue.push(ready);
        }
    }

    /// The same, not before `due`; `put_off` is whether the upstream has named that time.
    pub(super) fn requeue_at(&mut self, lane: usize, ready: Ready, due: Instant, put_off: bool) {
        if self.stopped[usize::from(ready.at.step)] {
            self.let_go(ready.at);
        } else {
            self.lanes[lane].queue.delay(ready, due, put_off);
        }
    }

    /// Sends no more of some lookups of the job; what is not settled of them stays pending in the ledger.
    pub(super) fn stop_steps(&mut self, affected: &[bool]) {
        for (stopped, affected) in self.stopped.iter_mut().zip(affected) {
            *stopped |= affected;
        }
        let Self { stopped, lanes, dependants, flights, .. } = self;
        let dropped = |step: u16| stopped[usize::from(step)];
        let mut gone: Vec<Place> = lanes.iter_mut().flat_map(|lane| lane.drop_steps(dropped)).collect();
        // What is in flight still ends, and those who wait for it hear of it.
        gone.extend(
            dependants.drop_steps(dropped, |gate| dropped(gate.step) && !flights.contains_key(&gate)),
        );
        for at in gone {
            self.let_go(at);
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
}
