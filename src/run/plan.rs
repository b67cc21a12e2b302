//! What a run would do, without sending anything: the same questions, resolved and judged by the same code.

use super::context::Options;
use super::copy::{self, Copied, no_clash};
use super::counter::{Counter, Judged, Purchase};
use super::decide::accounts::{Used, environment};
use super::decide::budget::{not_passed, planned};
use super::decide::conditions;
use super::decide::disposition::{Disposition, disposition, gated};
use super::decide::fetch::{known, resolve};
use super::decide::freshness::{Freshness, Reuse};
use super::decide::prepared::{Ask, Prepared, Resolved, service_name};
use super::decide::prices::{priced, without_price};
use super::dispatch::{remembered_refusal, transports};
use super::error::RunError;
use super::letters::{announced, refusal};
use super::outputs::would_fit;
use super::report::{BadExample, PlanRefusal, PlanReport, PlanStep};
use super::unchanged::{missing_column, same_input, same_questions};
use crate::config::{Settings, Unreadable};
use crate::domain::budget::Spend;
use crate::domain::identity::DigestKey;
use crate::domain::letters::LettersByBlock;
use crate::domain::number::Subject;
use crate::domain::outcome::{Outcome, State};
use crate::domain::pace::Rate;
use crate::job::when::{Came, Gate, code, combine};
use crate::job::{Job, Step};
use crate::ledger::{Ledger, LookupId, RunRow};
use crate::time::{now_ms, stockholm_date};
use std::collections::BTreeSet;
use std::time::Duration;

/// Rows judged at once.
const CHUNK: usize = 384;

/// Where stored answers are looked for.
struct Books<'a> {
    ledger: Option<&'a Ledger>,
    run: Option<i64>,
    freshness: Freshness,
    counter: Counter,
}

/// Plans a job: what is pending in its unfinished run, or what a new one would ask. Without a ledger nothing is fresh.
pub async fn plan(
    settings: &Settings,
    ledger: Option<&Ledger>,
    job: Job,
    options: Options,
) -> Result<PlanReport, RunError> {
    let limit = options.limit.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX));
    let unfinished = match ledger {
        Some(ledger) if !options.new && !job.rules.restart => ledger.unfinished(&job.name, limit).await?,
        _ => None,
    };
    let now = now_ms();
    let freshness = Freshness { now, began: now, buy_again: options.buy_again, unknown_too: false };
    let run = unfinished.as_ref().map(|run| run.id);
    let counter = Counter::start(job.steps.len()).await?;
    let mut books = Books { ledger, run, freshness, counter };
    let key = ledger.map_or_else(|| DigestKey::new([0; 32]), |ledger| ledger.key().clone());
    match (unfinished, ledger) {
        (Some(run), Some(ledger)) => {
            same_questions(settings, &job, &run)?;
            same_input(ledger, &job, &run, options.input.as_ref())?;
            books.freshness.buy_again |= run.buy_again;
            plan_rest(settings, ledger, job, (&run, &options), &mut books, key).await
        }
        _ => plan_new(settings, job, options, &mut books, key).await,
    }
}

async fn plan_new(
    settings: &Settings,
    mut job: Job,
    options: Options,
    books: &mut Books<'_>,
    key: DigestKey,
) -> Result<PlanReport, RunError> {
    let today = stockholm_date(books.freshness.now);
    if let Some(origin) = &options.input {
        job.input.origin = origin.clone();
    }
    let used = Used::of(settings, &job)?;
    let refused = asked_before(settings, books.ledger, &used, &job, &options, &key).await?;
    let reader = copy::open(&job, today).await?;
    let columns = reader.columns().to_vec();
    no_clash(&job, &columns)?;
    let prepared = used.prepare(job, &columns, today, key).await?;
    would_fit(books.ledger, None, &prepared, settings, (&columns, options.limit)).await?;
    let mut steps = blank(&prepared);
    let mut copied = Copied::default();
    let mut chunks = copy::chunks(reader, options.limit, CHUNK);
    while let Some(chunk) = chunks.recv().await {
        let (chunk, mut rows) = (chunk?, Vec::new());
        copied.columns.extend(chunk.columns.into_iter().flatten());
        for row in chunk.rows {
            copied.rows += 1;
            match row.subject {
                Ok(subject) => {
                    copied.good(subject.kind());
                    rows.push((subject, row.columns));
                }
                Err(reason) => copied.bad(row.line, &reason),
            }
        }
        judge_rows(&prepared, &rows, books, &mut steps).await?;
    }
    if copied.columns != columns {
        no_clash(&prepared.job, &copied.columns)?;
        would_fit(books.ledger, None, &prepared, settings, (&copied.columns, options.limit)).await?;
    }
    copied.check(&prepared.job, options.limit)?;
    report(settings, &prepared, books, (copied.rows, copied.bad_rows, copied.examples), steps, refused).await
}

