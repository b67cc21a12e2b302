//! `plan`, `runs` and `status`: what the ledger and the job file say, without sending anything.

use super::super::args::{PlanArgs, RunsArgs, StatusArgs};
use super::super::opening::{open_existing, open_to_read};
use super::super::report::{
    ColumnFound, OutputLine, StatusReport, money, next_step, plan_json, plan_text, runs_json, runs_text,
    status_text, summary_json, too_long, with_lines,
};
use super::super::{Failure, Invocation};
use super::simulated::only_simulated;
use super::{load_job, one_run, origin};
use crate::domain::exit::Exit;
use crate::job::Needs;
use crate::ledger::{Hold, Ledger, LedgerError, OutputColumn, OutputFile, RunRow, UnknownLookup};
use crate::run::report::Summary;
use crate::run::{self, Options};
use crate::time::{now_ms, rfc3339};
use serde_json::{Value, json};

/// Lost answers that `status` lists one by one; the rest it counts.
const UNKNOWNS: i64 = 50;
/// The same of `--unknowns --json`, which programs read whole.
const MOST_UNKNOWNS: i64 = 100_000;

/// `orgpull plan`.
pub(in crate::cli) async fn plan(invocation: &Invocation, args: PlanArgs) -> Result<Exit, Failure> {
    let settings = invocation.settings(args.simulate)?;
    let job = load_job(&args.job, &settings, args.simulate)?;
    let ledger = match open_existing(&settings).await {
        Ok(ledger) => Some(ledger),
        Err(LedgerError::Missing(_)) => {
            Ledger::can_be_created(&settings.database)?;
            None
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(ledger) = ledger.as_ref().filter(|_| args.simulate) {
        only_simulated(ledger).await?;
    }
    let options = Options {
        limit: args.rows.limit,
        buy_again: args.rows.buy_again,
        input: args.rows.input.as_ref().map(origin),
        ..Options::default()
    };
    let every = job.schedule.as_ref().and_then(|schedule| Some(schedule.spacing(now_ms())?.usual));
    let diff = match &ledger {
        Some(ledger) if args.diff => run::diff(ledger, &job, &settings).await?,
        _ => None,
    };
    if let Some(ledger) = &ledger
        && let Some(warning) = run::clock_warning(ledger).await?
    {
        invocation.warn("clock", warning);
    }
    let mut report = run::plan(&settings, ledger.as_ref(), job, options).await?;
    report.diff = diff;
    if args.json {
        Invocation::print(&format!("{:#}\n", plan_json(&report)))?;
    } else {
        invocation.say(&plan_text(&report, invocation.style()))?;
    }
    if let Some(every) = every.filter(|every| *every < report.duration) {
        invocation.warn("schedule", too_long(&report.job, Needs { time: report.duration, every }));
    }
    match report.refusal {
        None => Ok(Exit::Settled),
        Some(refusal) => {
            let text = with_lines(&format!("error: {}", refusal.why), &refusal.ways_out);
            invocation.console.line(&text);
            Err(Failure::Reported(refusal.exit))
        }
    }
}

/// `orgpull runs`.
pub(in crate::cli) async fn runs(invocation: &Invocation, args: &RunsArgs) -> Result<Exit, Failure> {
    let settings = invocation.settings(args.simulate)?;
    let ledger = open_to_read(&settings).await?;
    let limit = i64::try_from(args.limit).unwrap_or(i64::MAX);
    let mut summaries = Vec::new();
    for run in ledger.recent(limit).await? {
        summaries.push(summed_up(invocation, &ledger, &run, None).await?);
    }
    if args.json {
        Invocation::print(&format!("{:#}\n", runs_json(&summaries)))?;
    } else {
        invocation.say(&runs_text(&summaries, invocation.style()))?;
    }
    Ok(Exit::Settled)
}

/// `orgpull status`.
pub(in crate::cli) async fn status(invocation: &Invocation, args: &StatusArgs) -> Result<Exit, Failure> {
    let settings = invocation.settings(args.simulate)?;
    let ledger = open_to_read(&settings).await?;
    let run = one_run(&ledger, &args.run).await?;
    let mut summary = summed_up(invocation, &ledger, &run, None).await?;
    if args.json {
        let json = if args.unknowns {
            let unknowns = ledger.unknowns(run.id, MOST_UNKNOWNS).await?;
            unknowns.iter().map(|lookup| unknown_json(&run, lookup)).collect()
        } else {
            summary_json(&summary)
        };
        Invocation::print(&format!("{json:#}\n"))?;
        return Ok(Exit::Settled);
    }
    // Whoever has typed a command is not told to type it.
    let typed = invocation.typed().command(args.simulate, &["status", &summary.run]);
    if summary.next.ends_with(&typed) {
        summary.next.clear();
    }
    let unknown: Vec<String> =
        ledger.unknowns(run.id, UNKNOWNS).await?.iter().map(|lookup| unknown_line(&run, lookup)).collect();
    let attempts = ledger.decided_by(run.id).await?;
    let outputs: Vec<OutputLine> = ledger.outputs(run.id).await?.into_iter().map(noted_line).collect();
    let holds = if summary.pending > 0 { held(&ledger, &run).await? } else { Vec::new() };
    let report = StatusReport {
        summary: &summary,
        attempts: &attempts,
        outputs: &outputs,
        unknown: &unknown,
        holds: &holds,
    };
    invocation.say(&status_text(&report, invocation.style()))?;
    Ok(Exit::Settled)
}

/// What the accounts of a run still wait for because their upstreams said so, a line each.
async fn held(ledger: &Ledger, run: &RunRow) -> Result<Vec<String>, Failure> {
    let uses = |hold: &Hold| {
        let of = |service: &str| service.split('.').next() == Some(hold.account.as_str());
        run.steps.iter().any(|(_, service)| of(service)) && run.environment.contains(&hold.environment)
    };
    let line = |Hold { account, until, login, .. }: Hold| {
        let what = if login { "takes no login" } else { "asks for no call" };
        format!("{account} {what} before {} (429)", rfc3339(until))
    };
    Ok(ledger.holds(now_ms()).await?.into_iter().filter(uses).map(line).collect())
}

/// A run summed up, with what to type next. `exit` is that of this invocation, which the ledger may not know.
pub(super) async fn summed_up(
    invocation: &Invocation,
    ledger: &Ledger,
    run: &RunRow,
    exit: Option<Exit>,
) -> Result<Summary, Failure> {
    let mut summary = run::summary(ledger, run).await?;
    if let Some(exit) = exit {
        summary.exit = Some(exit.code());
    }
    summary.next = next_step(&summary, &invocation.typed());
    Ok(summary)
}

/// A file that the ledger says was written.
fn noted_line(file: OutputFile) -> OutputLine {
    let column = |column: OutputColumn| ColumnFound {
        name: column.name,
        chosen: column.chosen,
        found: column.found,
        of: column.answers,
        near: Vec::new(),
    };
    OutputLine {
        path: file.path.into(),
        kind: file.kind,
        rows: file.rows,
        columns: file.columns.into_iter().map(column).collect(),
        too_long: 0,
        instead_of: None,
    }
}

fn unknown_json(run: &RunRow, lookup: &UnknownLookup) -> Value {
    let step = run.steps.get(usize::from(lookup.step));
    json!({
        "line": lookup.line,
        "lookup": step.map(|(id, _)| id),
        "service": step.map(|(_, service)| service),
        "transactionid": lookup.transactionid,
        "sent_at": lookup.sent_at.map(rfc3339),
        "code": lookup.code,
        "cost": lookup.cost.unwrap_or_default().to_string(),
        "price_unknown": lookup.cost.is_none(),
        "letter": lookup.letter_making,
        "billed": lookup.billed,
        "follows": lookup.follows.as_ref().map(|(run, line)| json!({"run": run, "line": line})),
    })
}

/// A lost answer by its place in the input, never by its number.
fn unknown_line(run: &RunRow, lookup: &UnknownLookup) -> String {
    let step = run.steps.get(usize::from(lookup.step)).map_or("?", |(id, _)| id.as_str());
    if lookup.transactionid.is_none() {
        return format!(
            "line {}, {step}: not sent: another run's call for the same was lost and may have posted a letter (settle that \
             one, then retry)",
            lookup.line
        );
    }
    if let Some((whose, line)) = &lookup.follows {
        let whose = if *whose == run.run { String::new() } else { format!("run {whose}, ") };
        return format!(
            "line {}, {step}: {} ({}) of {whose}line {line}: no call of its own, and no cost",
            lookup.line,
            lookup.transactionid.as_deref().unwrap_or_default(),
            lookup.code.as_deref().unwrap_or("lost"),
        );
    }
    format!(
        "line {}, {step}: {} ({}, {}{})",
        lookup.line,
        lookup.transactionid.as_deref().unwrap_or_default(),
        lookup.code.as_deref().unwrap_or("lost"),
        match (lookup.billed, lookup.unread, lookup.cost) {
            (true, _, None) => "billed, price unknown".to_owned(),
            (true, _, Some(cost)) => format!("billed at {}", money(cost)),
            (false, true, None) => "counted, price unknown".to_owned(),
            (false, true, Some(cost)) => format!("counted at {}", money(cost)),
            (false, false, None) => "may have been billed, price unknown".to_owned(),
            (false, false, Some(cost)) => format!("may have cost {}", money(cost)),
        },
        if lookup.letter_making && !lookup.billed { ", and may have posted a letter" } else { "" }
    )
}
