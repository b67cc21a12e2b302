//! What was spent, for people and for programs.

use super::figures::{count, money};
use super::table::table;
use crate::export::harmless;
use crate::ledger::{SpendBy, SpendRow, Spent};
use jiff::civil::Date;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Sums, with what they are by.
#[derive(Debug, Clone)]
pub struct SpendReport<'a> {
    /// What they are by.
    pub by: SpendBy,
    /// The first day, where one was asked for.
    pub since: Option<Date>,
    /// The last day, where one was asked for.
    pub until: Option<Date>,
    /// A group each.
    pub rows: &'a [SpendRow],
    /// Over all of them.
    pub total: Spent,
}

/// A table whose last line is the total.
pub fn spend_text(report: &SpendReport<'_>) -> String {
    let header = [report.by.as_str(), "calls", "answered", "unknown", "cost", "of it unknown", "letters"];
    let mut table = table(&header, 1);
    for row in report.rows {
        let key = if row.key.is_empty() { "(none)" } else { &row.key };
        table.add_row(cells(key, &row.spent));
    }
    table.add_row(cells("total", &report.total));
    format!("{}\n", table.trim_fmt())
}

fn cells(key: &str, spent: &Spent) -> [String; 7] {
    [
        key.to_owned(),
        count(spent.calls),
        count(spent.answered),
        count(spent.unknown),
        money(spent.cost),
        money(spent.cost_unknown),
        count(spent.letters),
    ]
}

/// One object: `rows`, each under the name of its grouping, and `total`.
pub fn spend_json(report: &SpendReport<'_>) -> Value {
    let day = |day: Option<Date>| day.map(|day| day.to_string());
    let rows: Vec<Value> = report.rows.iter().map(|row| named(report.by, row)).collect();
    json!({
        "by": report.by.as_str(),
        "since": day(report.since),
        "until": day(report.until),
        "rows": rows,
        "total": sums(&report.total),
    })
}

fn named(by: SpendBy, row: &SpendRow) -> Value {
    let key = (!row.key.is_empty()).then_some(row.key.as_str());
    let mut object = json!({ by.as_str(): key });
    if let (Value::Object(object), Value::Object(sums)) = (&mut object, sums(&row.spent)) {
        object.extend(sums);
    }
    object
}

fn sums(spent: &Spent) -> Value {
    json!({
        "calls": spent.calls,
        "answered": spent.answered,
        "unknown": spent.unknown,
        "cost": spent.cost.to_string(),
        "spent_unknown": spent.cost_unknown.to_string(),
        "letters": spent.letters,
    })
}

/// RFC 4180. Without the total, so that whoever adds the rows up is right.
pub fn spend_csv(report: &SpendReport<'_>) -> String {
    let mut text = format!("{},calls,answered,unknown,cost,spent_unknown,letters\n", report.by.as_str());
    for SpendRow { key, spent } in report.rows {
        let Spent { calls, answered, unknown, cost, cost_unknown, letters } = spent;
        let key = cell(key);
        let _ = writeln!(text, "{key},{calls},{answered},{unknown},{cost},{cost_unknown},{letters}");
    }
    text
}

/// A cost centre may be any text: quoted where RFC 4180 wants it, and harmless in a spreadsheet.
fn cell(key: &str) -> String {
    let key = harmless(key, '.').into_owned();
    if key.contains([',', '"', '\n', '\r']) { format!("\"{}\"", key.replace('"', "\"\"")) } else { key }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Ore;

    #[test]
    fn sums_for_people_and_programs() {
        let spent = |calls, cost| Spent {
            calls,
            answered: calls - 1,
            unknown: 1,
            cost: Ore::new(cost),
            cost_unknown: Ore::new(320),
            letters: 0,
        };
        let row = |key: &str, calls, cost| SpendRow { key: key.to_owned(), spent: spent(calls, cost) };
        let rows = [row("", 12, 3_840), row("4711", 11_204, 3_585_280), row("=a,\"b\"", 1, 320)];
        let report = SpendReport {
            by: SpendBy::CostCentre,
            since: None,
            until: None,
            rows: &rows,
            total: spent(11_217, 3_589_440),
        };
        insta::assert_snapshot!(format!(
            "{}\n{}\n{:#}",
            spend_text(&report),
            spend_csv(&report),
            spend_json(&report)
        ));
    }
}
