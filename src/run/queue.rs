//! What is ready to be asked, in the order of the run, and who follows whom: the coordinator's memory, bounded however long the run.

use super::prepared::Ask;
use crate::domain::identity::Identity;
use crate::domain::outcome::Outcome;
use crate::ledger::{Place, Turn};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};
use tokio::time::Instant;

/// A lookup that may be sent.
pub(super) struct Ready {
    pub(super) at: Place,
    /// What comes before the place in the order of the run; 0 in input order.
    pub(super) heard_at: i64,
    pub(super) ask: Ask,
    /// Attempts spent of those that the job allows.
    pub(super) spent: u32,
    /// Whether an answer to one of its attempts was lost.
    pub(super) lost: bool,
    /// How often in a row its token was refused.
    pub(super) refusals: u32,
    /// The purpose's id in the ledger.
    pub(super) purpose: i64,
}

impl Ready {
    fn turn(&self) -> Turn {
        Turn { heard_at: self.heard_at, at: self.at }
    }
}

/// The lookups of one account that wait: those that may go, in the order of the run, and those that wait for a time.
#[derive(Default)]
pub(super) struct Queue {
    ready: BTreeMap<Turn, Ready>,
    delayed: HashMap<Place, Ready>,
    due: BinaryHeap<Reverse<(Instant, Place)>>,
    /// Those of the delayed whose time the upstream has named.
    put_off: HashSet<Place>,
}

impl Queue {
    pub(super) fn push(&mut self, ready: Ready) {
        self.ready.insert(ready.turn(), ready);
    }

    /// Not before `due`; `put_off` is whether the upstream has named that time.
    pub(super) fn delay(&mut self, ready: Ready, due: Instant, put_off: bool) {
        if put_off {
            self.put_off.insert(ready.at);
        } else {
            self.put_off.remove(&ready.at);
        }
        self.due.push(Reverse((due, ready.at)));
        self.delayed.insert(ready.at, ready);
    }

    /// Moves what is due back among what may go.
    pub(super) fn wake(&mut self, now: Instant) {
        while self.due.peek().is_some_and(|Reverse((due, _))| *due <= now) {
            let Some(Reverse((_, at))) = self.due.pop() else { return };
            if let Some(ready) = self.delayed.remove(&at) {
                self.push(ready);
            }
        }
    }

    /// When the next delayed lookup may go.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse((due, _))| *due)
    }

    /// The same where none may go before, and the upstream has named that time.
    pub(super) fn put_off(&self) -> Option<Instant> {
        let Reverse((due, at)) = self.due.peek()?;
        (self.ready.is_empty() && self.put_off.contains(at)).then_some(*due)
    }

    /// The first in the order of the run.
    pub(super) fn pop(&mut self) -> Option<Ready> {
        self.ready.pop_first().map(|(_, ready)| ready)
    }

    /// How many may go whose turn is not after `until`; `most` where there are more.
    pub(super) fn ready(&self, until: Option<Turn>, most: usize) -> usize {
        match until {
            None => self.ready.len().min(most),
            Some(until) => self.ready.range(..=until).take(most).count(),
        }
    }

    /// The first in the order of the run, which stays.
    pub(super) fn first(&self) -> Option<&Ready> {
        self.ready.first_key_value().map(|(_, ready)| ready)
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.ready.len() + self.delayed.len()
    }

    pub(super) fn get_mut(&mut self, at: Place) -> Option<&mut Ready> {
        match self.ready.values_mut().find(|ready| ready.at == at) {
            Some(ready) => Some(ready),
            None => self.delayed.get_mut(&at),
        }
    }

    /// Gives out the lookups of some steps; they stay pending in the ledger.
    pub(super) fn drop_steps(&mut self, dropped: impl Fn(u16) -> bool) -> Vec<Place> {
        let ready = self.ready.extract_if(.., |turn, _| dropped(turn.at.step)).map(|(turn, _)| turn.at);
        let mut gone: Vec<Place> = ready.collect();
        gone.extend(self.delayed.extract_if(|at, _| dropped(at.step)).map(|(at, _)| at));
        self.due.retain(|Reverse((_, at))| !dropped(at.step));
        gone
    }
}

/// How an earlier lookup ended, for those that follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) outcome: Outcome,
    pub(super) attempt: i64,
}

