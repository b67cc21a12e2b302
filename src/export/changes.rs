//! What changed: each answer of a run against the one that we had before it, field by field.
//!
//! A field is a pointer that the job chose, or else a leaf, as in csv outputs that choose nothing. `metaData` is of the
//! call and not of the subject, and is never compared. A null is no value: what becomes null was removed. A number that is
//! only written otherwise (1.10 and 1.1, 0 and -0, 1e2 and 100) has not changed. Where there was no answer before there is
//! nothing to compare, and no row.

use super::body::{Bodies, Body};
use super::cells::{Field, shown, shown_text};
use super::files::{ExportError, Target};
use super::pairs::Pairs;
use super::table::{Layout, Sink};
use super::{Setting, Written, WrittenKind};
use crate::disk::{Draft, Place, Sealed};
use crate::domain::json::{self, Json};
use crate::domain::record::{LookupRecord, Record};
use crate::domain::redact::Known;
use crate::job::{Column, Output};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

/// The member of an answer that tells of the call.
const OF_THE_CALL: &str = "/metaData";

/// A list of changes on its way.
pub(super) struct Changes {
    target: Place,
    layout: Layout,
    sink: Sink,
    chosen: Option<Vec<Chosen>>,
    rows: u64,
    /// The places of lookups whose earlier answers are damaged, of the records since it was last asked.
    pub(super) damaged: BTreeSet<usize>,
}

/// A pointer that the job chose.
pub(super) struct Chosen {
    name: String,
    pointer: String,
    /// The place of the lookup it is for; `None` if it is for each.
    lookup: Option<usize>,
}

/// One difference.
struct Difference<'a> {
    field: String,
    old: Option<&'a Value>,
    new: Option<&'a Value>,
}

impl Changes {
    pub(super) fn begin(output: &Output, target: Target, setting: &Setting<'_>) -> Result<Self, ExportError> {
        let Target { place: target, mode } = target;
        let (layout, chosen) = Self::check(output, target.named(), setting)?;
        let names = layout.own_names();
        let draft = Draft::create(target.clone(), mode)?;
        let sink = layout.sink(draft, names).map_err(target.failed("write"))?;
        Ok(Self { target, layout, sink, chosen, rows: 0, damaged: BTreeSet::new() })
    }

    /// What its columns are called, each once, and which fields it compares.
    pub(super) fn check(
        output: &Output,
        path: &Path,
        setting: &Setting<'_>,
    ) -> Result<(Layout, Option<Vec<Chosen>>), ExportError> {
        let layout = Layout::of(output, setting)?;
        let place = |column: &Column| {
            let Some(id) = &column.lookup else { return Ok(None) };
            let at = setting.lookups.iter().position(|head| head.id == *id);
            let none = || ExportError::NoLookup { column: column.name.clone(), lookup: id.clone() };
            at.map(Some).ok_or_else(none)
        };
        let chosen = |column: &Column| {
            Ok::<_, ExportError>(Chosen {
                name: column.name.clone(),
                pointer: column.pointer.clone(),
                lookup: place(column)?,
            })
        };
        let columns = output.columns.as_ref();
        let chosen = columns.map(|columns| columns.iter().map(chosen).collect()).transpose()?;
        let mut names = BTreeSet::new();
        match layout.own_names().iter().find(|name| !names.insert(name.as_str())) {
            Some(name) => Err(ExportError::SameName { path: path.to_owned(), name: name.clone() }),
            None => Ok((layout, chosen)),
        }
    }

    pub(super) fn write(&mut self, record: &Record, bodies: &Bodies<'_>) -> Result<(), ExportError> {
        let Ok(subject) = &record.subject else { return Ok(()) };
        for (at, lookup) in record.lookups.iter().enumerate() {
            if !self.layout.shows(lookup) {
                continue;
            }
            let Some(before) = &lookup.before else { continue };
            let (Some(old), Body::Json(new)) = (Json::of_bytes(&before.body), bodies.get(at)) else {
                self.damaged.insert(at);
                continue;
            };
            for difference in self.differences(at, &old, new) {
                let hide = self.layout.hides(record);
                let put = self.put(
                    record,
                    (&self.layout.subject(subject), hide.as_ref()),
                    (at, lookup, &before.fetched_at),
                    &difference,
                );
                put.map_err(self.target.failed("write"))?;
                self.rows += 1;
            }
        }
        Ok(())
    }

