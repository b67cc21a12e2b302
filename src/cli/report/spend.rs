//! What was spent, for people and for programs.

use super::figures::{amount, count};
use super::table::{Cell, Sheet, numbers, words};
use crate::cli::term_style::{TermStyle, Tone};
use crate::export::harmless;
use crate::ledger::{SpendBy, SpendRow, Spent};
use jiff::civil::Date;
use serde_json::{Value, json};
use std::collections::BTreeSet;
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

impl SpendReport<'_> {
    /// The services of calls that nobody has given a price.
    fn unpriced(&self) -> BTreeSet<&String> {
        self.rows.iter().flat_map(|row| &row.unpriced).collect()
    }
}

/// A table whose last line is the total.
pub fn spend_text(report: &SpendReport<'_>, style: TermStyle) -> String {
    let mut sheet = Sheet::new([
        words(report.by.as_str()).cut(12),
        numbers("calls"),
        numbers("answered").goes(1),
        numbers("unknown").goes(3),
        numbers("cost").short("SEK"),
        numbers("of it unknown").short("unknown SEK").goes(2),
        numbers("letters").goes(4),
    ]);
    for row in report.rows {
        let key = if row.key.is_empty() { "(none)" } else { &row.key };
        sheet.row(cells(key, &row.spent, !row.unpriced.is_empty()));
    }
    sheet.row(cells("total", &report.total, !report.unpriced().is_empty()));
    format!("{}\n", sheet.draw(style))
}

fn cells(key: &str, spent: &Spent, unpriced: bool) -> [Cell; 7] {
    let warned = |warns: bool| warns.then_some(Tone::Warning);
    [
        key.into(),
        count(spent.calls).into(),
        count(spent.answered).into(),
        Cell::from(count(spent.unknown)).tone(warned(spent.unknown > 0)),
        amount(spent.cost, unpriced).tone(warned(unpriced)),
        amount(spent.cost_unknown, spent.unknown_unpriced > 0),
        count(spent.letters).into(),
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
        "total": sums(&report.total, &report.unpriced()),
    })
}

fn named(by: SpendBy, row: &SpendRow) -> Value {
    let key = (!row.key.is_empty()).then_some(row.key.as_str());
    let mut object = json!({ by.as_str(): key });
    if let (Value::Object(object), Value::Object(sums)) =
        (&mut object, sums(&row.spent, &row.unpriced.iter().collect()))
    {
        object.extend(sums);
    }
    object
}

fn sums(spent: &Spent, unpriced: &BTreeSet<&String>) -> Value {
    json!({
        "calls": spent.calls,
        "answered": spent.answered,
        "unknown": spent.unknown,
        "cost": spent.cost.to_string(),
        "spent_unknown": spent.cost_unknown.to_string(),
        "letters": spent.letters,
        "unpriced": unpriced,
    })
}

/// RFC 4180. Without the total, so that whoever adds the rows up is right.
pub fn spend_csv(report: &SpendReport<'_>) -> String {
    // A column that is there only where it says something: programs that read the others need not know it.
    let is_unpriced = !report.unpriced().is_empty();
    let more = if is_unpriced { ",unpriced" } else { "" };
    let by = report.by.as_str();
    let mut text = format!("{by},calls,answered,unknown,cost,spent_unknown,letters{more}\n");
    for SpendRow { key, spent, unpriced } in report.rows {
        let Spent { calls, answered, unknown, cost, cost_unknown, letters, .. } = spent;
        let key = cell(key);
        let _ = write!(text, "{key},{calls},{answered},{unknown},{cost},{cost_unknown},{letters}");
        if is_unpriced {
            let _ = write!(text, ",{}", unpriced.iter().cloned().collect::<Vec<_>>().join(" "));
        }
        text.push('\n');
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
            unknown_unpriced: 0,
            letters: 0,
        };
        let row = |key: &str, calls, cost| SpendRow {
            key: key.to_owned(),
            spent: spent(calls, cost),
            unpriced: BTreeSet::new(),
        };
        let mut rows =
            [row("", 12, 3_840), row("4711", 11_204, 3_585_280), row("4712", 3, 0), row("=a,\"b\"", 1, 320)];
        rows[2].unpriced.insert("creditsafe.spar".to_owned());
        rows[2].spent.cost_unknown = Ore::ZERO;
        rows[2].spent.unknown_unpriced = 1;
        let report = SpendReport {
            by: SpendBy::CostCentre,
            since: None,
            until: None,
            rows: &rows,
            total: spent(11_220, 3_589_440),
        };
        insta::assert_snapshot!(format!(
            "{}\n{}\n{:#}",
            spend_text(&report, TermStyle::PLAIN),
            spend_csv(&report),
            spend_json(&report)
        ));
        for width in [60, 80, 120] {
            insta::assert_snapshot!(
                format!("spend_{width}_wide"),
                spend_text(&report, TermStyle::wide(width))
            );
        }
    }
}
