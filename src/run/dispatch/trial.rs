//! Blocks that are said to post no letter, tried with one call before many: if the configuration is wrong, the first letter
//! stops the service before there is a second one.

use super::queue::Ready;
use crate::domain::outcome::Outcome;
use crate::ledger::LookupId;
use std::collections::{HashMap, VecDeque};

/// Reports that say nothing of a letter, after which a block is taken to post none: some blocks never say.
const SILENT: u32 = 3;

/// `account.service:block`: what is tried, whichever lookups of the job ask it.
pub(super) type Tried = String;

/// One block of one lookup.
#[derive(Default)]
struct Trial {
    /// The lookup that tries it.
    at: Option<LookupId>,
    waiting: VecDeque<Ready>,
    /// Whether the report of the one that tries says that it posted none.
    told: bool,
    /// Reports that said nothing of it.
    silent: u32,
    /// Whether it is clear that none are posted.
    passed: bool,
}

/// Who tries what, and who waits for it.
#[derive(Default)]
pub(super) struct Trials {
    by_block: HashMap<Tried, Trial>,
    waiting: usize,
}

impl Trials {
    /// Gives a lookup back that may go: the first of its block, and all once that has passed.
    pub(super) fn enter(&mut self, tried: Tried, ready: Ready) -> Option<Ready> {
        let trial = self.by_block.entry(tried).or_default();
        if trial.passed || trial.at.is_some_and(|at| at == ready.at) {
            return Some(ready);
        }
        if trial.at.is_none() {
            trial.at = Some(ready.at);
            return Some(ready);
        }
        trial.waiting.push_back(ready);
        self.waiting += 1;
        None
    }

    /// The report of a lookup says that it posted no letter.
    pub(super) fn told_none(&mut self, at: LookupId) {
        for trial in self.by_block.values_mut().filter(|trial| trial.at == Some(at)) {
            trial.told = true;
        }
    }

    /// A lookup has ended, or will not end now. Gives out who may go: everybody after a report that says that it posted no
    /// letter, the next one after an end that says nothing.
    pub(super) fn ended(&mut self, at: LookupId, outcome: Option<Outcome>, letters: u32) -> Vec<Ready> {
        let Some(trial) = self.by_block.values_mut().find(|trial| trial.at == Some(at)) else {
            return Vec::new();
        };
        trial.at = None;
        let report = letters == 0 && outcome == Some(Outcome::Hit);
        trial.silent += u32::from(report && !trial.told);
        trial.passed = report && (trial.told || trial.silent >= SILENT);
        trial.told = false;
        let out: Vec<Ready> = if trial.passed {
            trial.waiting.drain(..).collect()
        } else {
            trial.waiting.pop_front().into_iter().collect()
        };
        if !trial.passed {
            trial.at = out.first().map(|next| next.at);
        }
        self.waiting -= out.len();
        out
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Gives out those of some steps that wait; they stay pending in the ledger.
    pub(super) fn drop_steps(&mut self, dropped: impl Fn(u16) -> bool) -> Vec<LookupId> {
        let mut gone = Vec::new();
        for trial in self.by_block.values_mut() {
            let (left, out) = trial.waiting.drain(..).partition(|ready| !dropped(ready.at.step));
            trial.waiting = left;
            let out: VecDeque<Ready> = out;
            gone.extend(out.iter().map(|ready| ready.at));
        }
        self.waiting -= gone.len();
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::Identity;
    use crate::domain::money::Ore;
    use crate::domain::number::Kind;
    use crate::run::decide::prepared::Ask;

    fn ready(row: i64) -> Ready {
        let (price, identity) = (Some(Ore::ZERO), Identity([1; 16]));
        let ask = Ask {
            number: String::new(),
            params: Vec::new(),
            identity,
            price,
            kind: Kind::Organisation,
            letter_making: false,
            tried: None,
            purposes: None,
        };
        Ready {
            at: LookupId { row, step: 0 },
            heard_at: 0,
            ask,
            spent: 0,
            lost: false,
            refusals: 0,
            purpose: 0,
        }
    }

    fn rows(ready: &[Ready]) -> Vec<i64> {
        ready.iter().map(|ready| ready.at.row).collect()
    }

    #[test]
    fn one_goes_first_and_the_others_when_it_has_posted_none() {
        let mut trials = Trials::default();
        let block = || "creditsafe.getdata:Basic".to_owned();
        assert!(trials.enter(block(), ready(1)).is_some());
        assert!(trials.enter(block(), ready(1)).is_some(), "again, after it was refused unprocessed");
        assert!(trials.enter(block(), ready(2)).is_none() && trials.enter(block(), ready(3)).is_none());
        assert!(
            trials.enter("creditsafe.getdata:Other".to_owned(), ready(4)).is_some(),
            "each block for itself"
        );
        assert_eq!(trials.waiting(), 2);
        let next = trials.ended(LookupId { row: 1, step: 0 }, Some(Outcome::NoHit), 0);
        assert_eq!(rows(&next), [2], "a miss proves nothing");
        trials.told_none(LookupId { row: 2, step: 0 });
        assert_eq!(rows(&trials.ended(LookupId { row: 2, step: 0 }, Some(Outcome::Hit), 0)), [3]);
        assert!(trials.enter(block(), ready(5)).is_some() && trials.enter(block(), ready(6)).is_some());
        assert_eq!(trials.waiting(), 0);
    }

    #[test]
    fn reports_that_say_nothing_prove_something_when_there_are_several() {
        let mut trials = Trials::default();
        let block = || "creditsafe.getdata:Basic".to_owned();
        assert!(trials.enter(block(), ready(1)).is_some());
        for row in 2..=6 {
            assert!(trials.enter(block(), ready(row)).is_none());
        }
        let mut ended = |row, outcome| rows(&trials.ended(LookupId { row, step: 0 }, Some(outcome), 0));
        assert_eq!(ended(1, Outcome::Hit), [2]);
        assert_eq!(ended(2, Outcome::Partial), [3], "half a report proves nothing");
        assert_eq!(ended(3, Outcome::Hit), [4]);
        assert_eq!(ended(4, Outcome::Hit), [5, 6]);
    }
}
