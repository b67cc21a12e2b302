//! A plan, for a person: what a run would do, cost and take.

use super::figures::{count, counted, money, span};
use super::table::table;
use crate::config::SIMULATOR;
use crate::run::event::{PlanDiff, PlanReport, PlanStep};
use std::fmt::Write as _;

/// The plan as text. Nothing in it names a subject.
pub fn plan_text(plan: &PlanReport) -> String {
    let mut text = format!("{} ({}): nothing is sent by planning\n\n", plan.job, place(plan));
    let bad = if plan.bad_rows == 0 { String::new() } else { format!(", {} bad", count(plan.bad_rows)) };
    let _ = writeln!(text, "{}{bad}; {}", counted(plan.rows, "row", "rows"), lookups(plan));
    for example in &plan.examples {
        let _ = writeln!(text, "  line {}: {}", example.line, example.reason);
    }
    let more = plan.bad_rows.saturating_sub(plan.examples.len() as u64);
    if more > 0 && !plan.examples.is_empty() {
        let _ = writeln!(text, "  and {}", counted(more, "more bad row", "more bad rows"));
    }
    let _ = writeln!(text, "\n{}\n", steps(plan));
    text.push_str(&totals(plan));
    for step in plan.steps.iter().filter(|step| step.gated > 0) {
        text.push_str(&gated(step));
    }
    if let Some(diff) = &plan.diff {
        text.push_str(&difference(plan, diff));
    }
    if !plan.budgets.is_empty() {
        let _ = writeln!(text, "\n{}", budgets(plan));
    }
    text
}

fn difference(plan: &PlanReport, diff: &PlanDiff) -> String {
    let bought = plan.steps.iter().map(|step| step.to_buy).sum::<u64>();
    let mut text = format!(
        "\nAgainst the last run, {}\n  rows   now {} ({} bad), in the last run {} ({} bad)\n  calls  now {}, in the last run {}\n  \
         cost   now {}, in the last run {}\n",
        diff.run,
        count(plan.rows),
        count(plan.bad_rows),
        count(diff.rows.0),
        count(diff.rows.1),
        count(bought),
        count(diff.calls),
        money(plan.price()),
        money(diff.cost),
    );
    for change in &diff.changes {
        let _ = writeln!(text, "  {change}");
    }
    text
}

/// Bytes as people count them.
fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{} kB", bytes / 1_000),
        10_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

fn gated(step: &PlanStep) -> String {
    let expected = step.expected().map_or_else(
        || "no earlier run tells how many".to_owned(),
        |expected| format!("{} if it goes as in the last runs", count(expected)),
    );
    let (gated, price) = (count(step.gated), money(step.gated_price));
    format!("Gated    {}: at most {gated} ({price}), where its condition is met; {expected}\n", step.id)
}

fn budgets(plan: &PlanReport) -> String {
    let mut table = table(&["budget", "allows", "spent", "after this", ""], 1);
    for budget in &plan.budgets {
        let passed = budget.limit.is_passed_by(budget.after);
        let note = if passed { "pauses before the end (exit 8)" } else { "" };
        let cells = [&budget.limit.to_string(), &budget.before.to_string(), &budget.after.to_string()];
        let cells = std::iter::once(&budget.name).chain(cells).cloned().chain([note.to_owned()]);
        table.add_row(cells.collect::<Vec<_>>());
    }
    table.trim_fmt()
}

fn place(plan: &PlanReport) -> &str {
    if plan.environment == SIMULATOR { "SIMULATED" } else { &plan.environment }
}

fn lookups(plan: &PlanReport) -> String {
    counted(plan.lookups(), "lookup", "lookups")
}

fn steps(plan: &PlanReport) -> String {
    let numbers = ["duplicates", "fresh", "skipped", "invalid", "to buy", "SEK a call", "price", "letters"];
    let mut table = table(&[&["lookup", "service"], numbers.as_slice()].concat(), 2);
    for step in &plan.steps {
        table.add_row(cells(step));
    }
    table.trim_fmt()
}

fn cells(step: &PlanStep) -> Vec<String> {
    let counts = [step.duplicates, step.fresh, step.skipped, step.invalid, step.to_buy];
    let mut cells = vec![step.id.clone(), step.service.clone()];
    cells.extend(counts.map(count));
    cells.extend([a_call(step), money(step.price), count(step.letters)]);
    cells
}

fn a_call(step: &PlanStep) -> String {
    if step.price_low == step.price_high {
        step.price_low.to_string()
    } else {
        format!("{} to {}", step.price_low, step.price_high)
    }
}

fn totals(plan: &PlanReport) -> String {
    let sum = |of: fn(&PlanStep) -> u64| plan.steps.iter().map(of).sum::<u64>();
    let to_buy = sum(|step| step.to_buy);
    let time = if to_buy == 0 {
        "none".to_owned()
    } else if plan.duration.is_zero() {
        "as fast as answers come (no pace is set)".to_owned()
    } else {
        format!("{} at {}", span(plan.duration), plan.rate)
    };
    let letters = sum(|step| step.letters);
    let letters = if letters == 0 { "none".to_owned() } else { format!("up to {}", count(letters)) };
    let price = match plan.price_low() {
        low if low == plan.price() => money(low),
        low => format!("{} to {}", money(low), money(plan.price())),
    };
    let ledger = size(plan.ledger_bytes);
    format!(
        "To buy   {}\nPrice    {price}\nLetters  {letters}\nTime     {time}\nLedger   grows by about {ledger}\n",
        count(to_buy)
    )
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_plan_with_everything_in_it() {
        insta::assert_snapshot!(plan_text(&samples::plan()));
    }

    #[test]
    fn a_plan_for_the_simulator() {
        let mut plan = samples::plan();
        plan.environment = SIMULATOR.to_owned();
        plan.steps.truncate(1);
        plan.bad_rows = 0;
        plan.examples.clear();
        plan.rate = "unlimited".to_owned();
        plan.duration = Duration::ZERO;
        insta::assert_snapshot!(plan_text(&plan));
    }

    #[test]
    fn long_plans_are_told_in_days_and_hours() {
        let plan = PlanReport { duration: Duration::from_hours(333), ..samples::plan() };
        assert!(plan_text(&plan).contains("13 d 21 h at 60/min"));
    }
}
