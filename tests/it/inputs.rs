//! Files as people have them: each in `tests/inputs`, and here what it means. A row is its line, the number, and the carried
//! cells behind a bar; a bad row is its line and what its reason says; a file that is refused is what is said of it.

use crate::world::{CSV, REPORT, World};
use jiff::civil::date;
use orgpull::domain::invoice::ColumnNames;
use orgpull::domain::number::{Accept, AcceptKind};
use orgpull::job::input::{Columns, Reader};
use orgpull::job::{Carry, Input, MaxBad, Origin};
use orgpull::statement::Statement;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A file, its column of numbers, and what it means.
type Meaning = (&'static str, Option<&'static str>, &'static [&'static str]);

const QUOTES: &[Meaning] = &[
    (
        "quote-stray.csv",
        Some("orgnr"),
        &[
            "2 bad: the quote opened on line 2 takes in line 3, which is a row of its own",
            "3 556514-4408 | Foo",
            "4 556956-5855 | Annas \"Café\"",
        ],
    ),
    (
        "quote-stray-closed-later.csv",
        Some("orgnr"),
        &[
            "2 bad: the quote opened on line 2 takes in line 3",
            "3 556514-4408 | Foo",
            "4 556956-5855 | Bar\"",
        ],
    ),
    (
        "quote-stray-twice.csv",
        Some("orgnr"),
        &["2 bad: the quote opened on line 2", "3 bad: the quote opened on line 3", "4 556956-5855 | Öl"],
    ),
    (
        "quote-stray-before-quoted.csv",
        Some("orgnr"),
        &["2 bad: the quote opened on line 2", "3 556514-4408 | Annas Kafé", "4 556956-5855 | Öl"],
    ),
    (
        "quote-stray-before-the-number.csv",
        Some("orgnr"),
        &["2 bad: the quote opened on line 2", "3 556514-4408 | Foo", "4 556956-5855 | Bar\""],
    ),
    (
        "quote-stray-in-the-number.csv",
        Some("orgnr"),
        &["2 bad: line 2", "3 556514-4408 | Foo", "4 556956-5855 | Bar"],
    ),
    ("quote-stray-in-one-column.csv", None, &["2 bad: line 2", "3 556514-4408 |", "4 556956-5855 |"]),
    (
        "quote-stray-on-the-last-line.csv",
        Some("orgnr"),
        &["2 556514-4408 | Foo", "3 bad: the quote opened on line 3 is never closed"],
    ),
    ("quote-stray-in-a-tsv.tsv", Some("orgnr"), &["2 bad: line 2", "3 556514-4408 | Foo"]),
    (
        "quote-stray-after-a-cell-of-two-lines.csv",
        Some("orgnr"),
        &["2 bad: the quote opened on line 3", "4 556514-4408 | Foo | Ystad"],
    ),
    (
        "quote-with-text-behind.csv",
        Some("orgnr"),
        &["2 bad: is closed by something other than a separator or the end of a line", "3 556514-4408 | Foo"],
    ),
    (
        "quote-after-backslash.csv",
        Some("orgnr"),
        &["2 bad: not after a backslash", "3 bad: not after a backslash", "4 556956-5855 | C:\\"],
    ),
    (
        "quote-within-a-cell.csv",
        Some("orgnr"),
        &[
            "2 556012-5790 | Nisses \"Bar\" AB",
            "3 556514-4408 | Nisses \"Bar\" AB",
            "4 556956-5855 | 15\" skärm",
        ],
    ),
    (
        "quote-never-closed-in-the-header.csv",
        Some("orgnr"),
        &["refused: line 1, where the names of the columns belong"],
    ),
    (
        "cell-of-three-lines.csv",
        Some("orgnr"),
        &["2 556012-5790 | Box 1⏎⏎111 22 Lund, Sverige | Lund", "5 556514-4408 | | Ystad"],
    ),
    (
        "cell-of-two-lines-before-the-number.csv",
        Some("orgnr"),
        &["2 556012-5790 | Box 1⏎Lund", "4 556514-4408 | Box 2; Ystad"],
    ),
    ("cut-in-a-quote.csv", Some("orgnr"), &["refused: begins on line 3: the file was cut short"]),
];

