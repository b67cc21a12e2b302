//! A plan, for a person: what a run would do, cost and take.

use super::figures::{amount, cost, count, counted, money, span};
use super::table::{Cell, Sheet, numbers, words};
use crate::cli::term_style::{TermStyle, Tone};
use crate::config::SIMULATOR;
use crate::domain::money::Ore;
use crate::run::price_unknown;
use crate::run::report::{PlanDiff, PlanReport, PlanStep};
use std::fmt::Write as _;
use std::time::Duration;

/// The plan as text. Nothing in it names a subject.
pub fn plan_text(plan: &PlanReport, style: TermStyle) -> String {
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
    let _ = writeln!(text, "\n{}\n", steps(plan).draw(style));
    text.push_str(&totals(plan, style));
    if !plan.unpriced.is_empty() {
        let _ = writeln!(text, "\n{}\n", style.paint(Tone::Warning, &price_unknown(&plan.unpriced)));
    }
    for step in plan.steps.iter().filter(|step| step.gated > 0) {
        text.push_str(&gated(step));
    }
    if let Some(diff) = &plan.diff {
        text.push_str(&difference(plan, diff));
    }
    if !plan.budgets.is_empty() {
        let _ = writeln!(text, "\n{}", budgets(plan).draw(style));
    }
    style.fold(&text)
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
        cost(plan.price(), plan.is_unpriced()),
        cost(diff.cost, !diff.unpriced.is_empty()),
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
    let (gated, price) = (count(step.gated), cost(step.gated_price, step.gated_unpriced > 0));
    format!("Gated    {}: at most {gated} ({price}), where its condition is met; {expected}\n", step.id)
}

fn budgets(plan: &PlanReport) -> Sheet {
    let mut sheet = Sheet::new([
        words("budget"),
        numbers("allows"),
        numbers("spent"),
        numbers("after this"),
        numbers(""),
    ]);
    for budget in &plan.budgets {
        let passed = budget.limit.is_passed_by(budget.after);
        let note = if passed { "pauses before the end (exit 8)" } else { "" };
        let told = |spend| Cell::from(budget.limit.told(spend));
        sheet.row([
            budget.name.as_str().into(),
            budget.limit.to_string().into(),
            told(budget.before),
            told(budget.after),
            Cell::from(note).tone(Some(Tone::Warning)),
        ]);
    }
    sheet
}

fn place(plan: &PlanReport) -> &str {
    if plan.environment == SIMULATOR { "SIMULATED" } else { &plan.environment }
}

fn lookups(plan: &PlanReport) -> String {
    counted(plan.lookups(), "lookup", "lookups")
}

fn steps(plan: &PlanReport) -> Sheet {
    // Most plans have none.
    let has_unknown = plan.steps.iter().any(|step| step.unknown > 0);
    let before = [
        words("lookup").cut(12),
        words("service").goes(1),
        numbers("duplicates").short("dupl.").goes(5),
        numbers("fresh").goes(6),
    ];
    let after = [
        numbers("skipped").goes(3),
        numbers("invalid").goes(4),
        numbers("to buy"),
        numbers("SEK a call").goes(2),
        numbers("price").short("SEK"),
        numbers("letters").goes(7),
    ];
    let unknown = has_unknown.then(|| numbers("unknown"));
    let mut sheet = Sheet::new(before.into_iter().chain(unknown).chain(after).collect::<Vec<_>>());
    for step in &plan.steps {
        let mut cells = vec![Cell::from(step.id.as_str()), step.service.as_str().into()];
        cells.extend([step.duplicates, step.fresh].map(|number| Cell::from(count(number))));
        if has_unknown {
            cells.push(Cell::from(count(step.unknown)).tone((step.unknown > 0).then_some(Tone::Warning)));
        }
        cells.extend([step.skipped, step.invalid, step.to_buy].map(|number| Cell::from(count(number))));
        let unknown = (step.unpriced > 0).then_some(Tone::Warning);
        let named = plan.unpriced.contains(&step.service);
        cells.push(Cell::from(a_call(step, named)).tone(unknown));
        cells.push(amount(step.price, step.unpriced > 0).tone(unknown));
        cells.push(Cell::from(count(step.letters)).tone((step.letters > 0).then_some(Tone::Warning)));
        sheet.row(cells);
    }
    sheet
}

fn a_call(step: &PlanStep, is_unpriced: bool) -> String {
    if step.to_buy == 0 && is_unpriced {
        return "unknown".to_owned();
    }
    let known = if step.price_low == step.price_high {
        step.price_low.to_string()
    } else {
        format!("{} to {}", step.price_low, step.price_high)
    };
    match step.unpriced {
        0 => known,
        all if all == step.to_buy => "unknown".to_owned(),
        _ => format!("{known} or unknown"),
    }
}

fn totals(plan: &PlanReport, style: TermStyle) -> String {
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
    let letters = if letters == 0 {
        "none".to_owned()
    } else {
        style.paint(Tone::Warning, &format!("up to {}", count(letters)))
    };
    let price = match plan.price_low() {
        low if low == plan.price() => cost(low, plan.is_unpriced()),
        // What goes out whatever comes may be what has no price.
        Ore::ZERO if plan.is_unpriced() => format!("up to {}", cost(plan.price(), true)),
        low => format!("{} to {}", money(low), cost(plan.price(), plan.is_unpriced())),
    };
    let ledger = size(plan.ledger_bytes);
    let again = match sum(|step| step.purged) {
        0 => String::new(),
        purged => format!(", {} of it bought before and purged", count(purged)),
    };
    // Of what is made up nobody asks how long it is kept.
    let kept = match plan.retention {
        _ if plan.environment == SIMULATOR => String::new(),
        None => "Kept     for ever: neither the job nor [privacy] has a `retention`\n".to_owned(),
        Some(kept) => format!("Kept     for {}\n", span(Duration::from_millis(kept.unsigned_abs()))),
    };
    format!(
        "To buy   {}{again}\nPrice    {price}\nLetters  {letters}\nTime     {time}\nLedger   grows by about {ledger}\n{kept}",
        count(to_buy)
    )
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn a_plan_with_everything_in_it() {
        insta::assert_snapshot!(plan_text(&samples::plan(), TermStyle::PLAIN));
    }

    #[test]
    fn a_plan_on_terminals() {
        for width in [60, 80, 120] {
            insta::assert_snapshot!(
                format!("a_plan_{width}_wide"),
                plan_text(&samples::plan(), TermStyle::wide(width))
            );
        }
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
        insta::assert_snapshot!(plan_text(&plan, TermStyle::PLAIN));
    }

    #[test]
    fn what_nobody_has_given_a_price_is_not_called_free() {
        let mut plan = samples::plan();
        plan.unpriced = vec![plan.steps[0].service.clone()];
        plan.steps[0].unpriced = plan.steps[0].to_buy;
        plan.steps[1].unpriced = 1;
        insta::assert_snapshot!(plan_text(&plan, TermStyle::PLAIN));
        plan.steps.truncate(1);
        assert!(
            plan_text(&plan, TermStyle::PLAIN).contains("\nPrice    price unknown\n"),
            "{}",
            plan_text(&plan, TermStyle::PLAIN)
        );
    }

    #[test]
    fn long_plans_are_told_in_days_and_hours() {
        let plan = PlanReport { duration: Duration::from_hours(333), ..samples::plan() };
        assert!(plan_text(&plan, TermStyle::PLAIN).contains("13 d 21 h at 60/min"));
    }
}