struct Leader {
    at: Place,
    followers: Vec<Place>,
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
    asked: HashMap<Place, Identity>,
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
    pub(super) fn lead(&mut self, identity: Identity, at: Place) -> Lead {
        self.join(identity, at).unwrap_or_else(|| {
            self.by_identity.insert(identity, Leader { at, followers: Vec::new(), ending: None });
            self.asked.insert(at, identity);
            Lead::Mine
        })
    }

    /// Joins whoever asks for `identity`; nothing where nobody does.
    pub(super) fn join(&mut self, identity: Identity, at: Place) -> Option<Lead> {
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
    pub(super) fn ended(&mut self, at: Place, ending: Option<Ending>, kept: bool) -> Vec<Place> {
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
    pub(super) fn drop_steps(&mut self, dropped: impl Fn(u16) -> bool) -> Vec<Place> {
        let leaders = self.by_identity.values_mut();
        let gone: Vec<Place> =
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

    fn place(row: i64) -> Place {
        Place { row, step: 0 }
    }

    #[test]
    fn the_first_leads_and_the_rest_hear_of_it() {
        let mut leaders = Leaders::default();
        let ending = Ending { outcome: Outcome::Hit, attempt: 7 };
        assert_eq!(leaders.lead(ID, place(1)), Lead::Mine);
        assert_eq!(leaders.lead(ID, place(1)), Lead::Mine, "it may ask twice");
        assert_eq!(leaders.lead(ID, place(2)), Lead::Wait);
        assert_eq!(leaders.waiting(), 1);
        assert_eq!(leaders.ended(place(1), Some(ending), true), [place(2)]);
        assert_eq!(leaders.waiting(), 0);
        assert_eq!(leaders.lead(ID, place(3)), Lead::Ended(ending), "the read-ahead under way missed it");
        leaders.forget_ended();
        assert_eq!(leaders.lead(ID, place(4)), Lead::Mine);
        // Who goes without an answer leaves its followers to themselves.
        assert_eq!(leaders.lead(ID, Place { row: 5, step: 1 }), Lead::Wait);
        assert_eq!(leaders.lead(ID, place(6)), Lead::Wait);
        assert_eq!(leaders.drop_steps(|step| step == 1), [Place { row: 5, step: 1 }]);
        assert_eq!((leaders.ended(place(9), None, true), leaders.waiting()), (Vec::new(), 1));
        assert_eq!(leaders.ended(place(4), None, true), [place(6)]);
        assert_eq!(leaders.lead(ID, place(6)), Lead::Mine);
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_gives_in_order_and_holds_what_is_delayed() {
        let now = Instant::now();
        let ask = || Ask {
            number: String::new(),
            params: Vec::new(),
            identity: ID,
            price: None,
            kind: crate::domain::number::Kind::Organisation,
            letter_making: false,
            tried: None,
        };
        let ready = |row| Ready {
            at: place(row),
            heard_at: 0,
            ask: ask(),
            spent: 0,
            lost: false,
            refusals: 0,
            purpose: 0,
        };
        let mut queue = Queue::default();
        queue.push(ready(3));
        queue.push(ready(2));
        let later = now + std::time::Duration::from_secs(1);
        queue.delay(ready(1), later, true);
        assert_eq!(queue.put_off(), None, "others may go");
        assert_eq!(queue.pop().map(|r| r.at.row), Some(2));
        queue.wake(now);
        assert_eq!(queue.len(), 2);
        let three = queue.pop();
        assert_eq!((three.map(|r| r.at.row), queue.put_off()), (Some(3), Some(later)));
        queue.push(ready(3));
        queue.wake(later);
        assert_eq!(queue.pop().map(|r| r.at.row), Some(1));
        queue.push(Ready { heard_at: 9, ..ready(1) });
        queue.push(Ready { heard_at: 8, ..ready(2) });
        assert_eq!(queue.pop().map(|r| r.at.row), Some(3));
        assert_eq!(queue.pop().map(|r| r.at.row), Some(2), "the staler comes first");
        assert!(queue.get_mut(place(1)).is_some());
        queue.push(ready(2));
        queue.delay(ready(4), now, false);
        let until = |row| Some(Turn { heard_at: 0, at: place(row) });
        assert_eq!([None, until(1), until(2)].map(|until| queue.ready(until, 9)), [2, 0, 1]);
        assert_eq!(queue.drop_steps(|step| step == 0), [place(2), place(1), place(4)]);
        assert!(!queue.has_ready() && queue.next_due().is_none());
    }
}