const SHAPES: &[Meaning] = &[
    (
        "cells-missing-at-the-end.csv",
        Some("orgnr"),
        &["2 556012-5790 | Foo | |", "3 556514-4408 | Bar | Lund | K2", "4 556956-5855 | | |"],
    ),
    (
        "cells-surplus.csv",
        Some("orgnr"),
        &["2 556012-5790 | Foo", "3 556514-4408 | Bar", "4 bad: 3 cells, where the header has 2"],
    ),
    (
        "cells-of-another-separator.csv",
        Some("orgnr"),
        &["2 bad: 1 cell, where the header has 2: are its cells separated otherwise?", "3 556514-4408 | Bar"],
    ),
    ("lines-of-separators.csv", Some("orgnr"), &["4 556012-5790 | Foo", "7 556514-4408 | Bar"]),
    ("sep-semicolon.csv", Some("orgnr"), &["3 556012-5790 | Foo, Bar"]),
    ("sep-comma-over-semicolons.csv", Some("orgnr"), &["4 556012-5790 | Foo;Bar;Öl"]),
    ("sep-pipe.csv", Some("orgnr"), &["3 556012-5790 | Foo; Bar, Öl"]),
    ("sep-tab.csv", Some("orgnr"), &["3 556012-5790 | Foo"]),
    ("separator-by-the-column.csv", Some("orgnr"), &["2 556012-5790 | 1,5", "3 556514-4408 | 2"]),
    ("separator-by-the-carried-column.csv", Some("orgnr"), &["2 556012-5790 | Foo | Lund"]),
    ("separator-none.csv", Some("Org.nr, tio siffror"), &["2 556012-5790 |", "3 556514-4408 |"]),
    ("separator-of-commas-in-a-tsv.tsv", Some("orgnr"), &["2 556012-5790 | Foo"]),
    ("header-of-two-lines.csv", Some("Org nr"), &["3 556012-5790 | Foo"]),
    ("header-with-blanks-of-all-kinds.csv", Some("Org nr"), &["2 556012-5790 | Foo"]),
    ("header-decomposed.csv", Some("Företagsnr åäö"), &["2 556012-5790 | Foo"]),
    ("header-twice-as-it-reads.csv", Some("orgnr"), &["refused: the column `orgnr` is there twice"]),
    ("text-as-a-formula.csv", Some("orgnr"), &["2 556012-5790 | 01110", "3 556514-4408 | Foo \"Bar\""]),
    ("tabs.txt", None, &["refused: let its name end in .tsv"]),
    ("semicolons.txt", None, &["refused: let its name end in .csv"]),
    ("thousands.txt", None, &["1 bad: in thousands", "2 556012-5790 |"]),
    (
        "numbers-of-persons.csv",
        Some("nr"),
        &[
            "2 20170101-2393 | Skatteverkets testperson",
            "3 19701063-2391 | samordningsnummer",
            "4 19700063-2393 | utan månad",
            "5 19701060-2394 | utan dag",
            "6 19700060-2396 | utan båda",
            "7 bad: the check digit is wrong",
            "8 bad: neither an organisation number",
        ],
    ),
];

const LETTERS: &[Meaning] = &[
    ("utf-8-with-mark.csv", Some("orgnr"), &["2 556012-5790 | Åre"]),
    ("utf-16.csv", Some("orgnr"), &["refused: written in UTF-16"]),
    (
        "windows-1252.csv",
        Some("orgnr"),
        &["2 556012-5790 | Åre – ”Café” 5 €", "3 556514-4408 | Nisses’ Škoda"],
    ),
    ("windows-1252-in-one-row.csv", Some("orgnr"), &["2 556012-5790 | Åre", "3 556514-4408 | Åre"]),
    (
        "ms-dos-850.csv",
        Some("orgnr"),
        &["refused: line 3 is neither UTF-8 nor Windows-1252: it seems to come from MS-DOS"],
    ),
    (
        "ms-dos-437.txt.csv",
        Some("orgnr"),
        &["refused: line 2 is neither UTF-8 nor Windows-1252: it seems to come from MS-DOS"],
    ),
    ("ms-dos-850.jsonl", Some("orgnr"), &["refused: line 1 is neither UTF-8 nor Windows-1252"]),
    (
        "mac-roman.csv",
        Some("orgnr"),
        &["refused: line 2 is neither UTF-8 nor Windows-1252: it seems to come from an old Mac"],
    ),
    ("mac-roman-one-letter.csv", Some("orgnr"), &["refused: line 2 is neither UTF-8 nor Windows-1252"]),
    (
        "utf-8-cut-to-pieces.csv",
        Some("orgnr"),
        &["refused: line 2 is neither UTF-8 nor Windows-1252: it is UTF-8 in places"],
    ),
];