    fn differences<'a>(
        &self,
        at: usize,
        old: &'a Value,
        new: &'a Value,
    ) -> Box<dyn Iterator<Item = Difference<'a>> + 'a> {
        let Some(chosen) = &self.chosen else { return Box::new(of_leaves(old, new)) };
        let here = chosen.iter().filter(|chosen| chosen.lookup.is_none_or(|lookup| lookup == at));
        let both = here.map(|chosen| {
            let value = |answer: &'a Value| answer.pointer(&chosen.pointer).filter(|value| !value.is_null());
            Difference { field: chosen.name.clone(), old: value(old), new: value(new) }
        });
        let differ: Vec<_> = both.filter(|difference| !same(difference.old, difference.new)).collect();
        Box::new(differ.into_iter())
    }

    fn put(
        &mut self,
        record: &Record,
        (subject, hide): (&str, Option<&Known>),
        (at, lookup, before): (usize, &LookupRecord, &str),
        difference: &Difference<'_>,
    ) -> io::Result<()> {
        let (layout, sink) = (&self.layout, &mut self.sink);
        layout.put_first(sink, record, (Some(subject), hide))?;
        let change = match (difference.old, difference.new) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        };
        sink.put(Field::maybe(layout.id(at)))?;
        sink.put(Field::Text(&shown_text(&difference.field, hide)))?;
        sink.put(Field::Text(change))?;
        for value in [difference.old, difference.new] {
            match value {
                Some(value) => sink.put(Field::Json(&shown(value, hide)))?,
                None => sink.put(Field::Empty)?,
            }
        }
        sink.put(Field::Text(before))?;
        sink.put(Field::maybe(lookup.fetched_at.as_deref()))?;
        sink.end_row()
    }

    /// The complete file, and what to tell about it.
    pub(super) fn seal(self) -> Result<(Sealed, Written), ExportError> {
        let too_long = self.sink.too_long();
        let sealed = self.sink.into_draft().map_err(self.target.failed("write"))?.seal()?;
        let written = Written {
            path: self.target.named().to_owned(),
            kind: WrittenKind::Changes,
            rows: self.rows,
            columns: Vec::new(),
            too_long,
            instead_of: None,
            sha256: sealed.sha256(),
        };
        Ok((sealed, written))
    }
}

/// The leaves that differ, in the order of their pointers.
fn of_leaves<'a>(old: &'a Value, new: &'a Value) -> impl Iterator<Item = Difference<'a>> {
    let of_the_call = |field: &str| {
        field.strip_prefix(OF_THE_CALL).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let differ = Pairs::of(Some(old), Some(new));
    let differ = differ.filter(move |(field, old, new)| !same(*old, *new) && !of_the_call(field));
    differ.map(|(field, old, new)| Difference { field, old, new })
}

/// Whether two values are the same, however their numbers are written.
fn same(old: Option<&Value>, new: Option<&Value>) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => json::same(old, new, same_scalar),
        (old, new) => old.is_none() && new.is_none(),
    }
}

fn same_scalar(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Number(old), Value::Number(new)) => {
            old == new || Decimal::of(old.as_str()).is_some_and(|old| Some(old) == Decimal::of(new.as_str()))
        }
        (old, new) => old == new,
    }
}

