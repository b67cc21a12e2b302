//! Lookups that wait for an earlier one of their row.

use crate::domain::counted::counted;
use crate::domain::redact::scrub;
use crate::job::when::Test;
use crate::ledger::LookupId;
use crate::run::decide::conditions::{MOST_NAMES, Probe};
use crate::run::decide::prepared::Prepared;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Lookups that wait for an earlier one of their row. What has ended is read again from the ledger, so that one place
/// decides; here is only kept when to read.
#[derive(Default)]
pub(super) struct Dependants {
    waiting: HashMap<LookupId, Vec<LookupId>>,
    /// How many of each step wait.
    counts: HashMap<u16, usize>,
    /// Gates that ended while a read was under way, which cannot have seen it.
    ended: HashSet<LookupId>,
    looked: BTreeMap<(u16, usize), Looked>,
}

/// How often a condition found its field.
#[derive(Default)]
struct Looked {
    of: u64,
    found: u64,
    names: BTreeSet<String>,
}

impl Dependants {
    /// Lets a lookup wait for another. False where that has ended already, which the read under way cannot have seen: it is
    /// to be read again.
    pub(super) fn wait(&mut self, at: LookupId, gate: LookupId) -> bool {
        let waits = !self.has_ended(gate);
        if waits {
            self.waiting.entry(gate).or_default().push(at);
            *self.counts.entry(at.step).or_default() += 1;
        }
        waits
    }

    /// Whether a lookup has ended since the read under way began.
    pub(super) fn has_ended(&self, gate: LookupId) -> bool {
        self.ended.contains(&gate)
    }

    /// A lookup has ended: gives out who waited for it, to be read again. `reading` is whether lookups are being read
    /// meanwhile.
    pub(super) fn ended(&mut self, gate: LookupId, reading: bool) -> Vec<LookupId> {
        if reading {
            self.ended.insert(gate);
        }
        self.let_go(gate)
    }

    /// A lookup will not end: gives out who waited for it.
    pub(super) fn let_go(&mut self, gate: LookupId) -> Vec<LookupId> {
        let gone = self.waiting.remove(&gate).unwrap_or_default();
        self.uncount(&gone);
        gone
    }

    fn uncount(&mut self, gone: &[LookupId]) {
        for at in gone {
            self.counts.entry(at.step).and_modify(|count| *count -= 1);
        }
    }

    /// What was read is sorted in.
    pub(super) fn read(&mut self, probes: Vec<Probe>) {
        self.ended.clear();
        for Probe { at, found, names } in probes {
            let looked = self.looked.entry(at).or_default();
            looked.of += 1;
            looked.found += u64::from(found);
            let room = MOST_NAMES.saturating_sub(looked.names.len());
            looked.names.extend(names.into_iter().take(room));
        }
    }

    /// How many of a step wait.
    pub(super) fn waiting(&self, step: u16) -> usize {
        self.counts.get(&step).copied().unwrap_or_default()
    }

    /// Gives out those of some steps that wait, and those that wait for one that is `lost`; they stay pending in the ledger.
    pub(super) fn drop_steps(
        &mut self,
        dropped: impl Fn(u16) -> bool,
        lost: impl Fn(LookupId) -> bool,
    ) -> Vec<LookupId> {
        let mut gone: Vec<LookupId> =
            self.waiting.extract_if(|gate, _| lost(*gate)).flat_map(|(_, waiting)| waiting).collect();
        for waiting in self.waiting.values_mut() {
            gone.extend(waiting.extract_if(.., |at| dropped(at.step)));
        }
        self.uncount(&gone);
        gone
    }

    /// Tells of conditions on fields that no answer had: a slip in the pointer would close or open every gate.
    pub(super) fn never_found(&self, prepared: &Prepared) -> Vec<String> {
        let mut told = Vec::new();
        for ((step, which), looked) in &self.looked {
            let lookup = &prepared.job.steps[usize::from(*step)];
            let pointer = lookup.when.get(*which).and_then(|when| when.test.as_ref()).map(Test::pointer);
            let (0, Some(pointer)) = (looked.found, pointer) else { continue };
            let names: Vec<String> = looked.names.iter().map(|name| scrub(name)).collect();
            told.push(format!(
                "the condition of lookup `{}` looks at {}, which was in none of {}; there are {}",
                lookup.id,
                pointer.0,
                counted(looked.of, "answer", "answers"),
                names.join(", ")
            ));
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(row: i64, step: u16) -> LookupId {
        LookupId { row, step }
    }

    #[test]
    fn who_waits_is_read_again_when_its_gate_has_ended() {
        let mut dependants = Dependants::default();
        assert!(dependants.wait(at(1, 1), at(1, 0)) && dependants.wait(at(2, 1), at(2, 0)));
        assert_eq!(dependants.waiting(1), 2);
        assert_eq!(dependants.ended(at(1, 0), false), [at(1, 1)]);
        assert_eq!(dependants.ended(at(3, 0), true), []);
        assert!(!dependants.wait(at(3, 1), at(3, 0)), "the read under way missed its end");
        dependants.read(Vec::new());
        assert!(dependants.wait(at(3, 2), at(3, 0)), "what was read later saw it");
        assert_eq!((dependants.waiting(1), dependants.waiting(2)), (1, 1));
        assert_eq!(dependants.drop_steps(|_| false, |gate| gate.row == 2), [at(2, 1)]);
        assert_eq!(dependants.drop_steps(|step| step == 2, |_| false), [at(3, 2)]);
        assert_eq!((dependants.waiting(1), dependants.waiting(2)), (0, 0));
    }
}
