//! Whole outputs: every format and shape over one small set of records, and what must hold for all of them.

mod damaged;
mod masked;

use super::*;
use crate::disk::{PlaceError, Protected};
use crate::domain::identity::DigestKey;
use crate::domain::money::Ore;
use crate::domain::number::{Accept, AcceptKind, Kind, Subject};
use crate::domain::outcome::{Outcome, Source};
use crate::domain::record::{BadRow, LookupRecord};
use crate::export::naming::Naming;
use crate::job::{Column, Format, Shape, SubjectForm};
use ::csv::{Reader, ReaderBuilder};
use jiff::civil::date;
use proptest::prelude::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::LazyLock;

static KEY: LazyLock<DigestKey> = LazyLock::new(|| DigestKey::new([7; 32]));
/// A company (its number is public) and one of Skatteverket's test numbers.
const COMPANY: &str = "5560125790";
const PERSON: &str = "189001019802";

/// A folder to write to, and the words of a run over two lookups.
struct World {
    folder: tempfile::TempDir,
    lookups: Vec<LookupHead>,
    columns: Vec<String>,
    carry: Vec<String>,
    protected: Protected,
}

const NAMING: Naming<'_> = Naming { job: "night", run: "r7", started_ms: 1_772_328_605_000, limit: None };

fn paths(outputs: &[Output]) -> Vec<PathBuf> {
    outputs.iter().map(|output| NAMING.output(&output.path)).collect()
}

impl World {
    fn new(ids: &[&str]) -> Self {
        let head = |id: &&str| LookupHead { id: (*id).to_owned(), service: "creditsafe.getdata".to_owned() };
        Self {
            folder: tempfile::tempdir().unwrap(),
            lookups: ids.iter().map(head).collect(),
            columns: vec!["note".to_owned(), "customer_id".to_owned()],
            carry: vec!["customer_id".to_owned(), "note".to_owned()],
            protected: Protected::new(),
        }
    }