const OBJECTS: &[Meaning] = &[
    (
        "keys-that-come-later.jsonl",
        Some("orgnr"),
        &["1 556012-5790 | |", "2 556514-4408 | Foo |", "3 556956-5855 | | Lund"],
    ),
    (
        "first-object-without-the-key.jsonl",
        Some("orgnr"),
        &["1 bad: the object has no key `orgnr`", "2 556012-5790 | Bar"],
    ),
    ("no-object-with-the-key.jsonl", Some("orgnr"), &["refused: no column `orgnr` (did you mean `org_nr`?)"]),
    ("key-with-a-hard-blank.jsonl", Some("org nr"), &["1 556012-5790 | Foo", "2 556514-4408 | Bar"]),
];

/// Statements: a line is its number, day, reference, service and amount.
const STATEMENTS: &[(&str, &[&str])] = &[
    ("statement-missing-last.csv", &["2 2026-03-01 op1 getdata 3.20", "3 2026-03-02 op2 getdata 3.20"]),
    ("statement-sep.csv", &["3 2026-03-01 op1 getdata 3.20"]),
    ("statement-separator-by-columns.csv", &["2 2026-03-01 op1 getdata, bas, år 3.20"]),
    ("statement-stray-quote.csv", &["refused: line 2: the quote opened on line 2"]),
    ("statement-swallowed-line.csv", &["refused: line 2: the quote opened on line 2 takes in line 3"]),
    ("statement-surplus.csv", &["refused: line 2: 5 cells, where the header has 4"]),
    ("statement-ms-dos.csv", &["refused: line 1 is neither UTF-8 nor Windows-1252"]),
    ("statement-text-as-a-formula.csv", &["2 2026-03-01 op1 getdata 3.20"]),
];

/// Those whose rows are many.
const LONG: [&str; 2] = ["quote-stray-far-from-any-other.csv", "cell-of-many-lines.csv"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs")
}

fn input(file: &str, column: Option<&str>) -> Input {
    let kind = if file.starts_with("numbers-of") { AcceptKind::Person } else { AcceptKind::Organisation };
    Input {
        origin: Origin::Path(folder().join(file)),
        column: column.map(str::to_owned),
        accept: Accept { kind, sole_traders: true, assume_under_100: false },
        carry: Carry::All,
        min_rows: 1,
        max_bad: MaxBad::Percent(50.0),
    }
}

/// What a file means: its rows, or why it is refused.
fn read(file: &str, column: Option<&str>) -> Vec<String> {
    let shown = |text: &str| text.replace("\r\n", "\n").replace('\n', "⏎");
    let mut reader = match Reader::open(&input(file, column), Columns::All(&[]), date(2026, 11, 20)) {
        Ok(reader) => reader,
        Err(error) => return vec![format!("refused: {error}")],
    };
    let mut rows = Vec::new();
    for row in reader.by_ref() {
        match row {
            Ok(row) => rows.push((row.line, row.subject.map(|subject| (subject.full(), row.columns)))),
            Err(error) => return vec![format!("refused: {error}")],
        }
    }
    let width = reader.columns().len();
    let row = |(line, read): (u64, Result<(String, Vec<String>), String>)| match read {
        Err(reason) => format!("{line} bad: {reason}"),
        Ok((number, mut cells)) => {
            cells.resize(width, String::new());
            format!(
                "{line} {number} | {}",
                cells.iter().map(|cell| shown(cell)).collect::<Vec<_>>().join(" | ")
            )
        }
    };
    rows.into_iter().map(row).collect()
}

/// Whether a row reads as it should: good ones word by word, of others what is expected stands in what is said.
fn is(read: &str, expected: &str) -> bool {
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    match expected.split_once(": ") {
        Some((head, part)) if head.ends_with("bad") || head == "refused" => {
            read.starts_with(&format!("{head}: ")) && read.contains(part)
        }
        _ => squeezed(read) == squeezed(expected),
    }
}

