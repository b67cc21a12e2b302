//! `access`: all that is held about one number.

use super::super::args::AccessArgs;
use super::super::opening::open_to_read;
use super::super::report::money;
use super::super::{Failure, Invocation};
use super::protected;
use super::subject::asked;
use crate::disk::{self, Change, Draft, Mode, Place};
use crate::domain::counted::counted;
use crate::domain::exit::Exit;
use crate::domain::number::Subject;
use crate::domain::outcome::{Outcome, Source};
use crate::domain::redact::scrub;
use crate::ledger::{Act, ActKind, HeldAttempt, HeldNamed, HeldRow, RunRow};
use crate::time::{now_ms, rfc3339};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;

/// Who was told within this is listed, in milliseconds: a year.
const TOLD: i64 = 365 * 86_400_000;

/// All that is held about somebody.
struct Held {
    subject: Subject,
    /// How long what is bought is kept where its job does not say, in milliseconds.
    default: Option<i64>,
    rows: Vec<HeldRow>,
    named: Vec<HeldNamed>,
}

/// `orgpull access`.
pub(in crate::cli) async fn access(invocation: &Invocation, args: &AccessArgs) -> Result<Exit, Failure> {
    let settings = invocation.settings(args.simulate)?;
    let ledger = open_to_read(&settings).await?;
    let subject = asked("access")?;
    let traces = ledger.traces(&ledger.erasure(&subject, now_ms())).await?;
    let attempts = ledger.attempts_of(&traces.rows).await?;
    let mut held = Held { subject, default: settings.privacy.kept_ms(), rows: Vec::new(), named: Vec::new() };
    for at in traces.rows {
        let ids = attempts.get(&at).map(Vec::as_slice).unwrap_or_default();
        held.rows.extend(ledger.held(at, ids).await?);
    }
    for attempt in traces.named {
        held.named.extend(ledger.named_in(attempt, &held.subject).await?);
    }
    let output = args.output.as_ref().map(|path| path.display().to_string());
    let act = Act::new(ActKind::Accessed).with("rows", held.rows.len()).with("named", held.named.len());
    ledger.note(&act.with("output", output)).await?;
    if let Some(path) = &args.output {
        let place = Place::find(path.clone(), &protected(&settings, &ledger).await).map_err(unwritable)?;
        let failed = place.failed("write");
        let mut draft = Draft::create(place, Mode::Private).map_err(unwritable)?;
        let text = format!("{:#}\n", held_json(&held));
        draft.write_all(text.as_bytes()).map_err(failed).map_err(unwritable)?;
        let sealed = draft.seal().map_err(unwritable)?;
        disk::publish(vec![Change::Put(sealed)]).map_err(unwritable)?;
    }
    if args.json {
        Invocation::print(&format!("{:#}\n", held_json(&held)))?;
    } else {
        invocation.say(&held_text(&held, args.output.is_some()))?;
    }
    Ok(Exit::Settled)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unwritable(error: disk::PlaceError) -> Failure {
    Failure::Output(error.to_string())
}

fn held_text(held: &Held, written: bool) -> String {
    let Held { rows, named, .. } = held;
    if rows.is_empty() && named.is_empty() {
        return "nothing is held about this number\n".to_owned();
    }
    let mut text = format!("{} held about this number", counted(rows.len() as u64, "row is", "rows are"));
    if !named.is_empty() {
        let answers = counted(named.len() as u64, "answer", "answers");
        let _ = write!(text, ", and it is named in {answers} about others");
    }
    text.push('\n');
    for HeldRow { run, record, attempts, outputs } in rows {
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
    for HeldNamed { run, service, sent_at, transactionid, .. } in named {
        let _ = writeln!(
            text,
            "\nnamed in an answer of {service}, run {} of job {}, {}, {transactionid}",
            run.run,
            run.job,
            rfc3339(*sent_at)
        );
    }
    if !written {
        text.push_str("\nThe answers themselves: --json, or --output FILE\n");
    }
    text
}

fn held_json(held: &Held) -> Value {
    let rows = held.rows.iter().map(|row| row_json(row, held));
    let named = held.named.iter().map(|named| named_json(named, held));
    let recent = held.rows.iter().filter(|row| row.run.started_at > now_ms() - TOLD);
    let told = recent.map(|HeldRow { run, attempts, .. }| {
        json!({
            "at": rfc3339(run.started_at),
            "job": run.job,
            "run": run.run,
            "operator": run.operator,
            "purpose": attempts.last().and_then(|attempt| attempt.purpose.as_deref()),
            "cost_centre": attempts.last().map(|attempt| attempt.cost_centre.as_str()),
        })
    });
    json!({
        "rows": rows.collect::<Vec<_>>(),
        "named": named.collect::<Vec<_>>(),
        "told_within_a_year": told.collect::<Vec<_>>(),
    })
}

/// What is said of them in an answer about somebody else, without what it says of others.
fn named_json(named: &HeldNamed, held: &Held) -> Value {
    let HeldNamed { run, service, transactionid, sent_at, about } = named;
    json!({
        "run": run.run,
        "job": run.job,
        "operator": run.operator,
        "service": service,
        "transactionid": transactionid,
        "sent_at": rfc3339(*sent_at),
        "kept_until": kept_until(run, *sent_at, held),
        "about": about.iter().map(|value| masked(value.clone(), &held.subject)).collect::<Vec<_>>(),
    })
}

/// Until when what came at that time is kept; `None` is for ever.
fn kept_until(run: &RunRow, at: i64, held: &Held) -> Option<String> {
    run.retention.or(held.default).map(|kept| rfc3339(at.saturating_add(kept)))
}

fn row_json(row: &HeldRow, held: &Held) -> Value {
    let HeldRow { run, record, attempts, outputs } = row;
    let subject = &held.subject;
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
        "kept_until": kept_until(run, run.started_at, held),
        "lookups": lookups.collect::<Vec<_>>(),
        "requests": attempts.iter().map(|attempt| request_json(attempt, run, held)).collect::<Vec<_>>(),
        "outputs": outputs,
    })
}

fn request_json(attempt: &HeldAttempt, run: &RunRow, held: &Held) -> Value {
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
        "kept": attempt.kept.as_deref().map(|body| answer(body, &held.subject)),
        "kept_until": kept_until(run, attempt.ended_at.unwrap_or(attempt.sent_at), held),
    })
}

/// An answer, in which the numbers of others are masked; what is no JSON, or nests too deep to be shown as such, is a text.
fn answer(body: &[u8], subject: &Subject) -> Value {
    match serde_json::from_slice(body) {
        Ok(value) => masked(value, subject),
        Err(_) => Value::String(scrub(&String::from_utf8_lossy(body))),
    }
}

/// The same with the numbers of others masked.
fn masked(mut value: Value, subject: &Subject) -> Value {
    let mut open = vec![&mut value];
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) if !subject.is_written(text) => *text = scrub(text),
            Value::Number(number) if !subject.is_written(&number.to_string()) => {
                let text = number.to_string();
                let hidden = scrub(&text);
                if hidden != text {
                    *value = Value::String(hidden);
                }
            }
            Value::Array(values) => open.extend(values),
            Value::Object(members) => {
                let named = std::mem::take(members).into_iter();
                let hidden = |key: String| if subject.is_written(&key) { key } else { scrub(&key) };
                *members = named.map(|(key, member)| (hidden(key), member)).collect();
                open.extend(members.values_mut());
            }
            Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
        }
    }
    value
}
