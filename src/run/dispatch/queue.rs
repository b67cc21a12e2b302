//! What is ready to be asked, in the order of the run, and who follows whom: the coordinator's memory, bounded however long the run.

use crate::ledger::{LookupId, OrderKey};
use crate::run::decide::attempt::Attempts;
use crate::run::decide::prepared::Ask;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};
use tokio::time::Instant;

/// A lookup that may be sent.
pub(super) struct Ready {
    pub(super) at: LookupId,
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
    /// Its attempts so far.
    pub(super) const fn attempts(&self) -> Attempts {
        Attempts { spent: self.spent, lost: self.lost }
    }

    fn order_key(&self) -> OrderKey {
        OrderKey { heard_at: self.heard_at, at: self.at }
    }
}

/// The lookups of one account that wait: those that may go, in the order of the run, and those that wait for a time.
#[derive(Default)]
pub(super) struct Queue {
    ready: BTreeMap<OrderKey, Ready>,
    delayed: HashMap<LookupId, Ready>,
    due: BinaryHeap<Reverse<(Instant, LookupId)>>,
    /// Those of the delayed whose time the upstream has named.
    put_off: HashSet<LookupId>,
}

impl Queue {
    pub(super) fn push(&mut self, ready: Ready) {
        self.ready.insert(ready.order_key(), ready);
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

    /// How many may go that are not ordered after `until`; `most` where there are more.
    pub(super) fn ready(&self, until: Option<OrderKey>, most: usize) -> usize {
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

    pub(super) fn get_mut(&mut self, at: LookupId) -> Option<&mut Ready> {
        match self.ready.values_mut().find(|ready| ready.at == at) {
            Some(ready) => Some(ready),
            None => self.delayed.get_mut(&at),
        }
    }

    /// Gives out the lookups of some steps; they stay pending in the ledger.
    pub(super) fn drop_steps(&mut self, dropped: impl Fn(u16) -> bool) -> Vec<LookupId> {
        let ready = self.ready.extract_if(.., |key, _| dropped(key.at.step)).map(|(key, _)| key.at);
        let mut gone: Vec<LookupId> = ready.collect();
        gone.extend(self.delayed.extract_if(|at, _| dropped(at.step)).map(|(at, _)| at));
        self.due.retain(|Reverse((_, at))| !dropped(at.step));
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::Identity;

    const ID: Identity = Identity([1; 16]);

    fn lookup_id(row: i64) -> LookupId {
        LookupId { row, step: 0 }
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
            purposes: None,
        };
        let ready = |row| Ready {
            at: lookup_id(row),
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
        assert!(queue.get_mut(lookup_id(1)).is_some());
        queue.push(ready(2));
        queue.delay(ready(4), now, false);
        let until = |row| Some(OrderKey { heard_at: 0, at: lookup_id(row) });
        assert_eq!([None, until(1), until(2)].map(|until| queue.ready(until, 9)), [2, 0, 1]);
        assert_eq!(queue.drop_steps(|step| step == 0), [lookup_id(2), lookup_id(1), lookup_id(4)]);
        assert!(!queue.has_ready() && queue.next_due().is_none());
    }
}