/// What a run asks before it reads its input or goes on, so that a plan refuses what it would refuse. Gives the accounts
/// whose credentials the login has refused before.
async fn asked_before(
    settings: &Settings,
    ledger: Option<&Ledger>,
    used: &Used<'_>,
    job: &Job,
    options: &Options,
    key: &DigestKey,
) -> Result<Vec<String>, RunError> {
    transports(settings, job)?;
    announced(ledger, used.each(), job).await?;
    priced(job, used.each(), options.budget)?;
    let (mut refused, mut unread) = (Vec::new(), Unreadable::default());
    for account in used.each().iter().filter(|_| !options.without_secrets) {
        if RunError::gather(&mut unread, remembered_refusal(ledger, account, key).await)? == Some(true) {
            refused.push(account.name.clone());
        }
    }
    if !unread.is_empty() {
        RunError::gather(&mut unread, used.read_requestors(job).await)?;
    }
    unread.into_result()?;
    Ok(refused)
}

async fn plan_rest(
    settings: &Settings,
    ledger: &Ledger,
    job: Job,
    (run, options): (&RunRow, &Options),
    books: &mut Books<'_>,
    key: DigestKey,
) -> Result<PlanReport, RunError> {
    let used = Used::of(settings, &job)?;
    let refused = asked_before(settings, Some(ledger), &used, &job, options, &key).await?;
    not_passed(ledger, &job, run).await?;
    let prepared = used.prepare_again(job, run, key).await?;
    if let Some((lookup, column)) = prepared.missing_column() {
        return Err(missing_column(lookup, column, run));
    }
    would_fit(Some(ledger), Some(run), &prepared, settings, (&run.columns, None)).await?;
    let mut steps = blank(&prepared);
    let mut after = LookupId { row: 0, step: 0 };
    loop {
        let pending = ledger.pending(run.id, after, 512).await?;
        let Some(last) = pending.last() else { break };
        after = last.at;
        let (decided, _) = conditions::ask(ledger, &prepared, run.id, &pending).await?;
        let rows: Vec<_> = pending.iter().map(|lookup| lookup.row()).collect();
        let of: Vec<usize> = pending.iter().map(|lookup| usize::from(lookup.at.step)).collect();
        let resolved =
            resolve(Some(ledger), &prepared, &of, &rows, books.freshness.now, run.started_at).await?;
        let mut each: Vec<Vec<Planned>> = steps.iter().map(|_| Vec::new()).collect();
        for ((lookup, resolved), decided) in pending.iter().zip(resolved).zip(decided) {
            let gate = decided.gate;
            each[usize::from(lookup.at.step)].push(Planned { at: Some(lookup.at), resolved, gate });
        }
        for (step, planned) in each.into_iter().enumerate() {
            judge(&prepared, step, planned, books, &mut steps[step]).await?;
        }
    }
    let rows = (run.rows.unsigned_abs(), run.bad_rows.unsigned_abs(), Vec::new());
    report(settings, &prepared, books, rows, steps, refused).await
}

fn blank(prepared: &Prepared) -> Vec<PlanStep> {
    let step =
        |step: &Step| PlanStep { id: step.id.clone(), service: service_name(step), ..PlanStep::default() };
    prepared.job.steps.iter().map(step).collect()
}

/// A lookup as far as a plan can know it.
struct Planned {
    /// Where it is, where it is in the ledger.
    at: Option<LookupId>,
    resolved: Resolved,
    gate: Gate,
}

