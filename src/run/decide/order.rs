//! `order = "oldest"`: by which answers a row is told to be stale.

use super::prepared::Prepared;
use crate::domain::number::Kind;

/// The services that are asked of every row of a kind, by their ids in the ledger. What is asked on a condition says
/// nothing of how stale a row is: most rows never meet it, and would stand first for ever.
/// `service_ids` are those of an account's services, by the lookups of the job.
pub(crate) fn always_asked<'s>(
    prepared: &Prepared,
    service_ids: impl Fn(usize) -> &'s [i64],
) -> Vec<(i64, Kind)> {
    let kinds = [Kind::Organisation, Kind::Partnership, Kind::SoleTrader, Kind::Person];
    let steps = prepared.job.steps.iter().zip(&prepared.account_of).enumerate();
    let always = steps.filter(|(_, (step, _))| step.when.is_empty());
    let each = always.flat_map(|(at, (step, account))| {
        let id = service_ids(*account)[at];
        let taken = kinds.into_iter().filter(|kind| step.service.digits(*kind).is_some());
        taken.map(move |kind| (id, kind))
    });
    each.collect()
}
