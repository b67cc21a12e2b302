//! Stored answers that are damaged, and answers that were made to do harm.

use super::*;
use crate::domain::record::Earlier;
use serde_json::Value;

fn damaged(reference: &str) -> LookupRecord {
    let transactionid = Some(reference.to_owned());
    LookupRecord { body: None, damaged: true, transactionid, ..answered(Outcome::Hit, "{}") }
}

/// An answer after one that is damaged.
fn after(reference: &str) -> LookupRecord {
    let before = Earlier { fetched_at: "2026-02-01T01:30:05Z".to_owned(), body: Vec::new() };
    let transactionid = Some(reference.to_owned());
    LookupRecord { before: Some(before), transactionid, ..answered(Outcome::Hit, r#"{"report":{"a":1}}"#) }
}

#[test]
fn an_answer_is_counted_once_however_many_rows_and_outputs_show_it() {
    let world = World::new(&["report", "changes"]);
    let changes = |name: &str| Output { changes: true, ..world.output(name, Shape::Long) };
    let only = Output { only: Some(vec![Outcome::Hit]), ..changes("c.csv") };
    let outputs = [world.output("a.jsonl", Shape::Wide), changes("b.csv"), only];
    let rows = [
        vec![damaged("op1"), after("op2")],
        vec![damaged("op3"), ended(Outcome::NoHit)],
        vec![damaged("op1"), after("op2")],
        vec![LookupRecord { last: Some(Box::new(damaged("op3"))), ..ended(Outcome::Skipped) }, after("op4")],
        vec![LookupRecord { transactionid: None, ..damaged("") }, damaged("op1")],
    ];
    let mut export = world.begin(&outputs).unwrap();
    for (line, lookups) in (2..).zip(rows) {
        export.write(&record(line, Ok(company()), "", lookups)).unwrap();
    }
    let Damage { count, first, earlier } = export.finish().unwrap().damage;
    let report = |line: u64| (line, "report".to_owned());
    assert_eq!((count, earlier), (3, 2));
    assert_eq!(first, [report(2), report(3), report(6)]);
}

#[test]
fn what_is_told_apart_is_bounded() {
    let mut met = Met::default();
    let new = (0..Met::MOST + 5).filter(|at| met.is_new(Some(&at.to_string()))).count();
    assert_eq!((new, met.0.len()), (Met::MOST + 5, Met::MOST));
    assert!(!met.is_new(Some("7")) && met.is_new(None) && met.is_new(None));
}

/// A column that no answer has is held against names that nobody would mistype, each a mebibyte below another.
#[test]
fn long_names_are_not_held_against_a_column() {
    let world = World::new(&["report"]);
    let long = "k".repeat(1 << 20);
    let many: serde_json::Map<String, Value> =
        (0..100_000).map(|at| (format!("k{at}"), Value::from(at))).collect();
    let body =
        serde_json::json!({ "report": { "companyName": "A", &long: many, &long[..900]: { "nmae": 1 } } });
    let columns = ["/report/companyNmae", "/other/nmae"].map(|pointer| column(pointer, pointer, None));
    let output = Output { columns: Some(columns.into()), ..world.output("x.csv", Shape::Long) };
    let answer = answered(Outcome::Hit, &body.to_string());
    let written = world.export(&[output], &[record(2, Ok(company()), "", vec![answer])]).unwrap();
    let near: Vec<_> = written[0].columns.iter().map(|column| column.near.clone()).collect();
    assert_eq!(near[0], ["/report/companyName"]);
    assert_eq!(near[1], [format!("/report/{}/nmae", &long[..900])]);
}