/// Adds new rows to the sums, lookup by lookup of the job: what an earlier one is certain not to be asked for decides about
/// later ones.
async fn judge_rows(
    prepared: &Prepared,
    rows: &[(Subject, Vec<String>)],
    books: &mut Books<'_>,
    steps: &mut [PlanStep],
) -> Result<(), RunError> {
    let borrowed: Vec<_> =
        rows.iter().map(|(subject, columns)| Some((subject, columns.as_slice()))).collect();
    let mut skips: Vec<Vec<Option<&'static str>>> = vec![Vec::new(); rows.len()];
    for (step, sums) in steps.iter_mut().enumerate() {
        let of = vec![step; rows.len()];
        let resolved =
            resolve(books.ledger, prepared, &of, &borrowed, books.freshness.now, books.freshness.now).await?;
        let planned = resolved.into_iter().zip(&mut skips).map(|(resolved, skips)| {
            let gate = foreseen(prepared, step, skips);
            skips.push(match (&resolved, gate) {
                (Resolved::Skipped { code, .. }, _) => Some(*code),
                (_, Gate::Closed) => Some(code::GATE),
                _ => None,
            });
            Planned { at: None, resolved, gate }
        });
        judge(prepared, step, planned.collect(), books, sums).await?;
    }
    Ok(())
}