#[test]
fn files_as_people_have_them_mean_what_they_say() {
    let mut wrong = Vec::new();
    for (file, column, expected) in [QUOTES, SHAPES, LETTERS, OBJECTS].concat() {
        let read = read(file, column);
        if read.len() != expected.len()
            || !read.iter().zip(expected).all(|(read, expected)| is(read, expected))
        {
            wrong.push(format!("{file}: {read:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_quote_takes_in_few_lines_at_most() {
    let far = read(LONG[0], Some("orgnr"));
    assert_eq!(far.len(), 31);
    assert!(far[0].starts_with("2 bad: the quote opened on line 2"), "{}", far[0]);
    assert!((3..33).zip(&far[1..]).all(|(line, row)| *row == format!("{line} 556514-4408 | Foo")), "{far:?}");
    let many = read(LONG[1], Some("orgnr"));
    assert!(
        many[0].starts_with("2 bad: the quote opened on line 2 is not closed within 8 lines"),
        "{}",
        many[0]
    );
    assert_eq!(many.last().unwrap(), "43 556514-4408 | Foo");
}

#[test]
fn statements_as_people_have_them_mean_what_they_say() {
    for (file, expected) in STATEMENTS {
        let lines = Statement::open(&folder().join(file), &ColumnNames::default())
            .and_then(|mut statement| statement.page(100))
            .map_or_else(
                |error| vec![format!("refused: {error}")],
                |lines| {
                    let told = lines.iter().map(|line| {
                        let reference = line.reference.as_deref().unwrap_or("-");
                        format!("{} {} {reference} {} {}", line.line, line.day, line.service, line.amount)
                    });
                    told.collect::<Vec<_>>()
                },
            );
        assert_eq!(lines.len(), expected.len(), "{file}: {lines:?}");
        for (line, expected) in lines.iter().zip(*expected) {
            assert!(is(line, expected), "{file}: {line}\n{expected}");
        }
    }
}

#[test]
fn every_file_of_the_corpus_has_its_meaning() {
    let named = [QUOTES, SHAPES, LETTERS, OBJECTS].concat().into_iter().map(|(file, ..)| file);
    let named: BTreeSet<_> =
        named.chain(STATEMENTS.iter().map(|(file, _)| *file)).chain(LONG).map(str::to_owned).collect();
    let there = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(there.collect::<BTreeSet<_>>(), named);
}

/// What the whole program does with such a file: the good rows are bought, the bad ones stand beside the output, and what is
/// refused costs nothing.
#[test]
fn good_rows_are_bought_and_bad_ones_told() {
    for (file, rows, bad) in
        [("quote-stray.csv", 3, 1), ("lines-of-separators.csv", 2, 0), ("keys-that-come-later.jsonl", 3, 0)]
    {
        let world = World::new("");
        fs::copy(folder().join(file), world.path(file)).unwrap();
        world.job(
            "job",
            &[&format!("[input]\npath = '{file}'\ncolumn = 'orgnr'\ncarry = '*'\n"), REPORT, CSV],
        );
        let ran = world.run(&[]).exits(0);
        assert_eq!((ran.number("rows"), ran.number("bad_rows")), (rows, bad), "{file}");
        assert_eq!(world.rows("out.csv").len() as u64, rows - bad, "{file}");
        assert_eq!(world.path("out.rejects.csv").exists(), bad > 0, "{file}");
        let header = world.read("out.csv").lines().next().unwrap().to_owned();
        let carried =
            if file.ends_with("jsonl") { "line,subject,namn,ort,lookup" } else { "line,subject,namn,lookup" };
        assert!(header.starts_with(carried), "{file}: {header}");
    }
    for file in
        ["ms-dos-850.csv", "tabs.txt", "quote-never-closed-in-the-header.csv", "no-object-with-the-key.jsonl"]
    {
        let world = World::new("");
        fs::copy(folder().join(file), world.path(file)).unwrap();
        let column = if file.ends_with("txt") { "" } else { "column = 'orgnr'\n" };
        world.job("job", &[&format!("[input]\npath = '{file}'\n{column}"), REPORT, CSV]);
        for command in ["plan", "run"] {
            world.orgpull(&[command, "job.toml"]).exits(3).says(file);
        }
        assert_eq!((world.stats().arrivals, world.stats().logins), (0, 0), "{file}");
    }
}
