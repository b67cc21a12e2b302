//! How far an account's lookups have been read, and which of them are to be read again.
//!
//! Each account is read by itself, so that one that stands still holds up no other. Lookups that are always asked are read
//! together, in the order of the run; each that has a condition goes by itself, since it may have to wait for another
//! account's answers.

use crate::ledger::{LookupId, OrderKey};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// How soon it is looked again whether another process has the answer that it asked for first.
const ANOTHERS_ANSWER: Duration = Duration::from_millis(250);

/// What of an account is read next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReadRequest {
    /// The lookups that follow on this cursor.
    Next(usize),
    /// These, which have been read before.
    Again(Vec<LookupId>),
}

/// Some steps of the job that are read together.
#[derive(Debug)]
struct Cursor {
    steps: Vec<u16>,
    /// They are read up to here.
    after: OrderKey,
    exhausted: bool,
}

/// The reading of one account.
#[derive(Debug)]
pub(super) struct Reading {
    cursors: Vec<Cursor>,
    /// To be read again: what they waited for has ended, or is gone.
    again: BTreeSet<LookupId>,
    /// Those whose question another process has in flight, and when the ledger is asked again about them.
    elsewhere: BTreeSet<LookupId>,
    look_again: Option<Instant>,
}

impl Reading {
    /// Of an account with these steps, each with whether it has a condition.
    pub(super) fn new(steps: impl Iterator<Item = (u16, bool)>) -> Self {
        let (gated, always): (Vec<_>, Vec<_>) = steps.partition(|(_, has_condition)| *has_condition);
        let cursor = |steps| Cursor { steps, after: OrderKey::default(), exhausted: false };
        let always: Vec<u16> = always.into_iter().map(|(step, _)| step).collect();
        let first = (!always.is_empty()).then(|| cursor(always));
        let cursors =
            first.into_iter().chain(gated.into_iter().map(|(step, _)| cursor(vec![step]))).collect();
        Self { cursors, again: BTreeSet::new(), elsewhere: BTreeSet::new(), look_again: None }
    }

    /// The steps that a cursor reads, and up to where it has come.
    pub(super) fn cursor(&self, at: usize) -> (&[u16], OrderKey) {
        (&self.cursors[at].steps, self.cursors[at].after)
    }

    /// The cursor that lags behind the others in the order of the run, among those with something left to read and room for
    /// what they read.
    pub(super) fn lagging(&self, has_room: impl Fn(u16) -> bool) -> Option<(usize, OrderKey)> {
        let cursors = self.cursors.iter().enumerate().filter(|(_, cursor)| !cursor.exhausted);
        let readable = cursors.filter(|(_, cursor)| cursor.steps.iter().all(|step| has_room(*step)));
        readable.map(|(at, cursor)| (at, cursor.after)).min_by_key(|(_, after)| *after)
    }

    /// A cursor has come to `last`; to its end where there may be no more.
    pub(super) fn came_to(&mut self, at: usize, last: Option<OrderKey>, exhausted: bool) {
        let cursor = &mut self.cursors[at];
        cursor.after = last.unwrap_or(cursor.after);
        cursor.exhausted |= exhausted;
    }

    /// Lets a lookup be read again.
    pub(super) fn again(&mut self, at: LookupId) {
        self.again.insert(at);
    }

    /// Another process has the question of a lookup in flight: the ledger is asked again in a moment, at no cost to the pace.
    pub(super) fn wait_for_another(&mut self, at: LookupId) {
        self.elsewhere.insert(at);
        self.look_again.get_or_insert_with(|| Instant::now() + ANOTHERS_ANSWER);
    }

    /// Takes those that are to be read again now, `most` at a time: `None` if there are none.
    pub(super) fn take_again(&mut self, now: Instant, most: usize) -> Option<Vec<LookupId>> {
        if !self.again.is_empty() {
            let rest = self.again.iter().nth(most).copied();
            let rest = rest.map(|rest| self.again.split_off(&rest)).unwrap_or_default();
            return Some(std::mem::replace(&mut self.again, rest).into_iter().collect());
        }
        self.look_again.take_if(|at| *at <= now)?;
        Some(std::mem::take(&mut self.elsewhere).into_iter().collect()).filter(|ids: &Vec<_>| !ids.is_empty())
    }

