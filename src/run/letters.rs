//! Letters of disclosure that nobody asked for are refused before anything is sent, and those that an account denies once
//! they have been seen.

use super::decide::disposition::{Disposition, disposition};
use super::decide::fetch::{known, resolve};
use super::decide::freshness::{Freshness, Reuse};
use super::decide::prepared::{Ask, Prepared, Resolved};
use super::error::RunError;
use crate::config::Account;
use crate::domain::letters::LettersByBlock;
use crate::job::letters::Unasked;
use crate::job::{Job, Step};
use crate::ledger::{Ledger, LookupId, RunRow, SeenIdentities};

/// Which run's letters are counted.
#[derive(Clone, Copy)]
pub(super) struct LetterScope {
    pub(super) run: i64,
    /// Rows whose number gets a letter.
    pub(super) letter_rows: i64,
    /// When it began, in milliseconds since 1970.
    pub(super) started_at: i64,
    pub(super) freshness: Freshness,
}

impl LetterScope {
    pub(super) fn of(run: &RunRow, freshness: Freshness) -> Self {
        Self { run: run.id, letter_rows: run.letter_rows, started_at: run.started_at, freshness }
    }
}

/// Refuses a lookup that would send letters and does not say that it may: by what each number is and what its block is,
/// and counted as letters would be, each once.
pub(super) async fn unasked(
    ledger: &Ledger,
    asked: LetterScope,
    prepared: &Prepared,
) -> Result<(), RunError> {
    let steps = &prepared.job.steps;
    let silent: Vec<bool> = steps.iter().map(|s| !s.letters && s.service.letters).collect();
    // Most runs hold no number that gets a letter, whatever is asked: they are not even read.
    if !silent.contains(&true) || asked.letter_rows == 0 {
        return Ok(());
    }
    let mut count = LetterCount { counts: vec![LettersByBlock::default(); steps.len()], seen: None };
    let mut after = LookupId { row: 0, step: 0 };
    loop {
        let pending = ledger.pending_letters(asked.run, after, 2_048).await?;
        let Some(last) = pending.last() else { break };
        after = last.at;
        let silent: Vec<_> = pending.iter().filter(|lookup| silent[usize::from(lookup.at.step)]).collect();
        let of: Vec<usize> = silent.iter().map(|lookup| usize::from(lookup.at.step)).collect();
        let rows: Vec<_> = silent.iter().map(|lookup| lookup.row()).collect();
        let now = asked.freshness.now;
        let resolved = resolve(Some(ledger), prepared, &of, &rows, now, asked.started_at).await?;
        let making = silent.iter().map(|lookup| lookup.at).zip(resolved);
        let making =
            making.filter(|(_, resolved)| matches!(resolved, Resolved::Ask(ask) if ask.letter_making));
        let making = making.collect();
        count.add(ledger, asked, prepared, making).await?;
    }
    refusal(prepared, &count.counts).map_or(Ok(()), |refused| Err(RunError::Letters(Box::new(refused))))
}

/// What is said of letters that were counted for each lookup of the job, where one of them does not say that it may.
pub(super) fn refusal(prepared: &Prepared, counted: &[LettersByBlock]) -> Option<Unasked> {
    let account = |step: &Step| prepared.accounts.iter().find(|account| account.name == step.account);
    Unasked::counted(&prepared.job, account, counted)
}

/// Counts the letter of a question.
pub(super) fn count(counts: &mut LettersByBlock, step: &Step, ask: &Ask) {
    counts.add(ask.block(step), ask.kind);
}

/// Letters that would go out, for each lookup of the job.
struct LetterCount {
    counts: Vec<LettersByBlock>,
    seen: Option<SeenIdentities>,
}

impl LetterCount {
    async fn add(
        &mut self,
        ledger: &Ledger,
        asked: LetterScope,
        prepared: &Prepared,
        making: Vec<(LookupId, Resolved)>,
    ) -> Result<(), RunError> {
        if making.is_empty() {
            return Ok(());
        }
        let known = known(ledger, Some(asked.run), making.iter().map(|(_, resolved)| resolved)).await?;
        for (at, resolved) in making {
            let step = usize::from(at.step);
            let reuse = Reuse::of(&prepared.job.steps[step]);
            let Disposition::Ask(ask) = disposition(resolved, Some(at), &known, reuse, asked.freshness)
            else {
                continue;
            };
            let seen = match &mut self.seen {
                Some(seen) => seen,
                none => none.insert(SeenIdentities::new().await?),
            };
            if !seen.first_times(&[ask.identity]).await?.is_empty() {
                count(&mut self.counts[step], &prepared.job.steps[step], &ask);
            }
        }
        Ok(())
    }
}

/// Refuses a call that is said to post no letter and has posted one before, and any that may post one while nobody knows which
/// went out already.
pub(super) async fn announced(ledger: Option<&Ledger>, used: &[&Account], job: &Job) -> Result<(), RunError> {
    let Some(ledger) = ledger else { return Ok(()) };
    let letters: Vec<String> =
        job.steps.iter().filter(|step| step.letters).map(|step| format!("`{}`", step.id)).collect();
    if !letters.is_empty()
        && let Some(unsettled) = ledger.unsettled().await?
    {
        return Err(RunError::Unsettled { lookups: letters.join(", "), unsettled });
    }
    for account in used {
        for call in ledger.unannounced_letters(&account.name, &account.environment).await? {
            let (name, block) =
                call.split_once(':').map_or((call.as_str(), None), |(name, block)| (name, Some(block)));
            let asks = |step: &&Step| {
                let literal = step.block();
                step.account == account.name
                    && step.service.name == name
                    && (literal.is_none() || literal == block)
                    && !account.may_send_letter(&step.service, block)
            };
            if let Some(step) = job.steps.iter().find(asks) {
                let (lookup, account) = (step.id.clone(), account.name.clone());
                return Err(RunError::Unannounced { lookup, account, call });
            }
        }
    }
    Ok(())
}
