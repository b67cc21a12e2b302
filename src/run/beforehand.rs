//! What a person should know before anything is sent, though nothing keeps the run from it.

use super::context::Context;
use super::dispatch::AccountRuntime;
use super::event::{Level, notice};
use crate::config::{Account, SIMULATOR};
use crate::job::{Job, Step};
use crate::ledger::{Ledger, LedgerError};
use crate::time::{local, now_ms, rfc3339};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

/// How far ahead of now a call may be dated before it is told, in milliseconds: clocks are set by fractions of seconds.
const AHEAD: i64 = 60_000;

/// Tells what is known before the run begins. `by_hand` is whether a person, or a line of cron that was forgotten, asks for it,
/// whom a pause does not hold back.
pub(super) async fn tell(context: &Context, job: &Job, by_hand: bool) -> Result<(), LedgerError> {
    let paused = context.ledger.schedule_record(&job.name, now_ms()).await?.paused;
    if let Some((since, why)) = paused.filter(|_| by_hand) {
        let message = format!(
            "the schedule of {} is paused since {} ({why}); it runs since it was asked to",
            job.name,
            rfc3339(since)
        );
        notice(&context.observer, Level::Warning, "paused", message);
    }
    let used = job.steps.iter().filter_map(|step| context.settings.accounts.get(&step.account));
    for warning in used.flat_map(Account::warnings).chain(exposures(context, job)).collect::<BTreeSet<_>>() {
        notice(&context.observer, Level::Warning, "configuration", warning);
    }
    if let Some(warning) = clock(&context.ledger).await? {
        notice(&context.observer, Level::Warning, "clock", warning);
    }
    if let Some(unsettled) = context.ledger.unsettled().await? {
        notice(&context.observer, Level::Warning, "put-back", unsettled.to_string());
    }
    Ok(())
}

/// What to tell where the ledger knows of a call that is still to come by this machine's clock.
pub async fn clock(ledger: &Ledger) -> Result<Option<String>, LedgerError> {
    let ahead = ledger.last_attempt().await?.filter(|last| *last > now_ms() + AHEAD);
    let zone = TimeZone::get("Europe/Stockholm").unwrap_or(TimeZone::UTC);
    Ok(ahead.map(|last| {
        let when = local(&zone, last);
        format!(
            "the ledger's newest call is dated {when}, which this machine's clock has not reached: until then it counts in \
             every budget of its account, and its answer as fresh. Set the clock if it is behind. If it was ahead then, raise \
             those budgets by what the calls cost that are dated so (`orgpull spend --by day`)"
        )
    }))
}

/// Tells of accounts that are one at their upstream: what a budget or an answer is to one of them, it is not to the other.
pub(super) fn tell_doubles(context: &Context, accounts: &[AccountRuntime]) {
    let mut told = BTreeSet::new();
    for AccountRuntime { config, also, .. } in accounts {
        told.extend(also.iter().map(|other| config.is_also(other)));
    }
    let used = |account: &Account| accounts.iter().any(|used| used.config.name == account.name);
    let doubles = context.settings.doubles().filter(|(one, other)| used(one) || used(other));
    told.extend(doubles.map(|(one, other)| one.is_also(&other.name)));
    for warning in told {
        notice(&context.observer, Level::Warning, "configuration", warning);
    }
}

/// What others can read though nothing is wrong with it; empty in the simulator, where there is nothing to hide.
fn exposures(context: &Context, job: &Job) -> Vec<String> {
    let accounts = &context.settings.accounts;
    let real =
        |step: &Step| accounts.get(&step.account).is_some_and(|account| account.environment != SIMULATOR);
    if !job.steps.iter().any(real) {
        return Vec::new();
    }
    context.settings.exposure().into_iter().chain(context.ledger.exposures()).collect()
}
