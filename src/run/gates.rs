//! Conditions between lookups: what a lookup's condition comes to, and who waits for whose end.

use super::RunError;
use super::coordinator::Coordinator;
use super::event::Level;
use super::prepared::Prepared;
use crate::domain::counted::counted;
use crate::domain::json::Json;
use crate::domain::outcome::{Outcome, Outcomes};
use crate::domain::redact::scrub;
use crate::export::leaf_names;
use crate::http::transport::Transport;
use crate::job::when::{Came, First, Gate, Test, together};
use crate::ledger::{Ledger, Pending, Place, StoodAt};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Names of fields that are shown where a condition looks for one that never occurs.
const MOST_NAMES: usize = 12;

/// Where a condition looked into an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Probe {
    /// The lookup with the condition, and which of its conditions.
    at: (u16, usize),
    found: bool,
    /// Fields that there are, where the one looked for is not.
    names: Vec<String>,
}

/// Lookups whose conditions are asked together: an answer may be large.
const AT_ONCE: usize = 16;

/// What the conditions of pending lookups come to, in their order, and where they looked.
pub(super) async fn ask(
    ledger: &Ledger,
    prepared: &Prepared,
    run: i64,
    pending: &[Pending],
) -> Result<(Vec<Gate>, Vec<Probe>), RunError> {
    let (mut gates, mut probes) = (Vec::with_capacity(pending.len()), Vec::new());
    for some in pending.chunks(AT_ONCE) {
        gates.extend(ask_some(ledger, prepared, run, some, &mut probes).await?);
    }
    Ok((gates, probes))
}

async fn ask_some(
    ledger: &Ledger,
    prepared: &Prepared,
    run: i64,
    pending: &[Pending],
    probes: &mut Vec<Probe>,
) -> Result<Vec<Gate>, RunError> {
    let steps = &prepared.job.steps;
    let mut asked: BTreeMap<Place, bool> = BTreeMap::new();
    for lookup in pending {
        // Also what these depend on in turn: a lookup waits for the first of the chain that is not settled, since the
        // second may never come to its turn.
        let mut open = vec![usize::from(lookup.at.step)];
        while let Some(step) = open.pop() {
            for when in &steps[step].when {
                *asked.entry(place(lookup.at.row, when.step)).or_default() |= when.test.is_some();
                open.push(when.step);
            }
        }
    }
    if asked.is_empty() {
        return Ok(vec![Gate::Open; pending.len()]);
    }
    let asked: Vec<(Place, bool)> = asked.into_iter().collect();
    let mut stood = ledger.stood_at(run, &asked).await?;
    let mut gates = Vec::with_capacity(pending.len());
    // Answers are read into trees, which are many times as large: those of one row at a time.
    for row in pending.chunk_by(|one, next| one.at.row == next.at.row) {
        let of_row = stood.extract_if(|at, _| row.first().is_some_and(|lookup| lookup.at.row == at.row));
        let of_row: HashMap<Place, (StoodAt, Option<Json>)> = of_row
            .map(|(at, mut stood)| {
                let kept = stood.body.take();
                let body = kept.as_ref().and_then(|body| Json::of_bytes(body));
                if kept.is_some() && body.is_none() {
                    // It is damaged, and decides as little as one that was lost.
                    stood.outcome = Some(Outcome::Unknown);
                }
                (at, (stood, body))
            })
            .collect();
        gates.extend(row.iter().map(|lookup| decide(prepared, lookup.at, &of_row, probes)));
    }
    Ok(gates)
}

fn decide(
    prepared: &Prepared,
    at: Place,
    stood: &HashMap<Place, (StoodAt, Option<Json>)>,
    probes: &mut Vec<Probe>,
) -> Gate {
    let conditions = prepared.job.steps[usize::from(at.step)].when.iter().enumerate();
    let gate = together(conditions.map(|(which, when)| {
        let Some((stood, body)) = stood.get(&place(at.row, when.step)) else { return Gate::Waits(when.step) };
        let says = stood.outcome.is_some_and(|outcome| Outcomes::default().contains(outcome));
        if let (Some(test), Some(body), true) = (&when.test, body, says) {
            let found = test.pointer().of(body).is_some();
            let names = if found { Vec::new() } else { leaf_names(body, MOST_NAMES) };
            probes.push(Probe { at: (at.step, which), found, names });
        }
        let (state, outcome, code) = (stood.state, stood.outcome, stood.code.as_deref());
        when.verdict(Came { state, outcome, code, body: body.as_deref() }, prepared.first(at.step, when.step))
    }));
    let Gate::Waits(step) = gate else { return gate };
    match decide(prepared, place(at.row, step), stood, &mut Vec::new()) {
        Gate::Waits(first) => Gate::Waits(first),
        _ => gate,
    }
}