/// What the conditions of lookup `step` come to, as far as it follows from earlier lookups that are certainly skipped.
fn foreseen(prepared: &Prepared, step: usize, skips: &[Option<&'static str>]) -> Gate {
    combine(prepared.job.steps[step].when.iter().map(|when| match skips[when.step] {
        None => Gate::Waits(when.step),
        code => {
            let came = Came { state: State::Settled, outcome: Some(Outcome::Skipped), code, body: None };
            when.evaluate(came, prepared.first(u16::try_from(step).unwrap_or(u16::MAX), when.step))
        }
    }))
}

/// Adds some lookups of one step to its sums.
async fn judge(
    prepared: &Prepared,
    step: usize,
    planned: Vec<Planned>,
    books: &mut Books<'_>,
    sums: &mut PlanStep,
) -> Result<(), RunError> {
    let known = match books.ledger {
        Some(ledger) => known(ledger, books.run, planned.iter().map(|lookup| &lookup.resolved)).await?,
        None => std::collections::HashMap::new(),
    };
    let reuse = Reuse::of(&prepared.job.steps[step]);
    let mut judged = Judged { step, fresh: Vec::new(), unread: Vec::new(), buy: Vec::new() };
    for Planned { at, resolved, gate } in planned {
        let waits = matches!(gate, Gate::Waits(_));
        let gate = if waits { Gate::Open } else { gate };
        let disposition = disposition(resolved, at, &known, reuse, books.freshness);
        match gated(disposition, gate, at.unwrap_or(LookupId { row: 0, step: 0 })) {
            Disposition::Ask(ask) | Disposition::InFlightElsewhere(ask) => {
                let block = || ask.block(&prepared.job.steps[step]).map(str::to_owned);
                let letter = ask.letter_making.then(|| (block(), ask.kind));
                let Ask { identity, price, .. } = ask;
                judged.buy.push(Purchase { identity, price, letter, gated: waits, purged: false });
            }
            Disposition::Follow(..) => sums.duplicates += 1,
            Disposition::Reuse(ask, answer) if answer.outcome == Outcome::Unknown => {
                judged.unread.push(ask.identity);
            }
            Disposition::Reuse(ask, _) => judged.fresh.push(ask.identity),
            Disposition::LetterUnknown => sums.unknown += 1,
            Disposition::Skip(_) | Disposition::Wait(_) | Disposition::Damaged => sums.skipped += 1,
            Disposition::Invalid(_) => sums.invalid += 1,
        }
    }
    if let Some(ledger) = books.ledger {
        let asked: Vec<_> = judged.buy.iter().map(|purchase| purchase.identity).collect();
        let purged = ledger.purged(&asked).await?;
        judged.buy.iter_mut().for_each(|purchase| purchase.purged = purged.contains(&purchase.identity));
    }
    books.counter.add(judged).await;
    Ok(())
}

async fn report(
    settings: &Settings,
    prepared: &Prepared,
    books: &mut Books<'_>,
    (rows, bad_rows, examples): (u64, u64, Vec<(u64, String)>),
    mut steps: Vec<PlanStep>,
    refused: Vec<String>,
) -> Result<PlanReport, RunError> {
    for (sums, counted) in steps.iter_mut().zip(books.counter.finish().await?) {
        sums.take_up(counted);
    }
    if let Some(ledger) = books.ledger {
        for (sums, step) in steps.iter_mut().zip(&prepared.job.steps).filter(|(sums, _)| sums.gated > 0) {
            let Some(gate) = step.when.first().and_then(|when| prepared.job.steps.get(when.step)) else {
                continue;
            };
            let history = ledger.gate_history(&prepared.job.name, &step.id, &gate.id).await?;
            sums.gate_history = Some(history).filter(|(_, decided)| *decided > 0);
        }
    }
    let (duration, rate) = slowest(prepared, &steps);
    let counted: Vec<LettersByBlock> = steps.iter().map(|step| step.letters_by_block.clone()).collect();
    let letters = refusal(prepared, &counted).map(|unasked| RunError::Letters(Box::new(unasked)));
    let asks = |account: &String| {
        let mut steps = steps.iter().zip(&prepared.job.steps);
        steps.any(|(sums, step)| sums.to_buy > sums.gated && step.account == *account)
    };
    let login = refused.into_iter().find(asks).map(RunError::RefusedBefore);
    let refusal = letters.or(login).map(|refusal| PlanRefusal {
        exit: refusal.exit(),
        why: refusal.to_string(),
        ways_out: refusal.ways_out(),
    });
    let bought: Vec<Spend> = steps
        .iter()
        .map(|step| Spend { calls: step.to_buy, cost: step.price, unpriced: step.unpriced })
        .collect();
    let ledger_bytes = growth(books.ledger, prepared, rows, &steps).await?;
    let budgets = planned(books.ledger, prepared, books.run, &bought, now_ms()).await?;
    let asked = steps.iter().filter(|step| step.unpriced > 0).map(|step| step.service.clone());
    let unpriced: BTreeSet<String> = without_price(prepared).into_iter().chain(asked).collect();
    Ok(PlanReport {
        job: prepared.job.name.clone(),
        environment: environment(&prepared.accounts.iter().collect::<Vec<_>>()),
        rows,
        bad_rows,
        examples: examples.into_iter().map(|(line, reason)| BadExample { line, reason }).collect(),
        steps,
        unpriced: unpriced.into_iter().collect(),
        duration,
        rate: rate.to_string(),
        budgets,
        retention: prepared.job.kept_ms().or(settings.privacy.kept_ms()),
        ledger_bytes,
        diff: None,
        refusal,
    })
}

/// What a row of the input and one lookup of it take in the ledger, with their indexes: measured on a million of each.
const ROW_BYTES: u64 = 90;
const LOOKUP_BYTES: u64 = 45;
/// The same of an attempt, and of an answer where none of its service is stored yet.
const ATTEMPT_BYTES: u64 = 190;
const ANSWER_BYTES: u64 = 800;

/// By how many bytes the ledger grows if everything is bought, from the sizes of answers that it holds.
async fn growth(
    ledger: Option<&Ledger>,
    prepared: &Prepared,
    rows: u64,
    steps: &[PlanStep],
) -> Result<u64, RunError> {
    let mut bytes = rows * ROW_BYTES;
    for (step, sums) in prepared.job.steps.iter().zip(steps) {
        let stored = match ledger {
            Some(ledger) => ledger.answer_size(&step.account, &step.service.name).await?,
            None => None,
        };
        bytes +=
            sums.lookups() * LOOKUP_BYTES + sums.to_buy * (ATTEMPT_BYTES + stored.unwrap_or(ANSWER_BYTES));
    }
    Ok(bytes)
}

/// How long the slowest account takes at its pace; accounts go side by side.
fn slowest(prepared: &Prepared, steps: &[PlanStep]) -> (Duration, Rate) {
    let mut slowest = (Duration::ZERO, Rate::Unlimited);
    for (at, account) in prepared.accounts.iter().enumerate() {
        let calls: u64 =
            steps.iter().zip(&prepared.account_of).filter(|(_, of)| **of == at).map(|(s, _)| s.to_buy).sum();
        let rate = account.rate.min(prepared.job.rules.rate);
        if let Some(interval) = rate.interval() {
            let needed = interval.saturating_mul(u32::try_from(calls).unwrap_or(u32::MAX));
            if needed >= slowest.0 {
                slowest = (needed, rate);
            }
        }
    }
    slowest
}
