//! Conditions between lookups: what a lookup's condition comes to, and who waits for whose end.

use super::prepared::Prepared;
use crate::domain::json::Json;
use crate::domain::outcome::{Outcome, Outcomes};
use crate::export::leaf_names;
use crate::job::when::{Came, First, Gate, combine};
use crate::ledger::{Ledger, LookupId, LookupStatus, Pending};
use crate::run::error::RunError;
use std::collections::{BTreeMap, HashMap};

/// Names of fields that are shown where a condition looks for one that never occurs.
pub(crate) const MOST_NAMES: usize = 12;

/// Where a condition looked into an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Probe {
    /// The lookup with the condition, and which of its conditions.
    pub(crate) at: (u16, usize),
    pub(crate) found: bool,
    /// Fields that there are, where the one looked for is not.
    pub(crate) names: Vec<String>,
}

/// Lookups whose conditions are asked together: an answer may be large.
const AT_ONCE: usize = 16;

/// What the conditions of a lookup come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decided {
    pub(crate) gate: Gate,
    /// Of one that waits: the lookups of the row from that which it waits for to that which waits for none, each waiting for
    /// the next. Where one of them does not come to its turn, nobody before it does.
    pub(crate) chain: Vec<LookupId>,
}

/// Where lookups of some rows stand, and whether they were asked for with their answers.
type Found = HashMap<LookupId, (LookupStatus, bool)>;

/// Where lookups of a row stand, and what their answers say.
type Stood<'f> = HashMap<LookupId, Standing<'f>>;

/// Where a lookup stands, its answer read.
struct Standing<'f> {
    at: &'f LookupStatus,
    outcome: Option<Outcome>,
    body: Option<Json>,
}

impl<'f> Standing<'f> {
    /// An answer that is damaged decides as little as one that was lost.
    fn of(at: &'f LookupStatus) -> Self {
        let body = at.body.as_ref().and_then(|body| Json::of_bytes(body));
        let damaged = at.body.is_some() && body.is_none();
        Self { at, outcome: if damaged { Some(Outcome::Unknown) } else { at.outcome }, body }
    }
}

/// What the conditions of pending lookups come to, in their order, and where they looked.
pub(crate) async fn ask(
    ledger: &Ledger,
    prepared: &Prepared,
    run: i64,
    pending: &[Pending],
) -> Result<(Vec<Decided>, Vec<Probe>), RunError> {
    let (mut decided, mut probes) = (Vec::with_capacity(pending.len()), Vec::new());
    for some in pending.chunks(AT_ONCE) {
        let found = look_up(ledger, prepared, run, some).await?;
        // Answers are read into trees, which are many times as large: those of one row at a time.
        for row in some.chunk_by(|one, next| one.at.row == next.at.row) {
            let is_ours = |at: &LookupId| row.first().is_some_and(|lookup| lookup.at.row == at.row);
            let of_row = found.iter().filter(|(at, _)| is_ours(at));
            let stood: Stood<'_> = of_row.map(|(at, (stood, _))| (*at, Standing::of(stood))).collect();
            let mut judged = HashMap::new();
            for lookup in row {
                let gate = judge(prepared, lookup.at, &stood, &mut probes);
                let chain = chain(prepared, lookup.at, gate, &stood, &mut judged);
                decided.push(Decided { gate, chain });
            }
        }
    }
    Ok((decided, probes))
}

/// Where the lookups stand that these depend on, and those that they wait for in turn. Each is looked up once, however many
/// depend on it.
async fn look_up(
    ledger: &Ledger,
    prepared: &Prepared,
    run: i64,
    pending: &[Pending],
) -> Result<Found, RunError> {
    let mut found = Found::new();
    let mut open: Vec<LookupId> = pending.iter().map(|lookup| lookup.at).collect();
    while !open.is_empty() {
        let mut asked: BTreeMap<LookupId, bool> = BTreeMap::new();
        for at in open {
            for when in &prepared.job.steps[usize::from(at.step)].when {
                let (gate, looks) = (lookup_id(at.row, when.step), when.test.is_some());
                // One that was looked up for whoever does not look into its answer is looked up with it for whoever does.
                if found.get(&gate).is_none_or(|(_, with_body)| looks && !with_body) {
                    *asked.entry(gate).or_default() |= looks;
                }
            }
        }
        let asked: Vec<(LookupId, bool)> = asked.into_iter().collect();
        if asked.is_empty() {
            break;
        }
        let mut came = ledger.stood_at(run, &asked).await?;
        open = came.iter().filter(|(_, stood)| stood.outcome.is_none()).map(|(at, _)| *at).collect();
        found.extend(asked.into_iter().filter_map(|(at, looks)| Some((at, (came.remove(&at)?, looks)))));
    }
    Ok(found)
}

/// What the conditions of a lookup come to by where the others of its row stand.
fn judge(prepared: &Prepared, at: LookupId, stood: &Stood<'_>, probes: &mut Vec<Probe>) -> Gate {
    let conditions = prepared.job.steps[usize::from(at.step)].when.iter().enumerate();
    combine(conditions.map(|(which, when)| {
        let Some(Standing { at: stood, outcome, body }) = stood.get(&lookup_id(at.row, when.step)) else {
            return Gate::Waits(when.step);
        };
        let says = outcome.is_some_and(|outcome| Outcomes::default().contains(outcome));
        if let (Some(test), Some(body), true) = (&when.test, body, says) {
            let found = test.pointer().of(body).is_some();
            let names = if found { Vec::new() } else { leaf_names(body, MOST_NAMES) };
            probes.push(Probe { at: (at.step, which), found, names });
        }
        let (state, outcome, code) = (stood.state, *outcome, stood.code.as_deref());
        when.evaluate(
            Came { state, outcome, code, body: body.as_deref() },
            prepared.first(at.step, when.step),
        )
    }))
}

/// Whom a lookup that came to `gate` waits for, and whom these wait for in turn: a condition is about earlier lookups of the
/// job, so that it ends. Each is `judged` once for all of its row.
fn chain(
    prepared: &Prepared,
    at: LookupId,
    mut gate: Gate,
    stood: &Stood<'_>,
    judged: &mut HashMap<LookupId, Gate>,
) -> Vec<LookupId> {
    let mut chain = Vec::new();
    while let Gate::Waits(step) = gate {
        let next = lookup_id(at.row, step);
        chain.push(next);
        gate = *judged.entry(next).or_insert_with(|| judge(prepared, next, stood, &mut Vec::new()));
    }
    chain
}

fn lookup_id(row: i64, step: usize) -> LookupId {
    LookupId { row, step: u16::try_from(step).unwrap_or(u16::MAX) }
}

impl Prepared {
    /// What becomes of lookup `step` where its gate has no answer yet: its own word counts before the gate's.
    pub(crate) fn first(&self, step: u16, gate: usize) -> First {
        let steps = &self.job.steps;
        steps[usize::from(step)].first.or(steps[gate].first).unwrap_or(First::Buy)
    }
}