fn place(row: i64, step: usize) -> Place {
    Place { row, step: u16::try_from(step).unwrap_or(u16::MAX) }
}

impl Prepared {
    /// What becomes of lookup `step` where its gate has no answer yet: its own word counts before the gate's.
    pub(super) fn first(&self, step: u16, gate: usize) -> First {
        let steps = &self.job.steps;
        steps[usize::from(step)].first.or(steps[gate].first).unwrap_or(First::Buy)
    }
}

/// Lookups that wait for an earlier one of their row. What has ended is read again from the ledger, so that one place
/// decides; here is only kept when to read.
#[derive(Default)]
pub(super) struct Dependants {
    waiting: HashMap<Place, Vec<Place>>,
    count: usize,
    /// Those whose gate has ended: to be read once that is committed.
    ripe: BTreeSet<Place>,
    /// Gates that ended while a read was under way, which cannot have seen it.
    ended: HashSet<Place>,
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
    /// A lookup waits for another.
    pub(super) fn wait(&mut self, at: Place, gate: Place) {
        if self.ended.contains(&gate) {
            self.ripe.insert(at);
        } else {
            self.waiting.entry(gate).or_default().push(at);
            self.count += 1;
        }
    }

    /// A lookup has ended; `reading` is whether lookups are being read meanwhile.
    pub(super) fn ended(&mut self, gate: Place, reading: bool) {
        if let Some(waiting) = self.waiting.remove(&gate) {
            self.count -= waiting.len();
            self.ripe.extend(waiting);
        }
        if reading {
            self.ended.insert(gate);
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

    /// Takes some that can be read again, in input order.
    pub(super) fn take_ripe(&mut self, most: usize) -> Vec<Place> {
        let taken: Vec<Place> = self.ripe.iter().copied().take(most).collect();
        for at in &taken {
            self.ripe.remove(at);
        }
        taken
    }

    /// Whether nothing is to be read again.
    pub(super) fn none_ripe(&self) -> bool {
        self.ripe.is_empty()
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.count + self.ripe.len()
    }

    /// Lets go of those of some steps, and of those that wait for one of these; they stay pending in the ledger.
    pub(super) fn drop_steps(&mut self, dropped: impl Fn(u16) -> bool) {
        self.waiting.retain(|gate, _| !dropped(gate.step));
        self.waiting.values_mut().for_each(|waiting| waiting.retain(|at| !dropped(at.step)));
        self.ripe.retain(|at| !dropped(at.step));
        self.count = self.waiting.values().map(Vec::len).sum();
    }
}

impl<T: Transport> Coordinator<T> {
    /// Warns of conditions on fields that no answer had: a slip in the pointer would close or open every gate.
    pub(super) fn warn_of_empty_gates(&self) {
        for ((step, which), looked) in &self.dependants.looked {
            let lookup = &self.prepared.job.steps[usize::from(*step)];
            let pointer = lookup.when.get(*which).and_then(|when| when.test.as_ref()).map(Test::pointer);
            let (0, Some(pointer)) = (looked.found, pointer) else { continue };
            let names: Vec<String> = looked.names.iter().map(|name| scrub(name)).collect();
            let message = format!(
                "the condition of lookup `{}` looks at {}, which was in none of {}; there are {}",
                lookup.id,
                pointer.0,
                counted(looked.of, "answer", "answers"),
                names.join(", ")
            );
            super::notice(&self.observer, Level::Warning, "gate-field", message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(row: i64, step: u16) -> Place {
        Place { row, step }
    }

    #[test]
    fn who_waits_is_read_again_when_its_gate_has_ended() {
        let mut dependants = Dependants::default();
        dependants.wait(at(1, 1), at(1, 0));
        dependants.wait(at(2, 1), at(2, 0));
        assert_eq!(dependants.waiting(), 2);
        dependants.ended(at(1, 0), false);
        assert_eq!(dependants.take_ripe(9), [at(1, 1)]);
        dependants.ended(at(3, 0), true);
        dependants.wait(at(3, 1), at(3, 0));
        assert_eq!(dependants.take_ripe(9), [at(3, 1)], "the read under way missed its end");
        dependants.read(Vec::new());
        dependants.wait(at(3, 2), at(3, 0));
        assert!(dependants.none_ripe(), "what was read later saw it");
        dependants.drop_steps(|step| step == 0);
        assert_eq!(dependants.waiting(), 0);
    }
}
