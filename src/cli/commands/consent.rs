//! What a person at a terminal is asked before money is spent.

use super::super::args::RetryArgs;
use super::super::console::sanitized_painted;
use super::super::opening::open_existing;
use super::super::report::{forget_text, money, plan_text};
use super::super::term_style::TermStyle;
use super::super::{Failure, Invocation};
use crate::config::Settings;
use crate::domain::counted::counted;
use crate::domain::money::Ore;
use crate::domain::outcome::Outcome;
use crate::job::Job;
use crate::job::Origin;
use crate::ledger::LedgerError;
use crate::ledger::{Ledger, RunRow};
use crate::run::{self, ForgetReceipt, Options};
use std::io::{BufRead, IsTerminal, Write};

/// Shows a person at a terminal the plan of a run that costs more than they said, and asks. Where nobody is, as under cron,
/// nothing is asked: budgets are for that.
pub(super) async fn confirmed_cost(
    invocation: &Invocation,
    settings: &Settings,
    job: &Job,
    options: &Options,
) -> Result<bool, Failure> {
    let piped = matches!(options.input.as_ref().unwrap_or(&job.input.origin), Origin::Stdin);
    if piped || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(true);
    }
    let ledger = match open_existing(settings).await {
        Ok(ledger) => Some(ledger),
        Err(LedgerError::Missing(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let limit = options.limit.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX));
    if options.only_continue
        && match &ledger {
            Some(ledger) => ledger.unfinished(&job.name, limit).await?.is_none(),
            None => true,
        }
    {
        return Ok(true);
    }
    // What is wrong with the job or its input the run itself tells.
    let options = Options { without_secrets: true, ..options.clone() };
    let max_cost = options.budget.max_cost;
    let plan = run::plan(settings, ledger.as_ref(), job.clone(), options).await;
    if let Some(ledger) = ledger {
        ledger.close().await;
    }
    let Ok(plan) = plan else { return Ok(true) };
    let price = max_cost.map_or(plan.price(), |most| most.min(plan.price()));
    // What has no price may cost more than anything.
    if plan.refusal.is_some() || price <= settings.confirm_above && !plan.is_unpriced() {
        return Ok(true);
    }
    let style = invocation.console.style();
    let plan = (plan_text(&plan, style), may_cost(price, plan.is_unpriced()));
    if answered_yes(&format!("{}\nThis may cost {}. Run it? [y/N] ", plan.0, plan.1), style)? {
        return Ok(true);
    }
    invocation.console.line("nothing is sent");
    Ok(false)
}

fn may_cost(price: Ore, unknown: bool) -> String {
    match (price, unknown) {
        (price, false) => money(price),
        (Ore::ZERO, true) => "money, and its price is unknown".to_owned(),
        (price, true) => format!("{}, and more whose price is unknown", money(price)),
    }
}

/// Puts a question on the terminal; whatever is not yes is no.
fn answered_yes(question: &str, style: TermStyle) -> Result<bool, Failure> {
    let mut stderr = std::io::stderr();
    write!(stderr, "{}", sanitized_painted(question, style)).and_then(|()| stderr.flush())?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes" | "j" | "ja"))
}

/// Shows what would be forgotten, and asks: it cannot be taken back.
pub(super) fn may_forget(invocation: &Invocation, receipt: &ForgetReceipt) -> Result<bool, Failure> {
    let what = forget_text(receipt, true, None);
    if !std::io::stdin().is_terminal() {
        let text =
            format!("{what}There is nobody to ask whether it is to go: give --yes, or --dry-run to look");
        return Err(Failure::Usage(text));
    }
    answered_yes(&format!("{what}This cannot be taken back. Forget it? [y/N] "), invocation.console.style())
}

/// Says what asking again may cost, and asks.
pub(super) async fn confirmed_retry(
    invocation: &Invocation,
    settings: &Settings,
    ledger: &Ledger,
    (run, job): (&RunRow, &Job),
    args: &RetryArgs,
) -> Result<bool, Failure> {
    let lost = ledger.totals(run.id).await?.outcomes[Outcome::Unknown.index()];
    if lost == 0 || args.reporting.yes {
        return Ok(true);
    }
    let again = run::retry_cost(settings, ledger, job.clone(), run).await.map_err(Failure::Run)?;
    let lookups = counted(lost, "lookup", "lookups");
    let letters = match again.letters {
        0 => String::new(),
        letters => {
            format!(", and post {}", counted(letters, "letter of disclosure", "letters of disclosure"))
        }
    };
    let calls = if lost == 1 { "its call" } else { "their calls" };
    let what = format!(
        "{lookups} of run {} ended unknown; {calls} may have been carried out and billed.\nAsking again may cost {}{letters}.",
        run.run, again.calls
    );
    if !std::io::stdin().is_terminal() {
        let command =
            invocation.typed().command(args.simulation.simulate, &["retry", &run.run, "--unknown", "--yes"]);
        return Err(Failure::Usage(format!("{what} There is nobody to ask: {command}")));
    }
    answered_yes(&format!("{what} Ask again? [y/N] "), invocation.console.style())
}