    fn setting<'a>(&'a self, paths: &'a [PathBuf]) -> Setting<'a> {
        Setting {
            paths,
            day: date(2026, 3, 1),
            lookups: &self.lookups,
            columns: &self.columns,
            carry: &self.carry,
            key: &KEY,
            protected: &self.protected,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn output(&self, name: &str, shape: Shape) -> Output {
        let format = match Path::new(name).extension().and_then(|ending| ending.to_str()) {
            Some("json") => Format::Json,
            Some("jsonl") => Format::JsonLines,
            _ => Format::Csv,
        };
        let path = self.path(name);
        Output {
            path,
            format,
            shape,
            only: None,
            excel: false,
            subject: SubjectForm::Full,
            columns: None,
            changes: false,
            skipped_last: false,
            mode: Output::PRIVATE,
            group: None,
        }
    }

    fn export(&self, outputs: &[Output], records: &[Record]) -> Result<Vec<Written>, ExportError> {
        let mut export = self.begin(outputs)?;
        if export.needs_discovery() {
            records.iter().try_for_each(|record| export.discover(record))?;
        }
        records.iter().try_for_each(|record| export.write(record))?;
        export.finish().map(|exported| exported.written)
    }

    fn begin(&self, outputs: &[Output]) -> Result<Export, ExportError> {
        Export::begin(outputs, &self.setting(&paths(outputs)))
    }

    /// The text of one output over these records.
    fn text(&self, output: &Output, records: &[Record]) -> String {
        let written = self.export(std::slice::from_ref(output), records).unwrap();
        fs::read_to_string(&written[0].path).unwrap()
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn column(name: &str, pointer: &str, lookup: Option<&str>) -> Column {
    Column { name: name.to_owned(), pointer: pointer.to_owned(), lookup: lookup.map(str::to_owned) }
}

fn company() -> Subject {
    Subject::from_stored(COMPANY, Kind::Organisation).unwrap()
}

fn person() -> Subject {
    Subject::from_stored(PERSON, Kind::Person).unwrap()
}

fn record(line: u64, subject: Result<Subject, BadRow>, note: &str, lookups: Vec<LookupRecord>) -> Record {
    Record { line, subject, columns: vec![note.to_owned(), format!("C{line}")], lookups }
}

fn ended(outcome: Outcome) -> LookupRecord {
    LookupRecord { outcome: Some(outcome), ..LookupRecord::default() }
}

fn answered(outcome: Outcome, body: &str) -> LookupRecord {
    LookupRecord {
        source: Some(Source::Bought),
        attempts: 1,
        cost: Ore::new(320),
        fetched_at: Some("2026-03-01T01:30:05Z".to_owned()),
        transactionid: Some("op0000000001".to_owned()),
        log_id: Some("77".to_owned()),
        body: Some(body.as_bytes().to_vec()),
        ..ended(outcome)
    }
}

/// One record for every way in which a lookup can stand, and a bad row.
fn records() -> Vec<Record> {
    let report = r#"{"metaData":{"apiLogId":77,"timeStamp":null},"report":{"companyName":"Räksmörgås \"Å\" AB","share":-1.50,
        "big":12345678901234567890.10,"active":true,"formula":"=1+1","phone":"+46 8","lines":"a\nb","none":null,"empty":{},
        "list":[{"x":1.0},"=2"],"a/b~c":0}}"#;
    let partial = r#"{"error":{"rejectCode":"S6"},"report":[{"companyName":"Ö AB"}]}"#;
    let no_hit = r#"{"error":{"rejectCode":"15","rejectText":"Saknas: 189001019802"}}"#;
    let coded = |code: &str, text: &str, lookup: LookupRecord| LookupRecord {
        code: Some(code.to_owned()),
        text: Some(text.to_owned()),
        ..lookup
    };
    let reused = LookupRecord {
        source: Some(Source::Reused),
        attempts: 0,
        cost: Ore::ZERO,
        ..answered(Outcome::Hit, report)
    };
    let bad = BadRow {
        input: "=1,98E+11".to_owned(),
        reason: "Excel cut the number, write it as text".to_owned(),
        damaged: false,
    };
    vec![
        record(
            2,
            Ok(company()),
            "=cmd|' /C calc'!A0",
            vec![answered(Outcome::Hit, report), ended(Outcome::Skipped)],
        ),
        record(
            3,
            Ok(person()),
            "-12.5",
            vec![
                coded("S6", "Skyddad", answered(Outcome::Partial, partial)),
                coded("15", "Saknas", answered(Outcome::NoHit, no_hit)),
            ],
        ),
        record(4, Err(bad), "bad; \"row\"", Vec::new()),
        record(
            5,
            Ok(company()),
            "two\nlines",
            vec![reused, coded("timeout", "@lost", ended(Outcome::Unknown))],
        ),
        record(
            6,
            Ok(company()),
            "",
            vec![coded("7", "-not done", ended(Outcome::Failed)), LookupRecord::default()],
        ),
        record(
            7,
            Ok(company()),
            "cut body",
            vec![answered(Outcome::Hit, "{\"report\":"), ended(Outcome::Denied)],
        ),
    ]
}

/// Line ends and the byte-order mark made visible.
fn visible(text: &str) -> String {
    text.replace('\u{feff}', "<BOM>").replace('\r', "␍")
}

fn some_columns() -> Vec<Column> {
    vec![
        column("company", "/report/companyName", Some("report")),
        column("share", "/report/share", Some("report")),
        column("list", "/report/list", Some("report")),
        column("reject", "/error/rejectCode", Some("changes")),
    ]
}

#[test]
fn long_csv_with_every_leaf() {
    let world = World::new(&["report", "changes"]);
    insta::assert_snapshot!(world.text(&world.output("x.csv", Shape::Long), &records()));
    insta::assert_snapshot!("rejects", fs::read_to_string(world.path("x.rejects.csv")).unwrap());
}

#[test]
fn wide_csv_with_every_leaf() {
    let world = World::new(&["report", "changes"]);
    insta::assert_snapshot!(world.text(&world.output("x.csv", Shape::Wide), &records()));
}

#[test]
fn wide_csv_of_a_single_lookup_names_bare_pointers() {
    let world = World::new(&["report"]);
    let mut records = records();
    for record in &mut records {
        record.lookups.truncate(1);
    }
    insta::assert_snapshot!(world.text(&world.output("x.csv", Shape::Wide), &records));
}

#[test]
fn csv_with_chosen_columns() {
    let world = World::new(&["report", "changes"]);
    let long = Output { columns: Some(some_columns()), ..world.output("x.csv", Shape::Long) };
    let wide = Output { columns: Some(some_columns()), ..world.output("x.csv", Shape::Wide) };
    insta::assert_snapshot!("long_chosen", world.text(&long, &records()));
    insta::assert_snapshot!("wide_chosen", world.text(&wide, &records()));
}

#[test]
fn excel_in_swedish() {
    let world = World::new(&["report", "changes"]);
    let output = Output { columns: Some(some_columns()), excel: true, ..world.output("x.csv", Shape::Wide) };
    insta::assert_snapshot!("excel", visible(&world.text(&output, &records())));
    let rejects = fs::read_to_string(world.path("x.rejects.csv")).unwrap();
    insta::assert_snapshot!("excel_rejects", visible(&rejects));
}

#[test]
fn json_and_json_lines() {
    let world = World::new(&["report", "changes"]);
    let chosen = |name: &str, shape| Output { columns: Some(some_columns()), ..world.output(name, shape) };
    insta::assert_snapshot!("long_json", world.text(&world.output("x.json", Shape::Long), &records()));
    insta::assert_snapshot!("wide_json", world.text(&chosen("x.json", Shape::Wide), &records()));
    insta::assert_snapshot!("long_jsonl", world.text(&chosen("x.jsonl", Shape::Long), &records()));
    insta::assert_snapshot!("wide_jsonl", world.text(&world.output("x.jsonl", Shape::Wide), &records()));
}

#[test]
fn json_is_json_and_carries_the_fields_of_the_csv() {
    let world = World::new(&["report", "changes"]);
    for shape in [Shape::Long, Shape::Wide] {
        let csv = Output { columns: Some(some_columns()), ..world.output("x.csv", shape) };
        let header = world.text(&csv, &records()).lines().next().unwrap().to_owned();
        for (name, format) in [("x.json", Format::Json), ("x.jsonl", Format::JsonLines)] {
            let text = world.text(&Output { path: world.path(name), format, ..csv.clone() }, &records());
            let rows: Vec<serde_json::Map<String, serde_json::Value>> = match format {
                Format::Json => serde_json::from_str(&text).unwrap(),
                _ => text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
            };
            assert!(text.ends_with('\n') && !rows.is_empty());
            for row in rows {
                let keys: Vec<_> = row.keys().map(String::as_str).collect();
                assert_eq!(keys.join(","), format!("{header},report"));
            }
        }
    }
}

#[test]
fn nothing_to_show_is_still_a_whole_file() {
    let world = World::new(&["report"]);
    let head = "line,subject,customer_id,note,lookup,service,outcome,code,text,source,attempts,cost,fetched_at,\
                transactionid,log_id\n";
    for (name, text) in [("x.csv", head), ("x.json", "[\n]\n"), ("x.jsonl", "")] {
        assert_eq!(world.text(&world.output(name, Shape::Long), &[]), text, "{name}");
    }
    assert_eq!(world.files(), ["x.csv", "x.json", "x.jsonl"], "no bad rows, no rejects");
}

#[test]
fn only_some_outcomes() {
    let world = World::new(&["report", "changes"]);
    let lines = |shape, only: &[Outcome]| {
        let columns = Some(Vec::new());
        let output = Output { only: Some(only.to_vec()), columns, ..world.output("x.csv", shape) };
        let text = world.text(&output, &records());
        let mut rows = Reader::from_reader(text.as_bytes());
        rows.records().map(|row| row.unwrap()[0].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(lines(Shape::Long, &[Outcome::Hit, Outcome::NoHit]), ["2", "3", "5", "7"]);
    assert_eq!(lines(Shape::Wide, &[Outcome::Hit, Outcome::NoHit]), ["2", "3", "5", "7"]);
    assert_eq!(lines(Shape::Wide, &[Outcome::Failed]), ["6"]);
    assert!(lines(Shape::Long, &[]).is_empty());
}

#[test]
fn leaves_come_from_rows_that_are_shown() {
    let world = World::new(&["report", "changes"]);
    let output = Output { only: Some(vec![Outcome::NoHit]), ..world.output("x.csv", Shape::Long) };
    let text = world.text(&output, &records());
    assert!(text.lines().next().unwrap().ends_with("log_id,/error/rejectCode,/error/rejectText"), "{text}");
}

#[test]
fn the_summary_counts_answers_by_column() {
    let world = World::new(&["report", "changes"]);
    let output = Output { columns: Some(some_columns()), ..world.output("x.csv", Shape::Wide) };
    let written = world.export(&[output], &records()).unwrap();
    let counts: Vec<_> =
        written[0].columns.iter().map(|count| (count.name.as_str(), count.found, count.answers)).collect();
    assert_eq!(counts, [("company", 2, 3), ("share", 2, 3), ("list", 2, 3), ("reject", 1, 1)]);
    assert_eq!((written[0].rows, written[0].kind), (6, WrittenKind::Output));
    assert_eq!((written[1].rows, written[1].kind), (1, WrittenKind::Rejects));
    assert!(written[0].columns.iter().all(|count| count.chosen));
    let written = world.export(&[world.output("y.csv", Shape::Long)], &records()).unwrap();
    assert!(!written[0].columns.is_empty() && written[0].columns.iter().all(|count| !count.chosen));
}

#[test]
fn files_are_for_their_owner_alone_and_folders_are_made() {
    let world = World::new(&["report", "changes"]);
    let outputs =
        [world.output("a/{date}/{job}-{run}-{time}.csv", Shape::Long), world.output("b.json", Shape::Wide)];
    let mut export = world.begin(&outputs).unwrap();
    records().iter().try_for_each(|record| export.write(record)).unwrap();
    let drafts = fs::read_dir(world.folder.path()).unwrap().map(|entry| entry.unwrap());
    for draft in drafts.filter(|entry| entry.path().is_file()) {
        assert_eq!(draft.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    for written in export.finish().unwrap().written {
        assert_eq!(fs::metadata(&written.path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let folder = world.path("a/2026-03-01");
    assert!(
        folder.join("night-r7-023005.csv").is_file() && folder.join("night-r7-023005.rejects.csv").is_file()
    );
}

#[test]
fn a_second_output_that_fails_leaves_the_first_as_it_was() {
    let world = World::new(&["report", "changes"]);
    fs::write(world.path("first.csv"), "old").unwrap();
    let outputs = [world.output("first.csv", Shape::Long), world.output("second.csv", Shape::Long)];
    let mut export = world.begin(&outputs).unwrap();
    records().iter().try_for_each(|record| export.write(record)).unwrap();
    fs::create_dir(world.path("second.csv")).unwrap();
    assert!(matches!(export.finish(), Err(ExportError::Place(PlaceError::Folder(_)))));
    assert_eq!(fs::read_to_string(world.path("first.csv")).unwrap(), "old");
    assert_eq!(world.files(), ["first.csv", "second.csv"], "no draft is left");
}

#[test]
fn an_export_that_is_dropped_leaves_nothing() {
    let world = World::new(&["report", "changes"]);
    let mut export = world.begin(&[world.output("x.csv", Shape::Long)]).unwrap();
    records().iter().try_for_each(|record| export.write(record)).unwrap();
    drop(export);
    assert!(world.files().is_empty());
}

#[test]
fn rejects_of_an_earlier_run_do_not_outlive_their_truth() {
    let world = World::new(&["report", "changes"]);
    let output = world.output("x.csv", Shape::Long);
    world.export(std::slice::from_ref(&output), &records()).unwrap();
    assert_eq!(world.files(), ["x.csv", "x.rejects.csv"]);
    world.export(&[output], &records()[..2]).unwrap();
    assert_eq!(world.files(), ["x.csv"]);
}

#[test]
fn rejects_alone_are_the_rejects_of_an_export() {
    let world = World::new(&["report", "changes"]);
    let output = world.output("x.json", Shape::Long);
    let mut rejects = Rejects::begin(
        std::slice::from_ref(&output),
        &paths(std::slice::from_ref(&output)),
        &world.protected,
    )
    .unwrap();
    for record in &records() {
        if let Err(bad) = &record.subject {
            rejects.push(record.line, &bad.input, &bad.reason).unwrap();
        }
    }
    assert_eq!(rejects.finish().unwrap().map(|written| written.rows), Some(1));
    let alone = fs::read(world.path("x.rejects.csv")).unwrap();
    world.export(&[output], &records()).unwrap();
    assert_eq!(fs::read(world.path("x.rejects.csv")).unwrap(), alone);
}

/// Every field of every format and shape, under both ways of hiding, with the row's own number in every form: no digit of
/// it comes through, nor does anybody else's number.
#[test]
fn the_same_records_make_the_same_bytes() {
    let bytes = || {
        let world = World::new(&["report", "changes"]);
        let outputs = ["a.csv", "b.json", "c.jsonl"].map(|name| world.output(name, Shape::Wide));
        let written = world.export(&outputs, &records()).unwrap();
        written.iter().map(|written| fs::read(&written.path).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(bytes(), bytes());
}

#[test]
fn preflight_finds_what_cannot_be_written() {
    let mut world = World::new(&["report", "changes"]);
    fs::create_dir(world.path("folder.csv")).unwrap();
    fs::write(world.path("input.csv"), "orgnr").unwrap();
    world.protected.add(&world.path("input.csv"), "the input");
    world.protected.add_ledger(&world.path("not-there.db"));
    let named = |name: &str| world.output(name, Shape::Long);
    let chosen = |shape, columns| Output { columns: Some(columns), ..world.output("x.csv", shape) };
    let cases: [(&str, bool, Vec<Output>); 11] = [
        ("is a folder", false, vec![named("folder.csv")]),
        ("two files", false, vec![named("x.csv"), named("sub/../x.csv")]),
        ("two files", false, vec![named("{job}.csv"), named("night.csv")]),
        ("two files", false, vec![named("x.csv"), named("x.rejects.csv")]),
        ("but it is the input", false, vec![named("input.csv")]),
        ("but it is the ledger", false, vec![named("not-there.db-wal")]),
        ("cannot create the folder", false, vec![named("input.csv/x.csv")]),
        ("would be called `outcome`", true, vec![chosen(Shape::Long, vec![column("outcome", "/a", None)])]),
        ("none of that id", true, vec![chosen(Shape::Long, vec![column("a", "/a", Some("other"))])]),
        ("needs `lookup", true, vec![chosen(Shape::Wide, vec![column("a", "/a", None)])]),
        ("not an ordinary file", false, vec![Output { path: "/dev/null".into(), ..named("x.csv") }]),
    ];
    for (message, jobs_fault, outputs) in cases {
        let error = preflight(&outputs, &world.setting(&paths(&outputs))).unwrap_err();
        assert!(error.to_string().contains(message), "{message}: {error}");
        assert_eq!(error.is_jobs_fault(), jobs_fault, "{error}");
        let planned = would_fit(&outputs, &world.setting(&paths(&outputs))).unwrap_err().to_string();
        assert_eq!(planned.split(": ").next(), error.to_string().split(": ").next(), "a plan says the same");
    }
    let both = [named("new/x.csv"), named("x.csv")];
    assert!(would_fit(&both, &world.setting(&paths(&both))).is_ok());
    assert!(!world.path("new").exists(), "a plan makes no folder");
    assert!(preflight(&both, &world.setting(&paths(&both))).is_ok());
    assert!(fs::read_dir(world.path("new")).unwrap().next().is_none(), "asking leaves no file");
    world.carry = vec!["unheard".to_owned()];
    let one = [world.output("x.csv", Shape::Long)];
    let error = preflight(&one, &world.setting(&paths(&one))).unwrap_err();
    assert!(matches!(error, ExportError::NoCarry(_)) && error.is_jobs_fault());
}

#[test]
fn too_many_leaves_say_what_to_do() {
    let world = World::new(&["report", "changes"]);
    let mut export = world.begin(&[world.output("x.csv", Shape::Long)]).unwrap();
    let members: Vec<_> = (0..=MOST_LEAVES).map(|at| format!("\"k{at}\":{at}")).collect();
    let lookup = answered(Outcome::Hit, &format!("{{{}}}", members.join(",")));
    let error = export.discover(&record(2, Ok(company()), "", vec![lookup])).unwrap_err().to_string();
    assert!(error.contains("5000") && error.contains("`columns`"), "{error}");
}

#[test]
fn numbers_keep_every_digit() {
    let world = World::new(&["report"]);
    let same = ["1.0", "-0", "1.50e+10", "123456789012345678901234567890", "0.1000", "-1e-7"].map(|n| (n, n));
    for (received, shown) in same.into_iter().chain([("1E5", "1e+5")]) {
        let columns = Some(vec![column("n", "/n", None)]);
        let lookup = answered(Outcome::Hit, &format!("{{\"n\":{received}}}"));
        let records = [record(2, Ok(company()), "", vec![lookup])];
        let output = |name| Output { columns: columns.clone(), ..world.output(name, Shape::Wide) };
        let json = world.text(&output("x.jsonl"), &records);
        assert!(
            json.contains(&format!("\"n\":{shown},\"report\":{{\"report\":{{\"n\":{shown}}}}}")),
            "{json}"
        );
        assert!(world.text(&output("x.csv"), &records).ends_with(&format!(",{shown}\n")));
    }
}

/// Texts that lean towards what breaks tables.
fn nasty() -> impl Strategy<Value = String> {
    prop_oneof!["[=+\\-@\t\r\n;,\"' 0-9.a]{0,6}", "-?[0-9]{1,4}([.,][0-9]{1,2})?", ".{0,8}"]
}

fn plain_number(cell: &str, mark: char) -> bool {
    let form = if mark == ',' { r"^-?\d+([.,]\d+)?$" } else { r"^-?\d+(\.\d+)?$" };
    regex_lite::Regex::new(form).unwrap().is_match(cell)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Through the csv crate and back, every text is itself but for apostrophes; and no cell, header or not, can be run by a
    /// spreadsheet.
    #[test]
    fn cells_round_trip_and_none_is_a_formula(
        note in nasty(), text in nasty(), value in nasty(), name in nasty(), input in nasty(), excel: bool,
    ) {
        let world = World::new(&["report"]);
        let (mark, delimiter) = if excel { (',', b';') } else { ('.', b',') };
        let mut lookup = answered(Outcome::Hit, &serde_json::json!({ "v": value }).to_string());
        lookup.text = Some(text.clone());
        let columns = Some(vec![column(&format!("{name}_"), "/v", None)]);
        let output = Output { excel, columns, ..world.output("x.csv", Shape::Long) };
        let bad = Err(BadRow { input: input.clone(), reason: "r".to_owned(), damaged: false });
        let records = [record(2, Ok(company()), &note, vec![lookup]), record(3, bad, "", Vec::new())];
        let cells = |text: &str| -> Vec<Vec<String>> {
            let mut reader =
                ReaderBuilder::new().delimiter(delimiter).has_headers(false).from_reader(text.as_bytes());
            reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
        };
        let rows = cells(&world.text(&output, &records));
        let rejects = cells(&fs::read_to_string(world.path("x.rejects.csv")).unwrap());
        // A text that Excel would make something else of, as a formula that is nothing but this text.
        let kept = |cell: &str| excel && cell.strip_prefix("=\"").and_then(|cell| cell.strip_suffix('"')).is_some_and(|text| !text.contains('"'));
        for cell in rows.iter().chain(&rejects).flatten() {
            let begins = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
            prop_assert!(!begins || plain_number(cell, mark) || kept(cell), "{:?}", cell);
        }
        let pairs = [(&rows[1][3], &note), (&rows[1][8], &text), (&rows[1][15], &value), (&rejects[1][1], &input)];
        for (cell, original) in pairs {
            let same = cell.replace('\'', "") == original.replace('\'', "");
            prop_assert!(same || kept(cell) && *cell == format!("=\"{original}\""), "{:?} {:?}", cell, original);
        }
        prop_assert_eq!(rows.len(), 2);
    }
}
