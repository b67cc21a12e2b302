//! Reading ahead: the next pending lookups with what is known of each, decided in one place for `run` and for `plan`.

use super::conditions;
use super::conditions::Probe;
use super::disposition::{Disposition, disposition, gated};
use super::freshness::{Freshness, Reuse};
use super::prepared::{On, Prepared, Resolved};
use crate::domain::identity::Identity;
use crate::domain::number::Subject;
use crate::job::when::Gate;
use crate::ledger::{Asked, Known, Ledger, LookupId, OrderKey, Pending, SavedCall, SeenIdentities};
use crate::run::error::RunError;
use crate::time::stockholm_date;
use std::collections::HashMap;
use tokio::sync::Mutex;

/// A pending lookup and what is to be done with it.
pub(crate) struct Fetched {
    pub(crate) at: LookupId,
    pub(crate) heard_at: i64,
    pub(crate) spent: u32,
    pub(crate) lost: bool,
    /// The purpose's id in the ledger.
    pub(crate) purpose: i64,
    pub(crate) disposition: Disposition,
    /// Of one that waits: whom it waits for, and whom these wait for in turn.
    pub(crate) chain: Vec<LookupId>,
}

/// What was read, and where conditions looked on the way.
pub(crate) struct Page {
    pub(crate) lookups: Vec<Fetched>,
    pub(crate) probes: Vec<Probe>,
}

/// Which pending lookups are read.
pub(crate) enum Selection {
    /// The next so many of some steps after a key, in the order of the job.
    After(Vec<u16>, OrderKey, u32),
    /// These.
    At(Vec<LookupId>),
}

/// Pending lookups of a run, with what is to be done with each.
pub(crate) async fn fetch(
    ledger: &Ledger,
    prepared: &Prepared,
    run: i64,
    which: Selection,
    freshness: Freshness,
    saved: &Saved,
) -> Result<Page, RunError> {
    let pending = match which {
        Selection::After(steps, after, limit) if prepared.job.rules.oldest => {
            ledger.pending_in_order(run, &steps, after, limit).await?
        }
        Selection::After(steps, after, limit) => ledger.pending_steps(run, &steps, after.at, limit).await?,
        Selection::At(ids) => ledger.pending_at(run, &ids).await?,
    };
    let (decided, probes) = conditions::ask(ledger, prepared, run, &pending).await?;
    let rows: Vec<_> = pending.iter().map(Pending::row).collect();
    let steps: Vec<_> = pending.iter().map(|lookup| usize::from(lookup.at.step)).collect();
    let resolved = resolve(Some(ledger), prepared, &steps, &rows, freshness.now, freshness.began).await?;
    let known = known(ledger, Some(run), resolved.iter()).await?;
    let purposes = prepared.purposes(&pending);
    let purposes =
        ledger.purpose_ids(&purposes, prepared.job.cost_centre.as_deref().unwrap_or_default()).await?;
    let mut lookups = Vec::with_capacity(pending.len());
    for (((lookup, resolved), decided), purpose) in pending.iter().zip(resolved).zip(decided).zip(purposes) {
        let step = &prepared.job.steps[usize::from(lookup.at.step)];
        let disposition = disposition(resolved, Some(lookup.at), &known, Reuse::of(step), freshness);
        let kept = match (&disposition, decided.gate) {
            (Disposition::Ask(ask), Gate::Closed) => Some((ask.identity, SavedCall { price: ask.price })),
            _ => None,
        };
        let mut disposition = gated(disposition, decided.gate, lookup.at);
        if let (Disposition::Skip(skip), Some((identity, call))) = (&mut disposition, kept) {
            // What stands twice would have been bought once.
            skip.saved = saved.first_time(identity).await?.then_some(call);
        }
        let (at, heard_at, spent, lost) = (lookup.at, lookup.heard_at, lookup.spent, lookup.lost);
        lookups.push(Fetched { at, heard_at, spent, lost, purpose, disposition, chain: decided.chain });
    }
    Ok(Page { lookups, probes })
}

/// The questions that conditions have kept from being asked, so that each is counted once.
#[derive(Default)]
pub(crate) struct Saved(Mutex<Option<SeenIdentities>>);

impl Saved {
    async fn first_time(&self, identity: Identity) -> Result<bool, RunError> {
        let mut seen = self.0.lock().await;
        let seen = match &mut *seen {
            Some(seen) => seen,
            none => none.insert(SeenIdentities::new().await?),
        };
        Ok(!seen.first_times(&[identity]).await?.is_empty())
    }
}

/// What lookups of some rows ask, each of the step beside it. A day of a newest answer is looked up first: of those that came
/// before the run began, so that rows about one subject ask the same, however often the run is continued.
pub(crate) async fn resolve(
    ledger: Option<&Ledger>,
    prepared: &Prepared,
    steps: &[usize],
    rows: &[Option<(&Subject, &[String])>],
    now: i64,
    began: i64,
) -> Result<Vec<Resolved>, RunError> {
    let on = On { day: stockholm_date(now), last: None };
    let about: Vec<Option<Identity>> = (steps.iter().zip(rows))
        .map(|(step, row)| {
            let (subject, columns) = (*row)?;
            match prepared.resolve(prepared.last_of(*step)?, subject, columns, on) {
                Resolved::Ask(ask) => Some(ask.identity),
                _ => None,
            }
        })
        .collect();
    let asked: Vec<Identity> = about.iter().flatten().copied().collect();
    let answered = match ledger {
        Some(ledger) if !asked.is_empty() => ledger.answered_before(&asked, began).await?,
        _ => HashMap::new(),
    };
    let last = |about: &Option<Identity>| answered.get(about.as_ref()?).copied().map(stockholm_date);
    let each = steps.iter().zip(rows).zip(&about);
    Ok(each
        .map(|((step, row), about)| {
            let Some((subject, columns)) = *row else { return Resolved::Damaged };
            prepared.resolve(*step, subject, columns, On { last: last(about), ..on })
        })
        .collect())
}

/// What the ledger knows of the questions among these.
pub(crate) async fn known(
    ledger: &Ledger,
    run: Option<i64>,
    resolved: impl Iterator<Item = &Resolved>,
) -> Result<HashMap<Identity, Known>, RunError> {
    let asked: Vec<Asked> = resolved
        .filter_map(|resolved| match resolved {
            Resolved::Ask(ask) => Some(Asked { identity: ask.identity, purposes: ask.purposes.clone() }),
            _ => None,
        })
        .collect();
    Ok(ledger.known(run, &asked).await?)
}
