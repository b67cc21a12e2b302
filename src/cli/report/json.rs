//! What programs read: stable keys in a stable order, money as decimal strings, times as RFC 3339.

use super::event::{Line, line};
use super::figures::span;
use crate::domain::exit::Exit;
use crate::domain::outcome::Outcome;
use crate::run::event::{Event, Level};
use crate::run::report::{PlanBudget, PlanReport, PlanStep, Summary};
use serde_json::{Map, Value, json};

/// A run, as `--summary-json` and `status --json` give it.
pub fn summary_json(summary: &Summary) -> Value {
    json!({
        "run": summary.run,
        "job": summary.job,
        "state": summary.state.as_str(),
        "exit": summary.exit,
        "reason": summary.reason,
        "next": summary.next,
        "started_at": summary.started_at,
        "finished_at": summary.finished_at,
        "rows": summary.rows,
        "bad_rows": summary.bad_rows,
        "lookups": summary.lookups,
        "outcomes": outcomes(&summary.outcomes),
        "bought": summary.bought,
        "reused": summary.reused,
        "calls": summary.calls,
        "retries": summary.retries,
        "logins": summary.logins,
        "cost": summary.cost.to_string(),
        "spent_unknown": summary.spent_unknown.to_string(),
        "letters": summary.letters,
        "saved_calls": summary.saved_calls,
        "saved_cost": summary.saved_cost.to_string(),
        "saved_unpriced": summary.saved_unpriced,
        "pending": summary.pending,
        "environment": summary.environment,
        "unpriced": summary.unpriced,
    })
}

/// Runs, as `runs --json` gives them: an array of summaries.
pub fn runs_json(runs: &[Summary]) -> Value {
    Value::Array(runs.iter().map(summary_json).collect())
}

/// A plan, as `plan --json` gives it.
pub fn plan_json(plan: &PlanReport) -> Value {
    let sum = |of: fn(&PlanStep) -> u64| plan.steps.iter().map(of).sum::<u64>();
    json!({
        "job": plan.job,
        "environment": plan.environment,
        "rows": plan.rows,
        "bad_rows": plan.bad_rows,
        "lookups": plan.lookups(),
        "duplicates": sum(|step| step.duplicates),
        "fresh": sum(|step| step.fresh),
        "unknown": sum(|step| step.unknown),
        "skipped": sum(|step| step.skipped),
        "invalid": sum(|step| step.invalid),
        "to_buy": sum(|step| step.to_buy),
        "purged": sum(|step| step.purged),
        "price": plan.price().to_string(),
        "letters": sum(|step| step.letters),
        "seconds": plan.duration.as_secs(),
        "time": span(plan.duration),
        "steps": plan.steps.iter().map(step_json).collect::<Vec<_>>(),
        "budgets": plan.budgets.iter().map(budget_json).collect::<Vec<_>>(),
        "price_low": plan.price_low().to_string(),
        "price_high": plan.price().to_string(),
        "unpriced": plan.unpriced,
        "ledger_bytes": plan.ledger_bytes,
        "retention_seconds": plan.retention.map(|kept| kept / 1_000),
        "diff": plan.diff.as_ref().map(|diff| json!({
            "run": diff.run,
            "rows": diff.rows.0,
            "bad_rows": diff.rows.1,
            "calls": diff.calls,
            "cost": diff.cost.to_string(),
            "unpriced": diff.unpriced,
            "changes": diff.changes,
        })),
    })
}

fn budget_json(budget: &PlanBudget) -> Value {
    json!({
        "name": budget.name,
        "max_calls": budget.limit.max_calls,
        "max_cost": budget.limit.max_cost.map(|cost| cost.to_string()),
        "calls_before": budget.before.calls,
        "cost_before": budget.before.cost.to_string(),
        "calls_after": budget.after.calls,
        "cost_after": budget.after.cost.to_string(),
        "passed": budget.limit.is_passed_by(budget.after),
        "unpriced_calls_before": budget.before.unpriced,
        "unpriced_calls_after": budget.after.unpriced,
    })
}