/// A decimal number of any length, by its value: `digits` times ten to `exponent`, with no nought at either end.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// That of a JSON number; `None` if its exponent is beyond all measure.
    fn of(written: &str) -> Option<Self> {
        let (mantissa, exponent) = written.split_once(['e', 'E']).unwrap_or((written, "0"));
        let unsigned = mantissa.strip_prefix('-').unwrap_or(mantissa);
        let (whole, part) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits = format!("{whole}{part}");
        let significant = digits.trim_start_matches('0').trim_end_matches('0');
        if significant.is_empty() {
            return Some(Self { negative: false, digits: String::new(), exponent: 0 });
        }
        let trailing = digits.len() - digits.trim_end_matches('0').len();
        let shift = i64::try_from(trailing).ok()?.checked_sub(i64::try_from(part.len()).ok()?)?;
        let exponent = exponent.parse::<i64>().ok()?.checked_add(shift)?;
        Some(Self { negative: unsigned.len() < mantissa.len(), digits: significant.to_owned(), exponent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn told(old: &Value, new: &Value) -> Vec<String> {
        let value = |value: Option<&Value>| value.map_or_else(|| "-".to_owned(), Value::to_string);
        let line = |d: &Difference<'_>| format!("{} {} {}", d.field, value(d.old), value(d.new));
        of_leaves(old, new).map(|difference| line(&difference)).collect()
    }

    #[test]
    fn what_differs_is_told_leaf_by_leaf() {
        let old = json!({"metaData": {"apiLogId": 1}, "metaDataOfOurs": 1, "report": {"a": "x", "b": {"c": 1}, "l": [1], "n": null, "gone": true}});
        let new = json!({"metaData": {"apiLogId": 2}, "metaDataOfOurs": 2, "report": {"a": "y", "b": {"c": 1}, "l": [1, 2], "n": 0, "gone": null, "e": {}}});
        assert_eq!(
            told(&old, &new),
            [
                "/metaDataOfOurs 1 2",
                "/report/a \"x\" \"y\"",
                "/report/gone true -",
                "/report/l [1] [1,2]",
                "/report/n - 0"
            ]
        );
        assert_eq!(told(&json!({"metaData": 1}), &json!({"metaData": {"x": 1}})), [""; 0]);
        assert_eq!(
            told(&json!({"report": {"a": 1}}), &json!({"report": [{"a": 1}]})),
            ["/report - [{\"a\":1}]", "/report/a 1 -"]
        );
    }

    #[test]
    fn a_number_that_is_only_written_otherwise_has_not_changed() {
        let number = |written: &str| serde_json::from_str::<Value>(written).unwrap();
        for (old, new, is_same) in [
            ("1.10", "1.1", true),
            ("0", "-0", true),
            ("-0.0", "0e9", true),
            ("1e2", "100", true),
            ("100", "1.00E+2", true),
            ("0.010", "1e-2", true),
            ("12345678901234567890.10", "12345678901234567890.1", true),
            ("12345678901234567890", "12345678901234567891", false),
            ("1", "-1", false),
            ("1", "10", false),
            ("0.1", "0.01", false),
            ("1e99999999999999999999", "1e99999999999999999999", true),
            ("1e99999999999999999999", "2e99999999999999999999", false),
            ("[1.0, {\"a\": 2.50}]", "[1, {\"a\": 2.5}]", true),
            ("[1, 2]", "[1]", false),
            ("\"1.0\"", "\"1\"", false),
            ("1", "\"1\"", false),
        ] {
            let (old, new) = (number(old), number(new));
            assert_eq!(same(Some(&old), Some(&new)), is_same, "{old} {new}");
            assert_eq!(same(Some(&new), Some(&old)), is_same, "{new} {old}");
            let field = |value: &Value| json!({ "report": { "n": value } });
            assert_eq!(told(&field(&old), &field(&new)).is_empty(), is_same, "{old} {new}");
        }
        assert!(!same(Some(&number("0")), None));
    }

    fn answer() -> impl Strategy<Value = Value> {
        proptest::collection::btree_map("[a-c]", 0..3_u8, 0..4)
            .prop_map(|members| json!({ "report": members }))
    }

    proptest! {
        /// Nothing differs from itself, and what is told one way is told the other way round.
        #[test]
        fn differences_are_mirrored(old in answer(), new in answer()) {
            prop_assert!(of_leaves(&old, &old).next().is_none());
            let there: Vec<_> = of_leaves(&old, &new).collect();
            let back: Vec<_> = of_leaves(&new, &old).collect();
            prop_assert_eq!(there.len(), back.len());
            prop_assert_eq!(there.is_empty(), old == new);
            for (one, other) in there.iter().zip(&back) {
                prop_assert_eq!((&one.field, one.old, one.new), (&other.field, other.new, other.old));
            }
        }
    }
}
