//! A statement held against the ledger, for people and for programs. What the provider wrote is shown without anything
//! that may be a person's number.

use super::figures::{amount, cost, count, counted, money};
use super::table::{Sheet, numbers, words};
use crate::cli::term_style::TermStyle;
use crate::config::Account;
use crate::domain::budget::Spend;
use crate::domain::invoice::{Settles, Verdict};
use crate::domain::money::Ore;
use crate::domain::redact::scrub;
use crate::ledger::{Reconciled, Settled};
use jiff::civil::Date;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// Differences that are listed one by one; the rest is counted.
const EXAMPLES: usize = 50;

/// The columns of the csv of all lines.
pub const HEADER: [&str; 11] = [
    "line",
    "date",
    "reference",
    "log_id",
    "service",
    "billed_service",
    "verdict",
    "billed",
    "ledger",
    "state",
    "settles",
];

/// Lines, and what they come to on both sides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Lines of the statement, or calls that it does not name.
    pub lines: u64,
    /// What the statement charges.
    pub billed: Ore,
    /// What the ledger counts.
    pub booked: Ore,
    /// Calls that it counts as nothing because nobody has given a price.
    pub unpriced: u64,
}

/// A statement held against the ledger: sums, and the first differences.
#[derive(Clone)]
pub struct Reconciliation<'a> {
    file: &'a Path,
    account: &'a str,
    environment: &'a str,
    days: (Date, Date),
    sums: [Sums; Verdict::ALL.len()],
    /// Lost answers that were carried out, and that were not.
    settles: [u64; 2],
    examples: Vec<Reconciled>,
    differences: u64,
}

impl<'a> Reconciliation<'a> {
    /// Of this file for this account, complete for these days.
    pub fn of(file: &'a Path, account: &'a Account, days: (Date, Date)) -> Self {
        Self {
            file,
            account: &account.name,
            environment: &account.environment,
            days,
            sums: [Sums::default(); Verdict::ALL.len()],
            settles: [0; 2],
            examples: Vec::new(),
            differences: 0,
        }
    }

    /// Counts a line in.
    pub fn count(&mut self, line: &Reconciled) {
        let sums = &mut self.sums[line.verdict as usize];
        sums.lines += 1;
        sums.billed = plus(sums.billed, line.billed);
        // A call that is billed twice stands in the ledger once.
        sums.booked = plus(sums.booked, line.booked.filter(|_| line.billed_on.is_none()));
        sums.unpriced += u64::from(line.unpriced && line.billed_on.is_none());
        if let Some(settles) = line.settles {
            self.settles[settles as usize] += 1;
        }
        if line.verdict != Verdict::Agreed {
            self.differences += 1;
            if self.examples.len() < EXAMPLES {
                self.examples.push(line.clone());
            }
        }
    }

    /// The sums of one verdict.
    pub const fn of_verdict(&self, verdict: Verdict) -> Sums {
        self.sums[verdict as usize]
    }

    fn total(&self) -> Sums {
        let mut total = Sums::default();
        for sums in &self.sums {
            total.lines += sums.lines;
            total.billed = plus(total.billed, Some(sums.billed));
            total.booked = plus(total.booked, Some(sums.booked));
            total.unpriced += sums.unpriced;
        }
        total
    }
}

fn plus(sum: Ore, more: Option<Ore>) -> Ore {
    more.map_or(sum, |more| sum.checked_add(more).unwrap_or(Ore::new(u64::MAX)))
}

/// The sums, what they settle, and the first differences.
pub fn reconcile_text(report: &Reconciliation<'_>, style: TermStyle) -> String {
    let Reconciliation { file, account, environment, days: (first, last), .. } = report;
    let mut text =
        format!("{} against {account} ({environment}), complete for {first} to {last}\n\n", file.display());
    let mut sheet = Sheet::new([
        words("").cut(16),
        numbers("lines"),
        numbers("billed").short("billed SEK"),
        numbers("in the ledger").short("ledger SEK"),
    ]);
    let mut row = |name: &str, sums: Sums| {
        let booked = amount(sums.booked, sums.unpriced > 0);
        sheet.row([name.into(), count(sums.lines).into(), amount(sums.billed, false), booked]);
    };
    for verdict in Verdict::ALL {
        row(verdict.meaning(), report.of_verdict(verdict));
    }
    row("total", report.total());
    let _ = writeln!(text, "{}", sheet.draw(style));
    let [billed, not] = report.settles;
    if billed + not > 0 {
        let _ = writeln!(
            text,
            "\nlost answers: {} billed, {} not carried out; to settle them: orgpull resolve --invoice {}",
            count(billed),
            count(not),
            file.display()
        );
    }
    if !report.examples.is_empty() {
        let _ = writeln!(text, "\nDifferences");
    }
    for line in &report.examples {
        let _ = writeln!(text, "  {}", difference(line));
    }
    let more = report.differences - report.examples.len() as u64;
    if more > 0 {
        let _ = writeln!(text, "  and {} more: --output PATH lists them all", count(more));
    }
    style.fold(&text)
}