fn step_json(step: &PlanStep) -> Value {
    json!({
        "id": step.id,
        "service": step.service,
        "lookups": step.lookups(),
        "duplicates": step.duplicates,
        "fresh": step.fresh,
        "unknown": step.unknown,
        "skipped": step.skipped,
        "invalid": step.invalid,
        "to_buy": step.to_buy,
        "purged": step.purged,
        "price_low": step.price_low.to_string(),
        "price_high": step.price_high.to_string(),
        "price": step.price.to_string(),
        "unpriced_calls": step.unpriced,
        "letters": step.letters,
        "gated": step.gated,
        "gated_price": step.gated_price.to_string(),
        "gated_expected": step.expected(),
    })
}

/// One event, as `--progress json` gives it a line, if it does; `at` is RFC 3339.
pub(super) fn event_json(event: &Event, at: &str) -> Option<Value> {
    let value = match event {
        Event::Loading { rows } => json!({ "event": "loading", "at": at, "rows": rows }),
        Event::Started(started) => json!({
            "event": "started",
            "at": at,
            "run": started.run,
            "job": started.job,
            "continued": started.continued,
            "rows": started.rows,
            "bad_rows": started.bad_rows,
            "lookups": started.lookups,
            "pending": started.pending,
        }),
        Event::Progress(progress) => json!({
            "event": "progress",
            "at": at,
            "lookups": progress.lookups,
            "done": progress.done,
            "outcomes": outcomes(&progress.outcomes),
            "calls": progress.calls,
            "reused": progress.reused,
            "cost": progress.cost.to_string(),
            "unpriced": progress.unpriced,
            "rate": thousandths(progress.rate),
            "seconds_left": progress.left.map(|left| left.as_secs()),
            "in_flight": progress.in_flight,
            "pause": progress.pause,
        }),
        told => match line(told) {
            Some(Line { level, kind, message }) => {
                let level = match level {
                    Level::Info => "info",
                    Level::Warning => "warning",
                };
                let mut line =
                    json!({ "event": "notice", "at": at, "level": level, "kind": kind, "message": message });
                for (key, value) in told.of().into_iter().filter_map(|(key, value)| Some((key, value?))) {
                    line[key] = value.into();
                }
                line
            }
            None => return None,
        },
    };
    Some(value)
}

/// The run's end as the last event: the summary's keys behind `event` and `at`.
pub(super) fn finished_json(summary: &Summary, at: &str) -> Value {
    let mut line = json!({ "event": "finished", "at": at });
    if let (Value::Object(line), Value::Object(summary)) = (&mut line, summary_json(summary)) {
        line.extend(summary);
    }
    line
}

/// A failure as the last event.
pub(super) fn error_json(message: &str, exit: Exit, next: Option<&str>, at: &str) -> Value {
    json!({ "event": "error", "at": at, "message": message, "exit": exit.code(), "next": next })
}

fn outcomes(counts: &[u64; 9]) -> Value {
    let pairs =
        Outcome::ALL.iter().zip(counts).map(|(outcome, count)| (outcome.as_str().to_owned(), json!(count)));
    Value::Object(pairs.collect::<Map<_, _>>())
}

/// Three decimals: fewer would show a slow pace as none.
fn thousandths(rate: f64) -> f64 {
    if rate.is_finite() { (rate * 1_000.0).round() / 1_000.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn a_summary_has_the_public_keys_in_their_order() {
        let value = summary_json(&samples::summary());
        let keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        let public = "run job state exit reason next started_at finished_at rows bad_rows lookups outcomes bought reused \
                      calls retries logins cost spent_unknown letters saved_calls saved_cost saved_unpriced pending environment unpriced";
        assert_eq!(keys, public.split_whitespace().collect::<Vec<_>>());
        let outcomes: Vec<&str> = value["outcomes"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(outcomes, Outcome::ALL.map(Outcome::as_str));
        insta::assert_snapshot!(format!("{value:#}"));
    }

    #[test]
    fn what_is_not_there_is_null() {
        let value = summary_json(&samples::stopped(None));
        assert!(value["exit"].is_null() && value["finished_at"].is_null());
        assert_eq!(runs_json(&[samples::settled(), samples::summary()])[1]["cost"], "37574.40");
        assert_eq!(runs_json(&[]), json!([]));
    }

    #[test]
    fn a_plan() {
        insta::assert_snapshot!(format!("{:#}", plan_json(&samples::plan())));
    }

    #[test]
    fn rates_that_are_no_numbers_are_none() {
        assert_eq!(
            (thousandths(f64::NAN), thousandths(0.016_666), thousandths(f64::INFINITY)),
            (0.0, 0.017, 0.0)
        );
    }
}
