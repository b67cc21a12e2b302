//! `access`: all that is held about one number. It is asked for, or read from standard input, and is never an argument: those
//! stand in the shell's history and in the list of processes.

use super::super::args::AccessArgs;
use super::super::opening::open_to_read;
use super::super::report::money;
use super::super::{Failure, Invocation};
use super::protected;
use crate::disk::{self, Change, Draft, Mode, Place};
use crate::domain::counted::counted;
use crate::domain::exit::Exit;
use crate::domain::number::{Accept, AcceptKind, Subject};
use crate::domain::outcome::{Outcome, Source};
use crate::domain::redact::scrub;
use crate::ledger::{HeldAttempt, HeldRow, RunRow};
use crate::time::{now_ms, rfc3339, stockholm_date};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

/// `orgpull access`.
pub(in crate::cli) async fn access(invocation: &Invocation, args: &AccessArgs) -> Result<Exit, Failure> {
    let settings = invocation.settings(args.simulate)?;
    let ledger = open_to_read(&settings).await?;
    let subject = asked()?;
    let mut held = Vec::new();
    for (run, row) in ledger.rows_about(&subject).await? {
        held.extend(ledger.held(run, row).await?);
    }
    if let Some(path) = &args.output {
        let place = Place::find(path.clone(), &protected(&settings, &ledger).await).map_err(unwritable)?;
        let failed = place.failed("write");
        let mut draft = Draft::create(place, Mode::Private).map_err(unwritable)?;
        let text = format!("{:#}\n", held_json(&held, &subject));
        draft.write_all(text.as_bytes()).map_err(failed).map_err(unwritable)?;
        let sealed = draft.seal().map_err(unwritable)?;
        disk::publish(vec![Change::Put(sealed)]).map_err(unwritable)?;
    }
    if args.json {
        Invocation::print(&format!("{:#}\n", held_json(&held, &subject)))?;
    } else {
        invocation.say(&held_text(&held, args.output.is_some()))?;
    }
    Ok(Exit::Settled)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unwritable(error: disk::PlaceError) -> Failure {
    Failure::Output(error.to_string())
}

/// The number, from a person or a pipe.
fn asked() -> Result<Subject, Failure> {
    let mut stdin = std::io::stdin().lock();
    if stdin.is_terminal() {
        let mut stderr = std::io::stderr().lock();
        write!(stderr, "Number: ").and_then(|()| stderr.flush())?;
    }
    let mut line = String::new();
    stdin.read_line(&mut line).map_err(|e| Failure::Usage(format!("the number cannot be read: {e}")))?;
    let accept = Accept { kind: AcceptKind::Any, sole_traders: true, assume_under_100: true };
    let read = Subject::parse(line.trim(), accept, stockholm_date(now_ms()));
    read.map_err(|error| {
        let ask =
            "it is asked for on the terminal, or read from standard input: echo NUMBER | orgpull access";
        Failure::Usage(format!("that is no number: {error}; {ask}"))
    })
}

fn held_text(held: &[HeldRow], written: bool) -> String {
    if held.is_empty() {
        return "nothing is held about this number\n".to_owned();
    }
    let mut text = format!("{} held about this number\n", counted(held.len() as u64, "row is", "rows are"));
    for HeldRow { run, record, attempts, outputs } in held {
        let _ = writeln!(
            text,
            "\nrun {} of job {}, {}, by {}, line {}",
            run.run,
            run.job,
            rfc3339(run.started_at),
            run.operator,
            record.line
        );
        for attempt in attempts {
            let HeldAttempt { service, state, sent_at, transactionid, .. } = attempt;
            let outcome = attempt.outcome.map_or(state.as_str(), |outcome| outcome.as_str());
            let cost = attempt
                .cost
                .map_or_else(|| "price unknown".to_owned(), |cost| format!("{} SEK", money(cost)));
            let why =
                attempt.purpose.as_deref().filter(|why| !why.is_empty()).map(|why| format!(", for: {why}"));
            let why = why.unwrap_or_default();
            let _ =
                writeln!(text, "  {service} {outcome} {}, {cost}, {transactionid}{why}", rfc3339(*sent_at));
        }
        for output in outputs {
            let _ = writeln!(text, "  in {output}");
        }
    }
    if !written {
        text.push_str("\nThe answers themselves: --json, or --output FILE\n");
    }
    text
}

fn held_json(held: &[HeldRow], subject: &Subject) -> Value {
    let rows = held.iter().map(|held| row_json(held, subject));
    json!({ "rows": rows.collect::<Vec<_>>() })
}

fn row_json(held: &HeldRow, subject: &Subject) -> Value {
    let HeldRow { run, record, attempts, outputs } = held;
    let columns: serde_json::Map<String, Value> =
        run.columns.iter().cloned().zip(record.columns.iter().cloned().map(Value::String)).collect();
    let lookups = record.lookups.iter().zip(&run.steps).map(|(lookup, (id, service))| {
        json!({
            "lookup": id,
            "service": service,
            "outcome": lookup.outcome.map(Outcome::as_str),
            "source": lookup.source.map(Source::as_str),
            "code": lookup.code,
            "text": lookup.text,
            "fetched_at": lookup.fetched_at,
            "transactionid": lookup.transactionid,
            "log_id": lookup.log_id,
            "answer": lookup.body.as_deref().map(|body| answer(body, subject)),
        })
    });
    json!({
        "run": run.run,
        "job": run.job,
        "operator": run.operator,
        "environment": run.environment,
        "started_at": rfc3339(run.started_at),
        "line": record.line,
        "columns": columns,
        "kept_until": null,
        "lookups": lookups.collect::<Vec<_>>(),
        "requests": attempts.iter().map(|attempt| request_json(attempt, run, subject)).collect::<Vec<_>>(),
        "outputs": outputs,
    })
}

fn request_json(attempt: &HeldAttempt, run: &RunRow, subject: &Subject) -> Value {
    json!({
        "lookup": run.steps.get(attempt.step).map(|(id, _)| id),
        "service": attempt.service,
        "state": attempt.state,
        "outcome": attempt.outcome.map(Outcome::as_str),
        "code": attempt.code,
        "cost": attempt.cost.map(money),
        "purpose": attempt.purpose,
        "cost_centre": attempt.cost_centre,
        "sent_at": rfc3339(attempt.sent_at),
        "ended_at": attempt.ended_at.map(rfc3339),
        "transactionid": attempt.transactionid,
        "log_id": attempt.log_id,
        "letter": attempt.letter,
        "kept": attempt.kept.as_deref().map(|body| answer(body, subject)),
    })
}

/// An answer, in which the numbers of others are masked; what is no JSON, or nests too deep to be shown as such, is a text.
fn answer(body: &[u8], subject: &Subject) -> Value {
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else {
        return Value::String(scrub(&String::from_utf8_lossy(body)));
    };
    let mut open = vec![&mut value];
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) if !subject.is_written(text) => *text = scrub(text),
            Value::Array(values) => open.extend(values),
            Value::Object(members) => open.extend(members.values_mut()),
            _ => {}
        }
    }
    value
}