    /// When the ledger is to be asked again about what another process has in flight.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.look_again
    }

    /// Whether a lookup waits to be read again.
    pub(super) fn holds(&self, at: LookupId) -> bool {
        self.again.contains(&at) || self.elsewhere.contains(&at)
    }

    /// How many wait to be read again.
    pub(super) fn waiting(&self) -> usize {
        self.again.len() + self.elsewhere.len()
    }

    /// Whether nothing is left to be read, or read again.
    pub(super) fn is_over(&self) -> bool {
        self.waiting() == 0 && self.cursors.iter().all(|cursor| cursor.exhausted)
    }

    /// Reads no more of some steps; they stay pending in the ledger. Gives out those that waited to be read again.
    pub(super) fn drop_steps(&mut self, dropped: impl Fn(u16) -> bool) -> Vec<LookupId> {
        for cursor in &mut self.cursors {
            cursor.steps.retain(|step| !dropped(*step));
            cursor.exhausted |= cursor.steps.is_empty();
        }
        let mut gone: Vec<LookupId> = self.again.extract_if(.., |at| dropped(at.step)).collect();
        gone.extend(self.elsewhere.extract_if(.., |at| dropped(at.step)));
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(row: i64, step: u16) -> LookupId {
        LookupId { row, step }
    }

    fn order_key(row: i64, step: u16) -> OrderKey {
        OrderKey { heard_at: 0, at: at(row, step) }
    }

    #[test]
    fn each_condition_is_read_by_itself_and_whoever_lags_comes_first() {
        let mut reading = Reading::new([(0, false), (2, true), (3, false), (5, true)].into_iter());
        assert_eq!(reading.cursor(0), (&[0, 3][..], OrderKey::default()));
        let all = |_| true;
        assert_eq!(reading.lagging(all).map(|(at, _)| at), Some(0));
        reading.came_to(0, Some(order_key(9, 3)), false);
        assert_eq!(reading.lagging(all).map(|(at, _)| at), Some(1));
        reading.came_to(1, Some(order_key(7, 2)), false);
        reading.came_to(2, Some(order_key(8, 5)), false);
        assert_eq!(reading.lagging(all), Some((1, order_key(7, 2))));
        assert_eq!(reading.lagging(|step| step != 2), Some((2, order_key(8, 5))), "too many of it wait");
        reading.came_to(2, None, true);
        assert_eq!(reading.lagging(|step| step != 2), Some((0, order_key(9, 3))));
        reading.drop_steps(|step| step != 2);
        assert_eq!(reading.lagging(all), Some((1, order_key(7, 2))));
        assert!(!reading.is_over());
        reading.came_to(1, None, true);
        assert!(reading.is_over());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_read_again_comes_in_order_and_what_is_elsewhere_in_a_moment() {
        let mut reading = Reading::new([(0, false)].into_iter());
        let now = Instant::now();
        for row in [3, 1, 2] {
            reading.again(at(row, 0));
        }
        reading.wait_for_another(at(7, 0));
        assert_eq!(reading.take_again(now, 2), Some(vec![at(1, 0), at(2, 0)]));
        assert_eq!(reading.take_again(now, 2), Some(vec![at(3, 0)]));
        assert_eq!((reading.take_again(now, 2), reading.waiting()), (None, 1));
        let later = reading.next_look().unwrap();
        assert_eq!(reading.take_again(later, 2), Some(vec![at(7, 0)]));
        assert_eq!((reading.take_again(later, 2), reading.next_look()), (None, None));
        reading.wait_for_another(at(7, 0));
        assert_eq!(reading.drop_steps(|step| step == 0), [at(7, 0)]);
        assert!(reading.is_over());
        assert_eq!(reading.take_again(later + ANOTHERS_ANSWER, 2), None, "and nothing is looked for");
    }
}
