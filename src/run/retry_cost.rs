//! What asking again what was lost in a run would cost, without sending anything.

use super::decide::accounts::Used;
use super::decide::fetch::resolve;
use super::decide::prepared::{Ask, Resolved};
use super::error::RunError;
use super::unchanged::same_questions;
use crate::config::Settings;
use crate::domain::budget::Spend;
use crate::domain::identity::Identity;
use crate::job::Job;
use crate::ledger::{Ledger, LookupId, RunRow, SeenIdentities};
use crate::time::now_ms;

/// What asking again what was lost in a run may cost, and how many letters it may post.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetryCost {
    /// Calls, and their prices.
    pub calls: Spend,
    /// How many of them may post a letter of disclosure.
    pub letters: u64,
}

/// What `retry --unknown` would send for the lookups of a run that ended unknown, each question once.
pub async fn retry_cost(
    settings: &Settings,
    ledger: &Ledger,
    job: Job,
    run: &RunRow,
) -> Result<RetryCost, RunError> {
    same_questions(settings, &job, run)?;
    let used = Used::of(settings, &job)?;
    let prepared = Box::pin(used.prepare_again(job, run, ledger.key().clone())).await?;
    let (mut sums, mut seen, mut after) =
        (RetryCost::default(), SeenIdentities::new().await?, LookupId { row: 0, step: 0 });
    loop {
        let unknown = ledger.ended_unknown(run.id, after, 512).await?;
        let Some(last) = unknown.last() else { return Ok(sums) };
        after = last.at;
        let rows: Vec<_> = unknown.iter().map(|lookup| lookup.row()).collect();
        let of: Vec<usize> = unknown.iter().map(|lookup| usize::from(lookup.at.step)).collect();
        let resolved = resolve(Some(ledger), &prepared, &of, &rows, now_ms(), run.started_at).await?;
        let asks: Vec<Ask> = resolved
            .into_iter()
            .filter_map(|resolved| if let Resolved::Ask(ask) = resolved { Some(ask) } else { None })
            .collect();
        let identities: Vec<Identity> = asks.iter().map(|ask| ask.identity).collect();
        let mut first = seen.first_times(&identities).await?;
        for ask in asks.iter().filter(|ask| first.remove(&ask.identity)) {
            sums.calls = sums.calls.and_call(ask.price);
            sums.letters += u64::from(ask.letter_making);
        }
    }
}