/// What a statement, or the user's word on a run, settled; its last line is what to type next.
pub fn resolve_text(what: &str, settled: &Settled, retry: &[String], style: TermStyle) -> String {
    let (billed, not) = (settled.billed.calls, settled.not_carried_out.calls);
    let mut left = if settled.left == 0 {
        String::new()
    } else {
        format!(
            "  {} not named and left alone: the statement does not name calls by our transactionid, has lines about those days \
             that name no call, or may have been drawn before. With the provider's word for it: `orgpull resolve RUN --as`\n",
            counted(settled.left, "lost answer is", "lost answers are")
        )
    };
    if settled.unread > 0 {
        let _ = writeln!(
            left,
            "  {} kept and cannot be read, and left alone: those calls were carried out. `retry` reads them again; what they \
             were billed at is settled with `--as billed`",
            counted(settled.unread, "answer is", "answers are")
        );
    }
    if billed + not == 0 {
        return style
            .fold(&format!("{what}: no lost answer is to be settled, and nothing was changed\n{left}"));
    }
    let mut text = format!(
        "{what}: {} settled\n  {} billed: {}\n  {} not carried out: {} \
         less than was counted\n",
        counted(billed + not, "lost answer is", "lost answers are"),
        count(billed),
        spent(settled.billed),
        count(not),
        spent(settled.not_carried_out)
    );
    for attempt in &settled.named {
        let what = match attempt.settles {
            Settles::Billed => {
                format!("billed {}", cost(attempt.cost.unwrap_or_default(), attempt.cost.is_none()))
            }
            Settles::NotCarriedOut => "not carried out".to_owned(),
        };
        let (run, job, line, reference) = (&attempt.run, &attempt.job, attempt.line, &attempt.transactionid);
        let _ = writeln!(text, "  run {run} of {job}, line {line}, {reference}: {what}");
    }
    text.push_str(&left);
    let more = (billed + not).saturating_sub(settled.named.len() as u64);
    if more > 0 {
        let _ = writeln!(text, "  and {} more", count(more));
    }
    let next = retry
        .iter()
        .map(|command| style.next(&format!("to ask again what was not carried out: {command}")) + "\n");
    style.fold(&text) + &next.collect::<String>()
}

fn spent(spent: Spend) -> String {
    cost(spent.cost, spent.unpriced > 0)
}

fn difference(line: &Reconciled) -> String {
    let place = match line.line {
        Some(line) => format!("line {line}"),
        None => line.day.clone(),
    };
    let service = line.service.clone().or_else(|| shown(line.billed_service.as_deref())).unwrap_or_default();
    let reference = reference(line).unwrap_or_else(|| "no reference".to_owned());
    let amounts = match (line.billed, line.booked) {
        (Some(billed), Some(_)) if let Some(before) = line.billed_on => {
            format!("billed {} again, after line {before}", money(billed))
        }
        (Some(billed), Some(booked)) => {
            format!("billed {}, in the ledger {}", money(billed), cost(booked, line.unpriced))
        }
        (Some(billed), None) => format!("billed {}, not in the ledger", money(billed)),
        (None, booked) => {
            format!("{} in the ledger, not billed", cost(booked.unwrap_or_default(), line.unpriced))
        }
    };
    let lost = line.settles.map_or_else(String::new, |settles| match settles {
        Settles::Billed => " (its answer was lost: it was carried out)".to_owned(),
        Settles::NotCarriedOut => " (its answer was lost: it was not carried out)".to_owned(),
    });
    format!("{place}, {reference}, {service}: {amounts}{lost}")
}

/// Our own reference where the ledger has the call, else the statement's.
fn reference(line: &Reconciled) -> Option<String> {
    line.transactionid.clone().or_else(|| shown(line.reference.as_deref()))
}

fn shown(text: Option<&str>) -> Option<String> {
    text.map(scrub)
}

fn sek(amount: Option<Ore>) -> Option<String> {
    amount.map(|amount| amount.to_string())
}

/// A line's cells under [`HEADER`].
pub fn reconcile_cells(line: &Reconciled) -> [String; HEADER.len()] {
    [
        line.line.map(|line| line.to_string()),
        Some(line.day.clone()),
        reference(line),
        line.log_id.clone(),
        line.service.clone(),
        shown(line.billed_service.as_deref()),
        Some(line.verdict.as_str().to_owned()),
        sek(line.billed),
        sek(line.booked),
        line.state.clone(),
        line.settles.map(|settles| settles.as_str().to_owned()),
    ]
    .map(Option::unwrap_or_default)
}

/// A line as an object with the members of [`HEADER`], null where a cell would be empty.
pub fn reconcile_line(line: &Reconciled) -> Value {
    let cells = reconcile_cells(line).into_iter().zip(HEADER).map(|(cell, name)| {
        let value = match (name, line.line) {
            ("line", Some(line)) => json!(line),
            _ if cell.is_empty() => Value::Null,
            _ => Value::String(cell),
        };
        (name.to_owned(), value)
    });
    Value::Object(cells.collect())
}

/// The sums by verdict and in all, and what they settle.
pub fn reconcile_totals(report: &Reconciliation<'_>) -> Value {
    let sums = |sums: Sums| {
        let (billed, ledger) = (sums.billed.to_string(), sums.booked.to_string());
        json!({"lines": sums.lines, "billed": billed, "ledger": ledger, "unpriced_calls": sums.unpriced})
    };
    let mut totals: Map<String, Value> = Verdict::ALL
        .into_iter()
        .map(|verdict| (verdict.as_str().to_owned(), sums(report.of_verdict(verdict))))
        .collect();
    totals.insert("total".to_owned(), sums(report.total()));
    let (first, last) = report.days;
    let settles = json!({
        Settles::Billed.as_str(): report.settles[Settles::Billed as usize],
        Settles::NotCarriedOut.as_str(): report.settles[Settles::NotCarriedOut as usize],
    });
    totals.insert("settles".to_owned(), settles);
    totals.insert("account".to_owned(), json!(report.account));
    totals.insert("environment".to_owned(), json!(report.environment));
    totals.insert("complete_from".to_owned(), json!(first.to_string()));
    totals.insert("complete_until".to_owned(), json!(last.to_string()));
    Value::Object(totals)
}
