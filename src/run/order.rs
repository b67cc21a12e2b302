//! `order = "oldest"`: by which answers a row is told to be stale.

use super::lane::Lane;
use super::prepared::Prepared;
use crate::domain::number::Kind;

/// The services that are asked of every row of a kind, by their ids in the ledger. What is asked on a condition says
/// nothing of how stale a row is: most rows never meet it, and would stand first for ever.
pub(super) fn always_asked(prepared: &Prepared, lanes: &[Lane]) -> Vec<(i64, Kind)> {
    let kinds = [Kind::Organisation, Kind::Partnership, Kind::SoleTrader, Kind::Person];
    let steps = prepared.job.steps.iter().zip(&prepared.account_of).enumerate();
    let always = steps.filter(|(_, (step, _))| step.when.is_empty());
    let each = always.flat_map(|(at, (step, lane))| {
        let taken = kinds.into_iter().filter(|kind| step.service.digits(*kind).is_some());
        taken.map(move |kind| (lanes[*lane].service_ids[at], kind))
    });
    each.collect()
}
