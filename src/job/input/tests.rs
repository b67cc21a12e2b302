use super::*;
use crate::domain::number::AcceptKind;
use crate::job::{Carry, MaxBad};
use encoding_rs::WINDOWS_1252;
use jiff::civil::date;
use proptest::prelude::*;
use std::io::Write;
use std::path::PathBuf;

const TODAY: Date = date(2026, 11, 20);

fn input(origin: Origin, column: Option<&str>) -> Input {
    Input {
        origin,
        column: column.map(str::to_owned),
        accept: Accept { kind: AcceptKind::Organisation, sole_traders: true, assume_under_100: false },
        carry: Carry::All,
        min_rows: 1,
        max_bad: MaxBad::Percent(50.0),
    }
}

/// A file of that name and content; it goes with the folder.
fn file(name: &str, content: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    (folder, path)
}

/// One row for comparing: line, the number shown or the reason, columns.
type Seen = (u64, Result<String, String>, Vec<String>);

fn read(
    name: &str,
    content: impl AsRef<[u8]>,
    column: Option<&str>,
    keep: Columns<'_>,
) -> Result<Vec<Seen>, InputError> {
    let (_folder, path) = file(name, content);
    Reader::open(&input(Origin::Path(path), column), keep, TODAY)?
        .map(|row| row.map(|row| (row.line, row.subject.map(|subject| subject.full()), row.columns)))
        .collect()
}

fn read_all(name: &str, content: impl AsRef<[u8]>, column: Option<&str>) -> Vec<Seen> {
    read(name, content, column, Columns::All(&[])).unwrap()
}

fn error(name: &str, content: impl AsRef<[u8]>, column: Option<&str>) -> InputError {
    read(name, content, column, Columns::All(&[])).unwrap_err()
}

fn good(line: u64, number: &str, columns: &[&str]) -> Seen {
    (line, Ok(number.to_owned()), columns.iter().map(|text| (*text).to_owned()).collect())
}

const A: &str = "556012-5790";
const B: &str = "556514-4408";

#[test]
fn tables_with_every_separator_line_end_and_encoding() {
    let plain = "orgnr,namn\n5560125790,Åre\n556514-4408,\"Öl, vin\"\n";
    let semicolon = "orgnr;namn\r\n5560125790;Åre\r\n556514-4408;\"Öl, vin\"\r\n";
    let windows = WINDOWS_1252.encode(semicolon).0.into_owned();
    for (name, content) in [
        ("a.csv", plain.as_bytes().to_vec()),
        ("a.CSV", plain.replace('\n', "\r\n").into_bytes()),
        ("a.csv", format!("\u{feff}{plain}").into_bytes()),
        ("a.csv", format!("\u{feff}{}", plain.replace("orgnr", "\"orgnr\"")).into_bytes()),
        ("a.csv", plain.trim_end().as_bytes().to_vec()),
        ("a.csv", semicolon.into()),
        ("a.csv", windows),
        ("a.tsv", plain.replace("\"Öl, vin\"", "Öl. vin").replace(',', "\t").replace('.', ",").into_bytes()),
        ("a.csv", semicolon.replace(';', "\t").into_bytes()),
        ("a", plain.into()),
        ("a.dat", semicolon.into()),
    ] {
        let seen = read_all(name, &content, Some("orgnr"));
        assert_eq!(
            seen,
            [good(2, A, &["Åre"]), good(3, B, &["Öl, vin"])],
            "{}",
            String::from_utf8_lossy(&content)
        );
    }
}

#[test]
fn encodings_are_told_apart_record_by_record() {
    let mut content = "orgnr;namn\n5560125790;Åre\n".as_bytes().to_vec();
    content.extend_from_slice(b"5565144408;\xc5re\n");
    assert_eq!(read_all("a.csv", content, Some("orgnr")), [good(2, A, &["Åre"]), good(3, B, &["Åre"])]);
}

#[test]
fn lines_are_the_physical_ones() {
    for end in ["\n", "\r\n"] {
        let content =
            ["", "orgnr,namn", "", "5560125790,\"two", "", "lines\"", "  ", "", "5565144408,x", ""].join(end);
        let seen = read_all("a.csv", content, Some("orgnr"));
        assert_eq!(seen, [good(4, A, &[&format!("two{end}{end}lines")]), good(9, B, &["x"])], "{end:?}");
        let seen = read_all("a.txt", ["", "5560125790", " ", "\t5565144408", "", ""].join(end), None);
        assert_eq!(seen, [good(2, A, &[]), good(4, B, &[])], "{end:?}");
        let content = ["", "{\"n\":\"5560125790\"}", "", "{\"n\":\"5565144408\"}"].join(end);
        assert_eq!(read_all("a.jsonl", content, Some("n")), [good(2, A, &[]), good(4, B, &[])], "{end:?}");
    }
}

#[test]
fn a_row_that_does_not_fit_is_a_bad_row() {
    let content =
        "a,orgnr,b\n1,5560125790,2\n1,5560125790\n1,5560125790,2,3\n1\n,,\n1,5560125790,\"2\n1\",x\n1,nix,\n";
    let seen = read_all("a.csv", content, Some("orgnr"));
    let reasons: Vec<(u64, String)> =
        seen.into_iter().filter_map(|(line, read, _)| read.err().map(|reason| (line, reason))).collect();
    let expected = [
        (4, "4 cells, where the header has 3"),
        (5, "empty: there is no number"),
        (7, "4 cells, where the header has 3; it runs on to line 8: is a quote left open?"),
        (9, "not a number: something other than digits stands in it"),
    ];
    assert_eq!(reasons, expected.map(|(line, reason)| (line, reason.to_owned())));
}

#[test]
fn a_bad_row_shows_its_cell_as_it_stood() {
    let (_folder, path) = file("a.csv", "orgnr;b\n 5560125791 ;x\n");
    let mut reader =
        Reader::open(&input(Origin::Path(path), Some("orgnr")), Columns::All(&[]), TODAY).unwrap();
    let row = reader.next().unwrap().unwrap();
    assert_eq!((row.input.as_str(), row.columns), (" 5560125791 ", vec!["x".to_owned()]));
    assert!(row.subject.unwrap_err().contains("check digit"));
}

#[test]
fn kept_columns_come_in_the_order_asked_for() {
    let names = ["c".to_owned(), "a".to_owned(), "orgnr".to_owned()];
    let content = "a,orgnr,b,c,\n1,5560125790,2,3,\n";
    let seen = read("a.csv", content, Some("orgnr"), Columns::Named(&names)).unwrap();
    assert_eq!(seen, [good(2, A, &["3", "1", "5560125790"])]);
    // A header that ends in a separator has a column without a name, which nobody can ask for.
    assert_eq!(read_all("a.csv", content, Some("orgnr")), [good(2, A, &["1", "2", "3"])]);
}

#[test]
fn one_column_needs_no_name_and_no_separator() {
    let seen = read_all("a.csv", "orgnr\n5560125790\n5,56012579E+09\n\"5565144408\"\n", None);
    assert_eq!(seen[0], good(2, A, &[]));
    assert!(seen[1].1.as_ref().unwrap_err().contains("scientific"));
    assert_eq!(seen[2], good(4, B, &[]));
}

#[test]
fn json_lines_in_every_form() {
    let content = concat!(
        "{\"orgnr\": 5560125790, \"a\": \"x\", \"b\": {\"c\": [1, null]}}\n",
        "{\"orgnr\": \"556514-4408\", \"b\": 1.50, \"a\": null, \"more\": 1}\n",
        "{\"orgnr\": 5.56012579E9}\n",
        "{\"orgnr\": null, \"a\": true}\n",
        "{\"orgnr\": [1]}\n",
        "{\"a\": 1}\n",
        "[1]\n",
        "{\"orgnr\": \n",
        "{\"orgnr\": \"5560125790\", \"a\": \"Åre\"}",
    );
    for name in ["a.jsonl", "a.ndjson", "a.json", "a"] {
        let seen = read_all(name, content, Some("orgnr"));
        assert_eq!(seen[0], good(1, A, &["x", "{\"c\":[1,null]}"]), "{name}");
        assert_eq!(
            seen[1],
            good(2, B, &["", "1.50", "1"]),
            "a key that only later objects have comes at the end"
        );
        let reasons = [
            "scientific",
            "empty",
            "neither a text",
            "no key `orgnr`",
            "not a JSON object",
            "not a JSON object",
        ];
        for ((_, read, _), part) in seen[2..8].iter().zip(reasons) {
            assert!(read.as_ref().unwrap_err().contains(part), "{part}: {read:?}");
        }
        assert_eq!(seen[3].2, ["true", "", ""]);
        assert_eq!(seen[8], good(9, A, &["Åre", "", ""]));
    }
    let names = ["later".to_owned()];
    let content = "{\"n\":\"5560125790\"}\n{\"n\":\"5565144408\",\"later\":7}\n";
    let seen = read("a.jsonl", content, None, Columns::Named(&names)).unwrap();
    assert_eq!(seen, [good(1, A, &[""]), good(2, B, &["7"])]);
    let windows = WINDOWS_1252.encode("{\"n\":\"5560125790\",\"a\":\"Åre\"}\n").0.into_owned();
    assert_eq!(read_all("a.jsonl", windows, Some("n")), [good(1, A, &["Åre"])]);
}

#[test]
fn inline_numbers_count_from_one() {
    let numbers = Origin::Numbers(vec!["5560125790".to_owned(), "x".to_owned()]);
    let mut reader = Reader::open(&input(numbers.clone(), None), Columns::All(&[]), TODAY).unwrap();
    let rows: Vec<Row> = reader.by_ref().map(Result::unwrap).collect();
    assert_eq!((rows[0].line, rows[1].line, rows[1].input.as_str()), (1, 2, "x"));
    assert!(rows[0].subject.is_ok() && rows[1].subject.is_err());
    assert_eq!(reader.fingerprint(), None);
    let names = ["a".to_owned()];
    let opened = Reader::open(&input(numbers, None), Columns::Named(&names), TODAY);
    assert!(matches!(opened.err(), Some(InputError::NoColumns { .. })));
}

#[test]
fn the_fingerprint_is_of_the_whole_file_and_comes_at_the_end() {
    let content = "\u{feff}orgnr\r\n\r\n5560125790\r\n\r\n";
    let (_folder, path) = file("a.csv", content);
    let mut reader = Reader::open(&input(Origin::Path(path), None), Columns::All(&[]), TODAY).unwrap();
    assert_eq!(reader.fingerprint(), None);
    assert_eq!(reader.by_ref().count(), 1);
    let fingerprint = reader.fingerprint().unwrap();
    assert_eq!(fingerprint.bytes, content.len() as u64);
    // printf '\xef\xbb\xbforgnr\r\n\r\n5560125790\r\n\r\n' | sha256sum
    assert_eq!(fingerprint.sha256, "cbc4a65be18cefaf1e7f7dc8b96a53705c5c5efaddb23c3d965ee8f65828ce27");
}

#[test]
fn a_file_that_is_not_ours_is_refused_with_its_remedy() {
    let long = format!("orgnr\n{}\n", "5".repeat(lines::LONGEST));
    let utf16: Vec<u8> = "\u{feff}orgnr\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: &[(&str, &[u8], &str)] = &[
        ("a.csv", b"", "empty"),
        ("a.csv", b"\xef\xbb\xbf", "empty"),
        ("a.txt", b" \n\r\n\t\n", "empty"),
        ("a.jsonl", b"\n", "empty"),
        ("a.xlsx", b"PK\x03\x04....", "CSV UTF-8"),
        ("a.csv", b"PK\x03\x04....", "CSV UTF-8"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "CSV UTF-8"),
        ("a.xlsx", b"anything", "CSV UTF-8"),
        ("a.zip", b"PK\x03\x04....", "unpack"),
        ("a.csv.gz", b"\x1f\x8b\x08\x00", "gunzip"),
        ("a.csv.zst", b"\x28\xb5\x2f\xfd", "unpack"),
        ("a.csv", &utf16, "UTF-16"),
        ("a.csv", &utf16[2..], "UTF-16"),
        ("a.csv", b"orgnr;b\r5560125790;x\r", "old Macs"),
        ("a.csv", long.as_bytes(), "line 2 is longer"),
        ("a.csv", b"orgnr,b\n5560125790,x\n5560125790,\"x", "line 3: the file was cut"),
        ("a.csv", b"orgnr,b\n5565144408,x\n5560125790,\"x\ny", "line 3: the file was cut"),
        (
            "a.csv",
            b"orgnr,\"b\n5560125790,x\n",
            "line 1, where the names of the columns belong: the quote opened on line 1",
        ),
        ("a.csv", b"orgnr,\"b\" c\n5560125790,x\n", "is closed by something other"),
        ("a.csv", b"sep=;\n", "empty"),
        ("a.txt", b"5560125790\tx\n", "let its name end in .tsv"),
        ("a.txt", b"orgnr;namn\n", "let its name end in .csv"),
        ("a.txt", b"orgnr,namn\n", "let its name end in .csv"),
        ("a.jsonl", b"{\"orgnr\":1}\n{\"orgnr\":\"55601", "line 2: the file was cut"),
        ("a.jsonl", b"{\"orgnr\":\"55601", "line 1: the file was cut"),
        ("a.json", b"[\n{\"orgnr\":1}\n]", "one object a line"),
        ("a.jsonl", b"{\n\"orgnr\":1}\n", "one object a line"),
        ("a.csv", b"5560125790,Foo\n5565144408,Bar\n", "first line holds numbers"),
        ("a.csv", b"556012-5791\n", "first line holds numbers"),
        ("a.csv", b"5,56012579E+09\n", "first line holds numbers"),
        ("a.csv", b"orgnr,orgnr\n", "there twice"),
        ("a.txt", b"5560125790\n", "without columns"),
    ];
    for (name, content, part) in cases {
        let message = error(name, content, Some("orgnr")).to_string();
        assert!(message.contains(part) && message.contains(name), "{part}: {message}");
        assert!(!message.contains("55601"), "{message}");
    }
}

#[test]
fn a_column_that_is_not_there_is_told_with_those_that_are() {
    let error_of = |column| error("a.csv", "Org.nr;Namn;kund\n5560125790;x;1\n", column).to_string();
    assert!(
        error_of(Some("orgnr"))
            .ends_with("no column `orgnr` (did you mean `Org.nr`?); there are `Org.nr`, `Namn`, `kund`")
    );
    assert!(error_of(Some("telefon")).ends_with("no column `telefon`; there are `Org.nr`, `Namn`, `kund`"));
    assert!(error_of(None).contains("which column") && error_of(None).contains("`kund`"));
    let names = ["kunt".to_owned()];
    let missing = read("a.csv", "orgnr,kund\n", Some("orgnr"), Columns::Named(&names)).unwrap_err();
    assert!(missing.to_string().contains("did you mean `kund`"));
    let missing = error("a.jsonl", "{\"orgnr\":1,\"b\":2}\n", Some("orgnt"));
    assert!(missing.to_string().contains("did you mean `orgnr`"));
    assert!(matches!(error("a.jsonl", "{\"a\":1,\"b\":2}\n", None), InputError::WhichColumn { .. }));
}

#[test]
fn what_cannot_be_opened_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let open = |path: PathBuf| {
        Reader::open(&input(Origin::Path(path), None), Columns::All(&[]), TODAY).err().unwrap()
    };
    assert!(matches!(open(folder.path().join("none.csv")), InputError::NotFound { .. }));
    assert!(matches!(open(folder.path().to_owned()), InputError::Directory { .. }));
    let (_folder, path) = file("a.csv", "x");
    assert!(matches!(open(path.join("b.csv")), InputError::Unreadable { .. }));
}

/// Gives its bytes in small pieces, as a pipe may, and then what is told.
struct Pipe(Vec<u8>, usize, Option<std::io::ErrorKind>);

impl std::io::Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.len().min(self.1).min(buffer.len());
        if count == 0
            && let Some(kind) = self.2
        {
            return Err(kind.into());
        }
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0.drain(..count);
        Ok(count)
    }
}

fn piped(pipe: Pipe, column: Option<&str>) -> Result<Vec<Seen>, InputError> {
    let source = Source::new("standard input".to_owned(), "", Box::new(pipe))?;
    let (body, columns) = open_body(source, None, column, Columns::All(&[]))?;
    let accept = input(Origin::Stdin, column).accept;
    let reader = Reader { body, columns, accept, today: TODAY, state: Progress::Reading };
    reader
        .map(|row| row.map(|row| (row.line, row.subject.map(|subject| subject.full()), row.columns)))
        .collect()
}

#[test]
fn a_pipe_is_told_by_its_first_line() {
    for (content, column, columns) in [
        ("5560125790\n", None, &[][..]),
        ("\n5560125790", None, &[]),
        ("orgnr\n5560125790\n", Some("orgnr"), &[]),
        ("orgnr\tb\n5560125790\tx\n", Some("orgnr"), &["x"]),
        ("\n {\"orgnr\":5560125790,\"b\":\"x\"}\n", Some("orgnr"), &["x"]),
        ("{\"orgnr\":5560125790}\n", None, &[]),
    ] {
        for piece in [1, 3, 1000] {
            let seen = piped(Pipe(content.as_bytes().to_vec(), piece, None), column).unwrap();
            assert_eq!(seen.len(), 1, "{content:?}");
            assert_eq!(seen[0].1, Ok(A.to_owned()), "{content:?}");
            assert_eq!(seen[0].2, columns, "{content:?}");
        }
    }
    let unnamed = piped(Pipe(b"orgnr,b\n5560125790,x\n".to_vec(), 5, None), None).unwrap_err();
    assert!(unnamed.to_string().starts_with("standard input: which column"), "{unnamed}");
}

#[test]
fn an_error_midway_ends_the_reading() {
    let pipe = Pipe(b"orgnr\n5560125790\n".to_vec(), 4, Some(std::io::ErrorKind::ConnectionReset));
    assert!(matches!(piped(pipe, Some("orgnr")), Err(InputError::Unreadable { .. })));
    let (_folder, path) = file("a.csv", "orgnr,b\n5560125790,\"x");
    let mut reader =
        Reader::open(&input(Origin::Path(path), Some("orgnr")), Columns::All(&[]), TODAY).unwrap();
    assert!(matches!(reader.next(), Some(Err(InputError::Truncated { line: 2, .. }))));
    assert!(reader.next().is_none());
    assert_eq!(reader.fingerprint(), None);
}

/// Cells that are hard on a parser, and blank lines between records. None runs over more lines than are borne.
fn records() -> impl Strategy<Value = Vec<(Vec<String>, usize)>> {
    let cell = "[ab;,\t\"å ]{0,4}(\n[ab;,\t\"å ]{0,2}){0,2}";
    prop::collection::vec((prop::collection::vec(cell, 3..=3), 0..3_usize), 0..12)
}

proptest! {
    #[test]
    fn what_was_written_is_read_on_its_line(
        records in records(),
        separator in prop::sample::select(vec![b',', b';', b'\t']),
        crlf in any::<bool>(),
    ) {
        let end: &[u8] = if crlf { b"\r\n" } else { b"\n" };
        let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut content = Vec::new();
        let mut expected = Vec::new();
        let header = vec!["orgnr".to_owned(), "x".to_owned(), "y".to_owned(), "z".to_owned()];
        for (cells, blanks) in std::iter::once((header, 0)).chain(records) {
            let line = content.split(|byte| *byte == b'\n').count() as u64;
            let mut writer = csv::WriterBuilder::new().delimiter(separator).terminator(terminator).from_writer(vec![]);
            if line == 1 {
                writer.write_record(&cells).unwrap();
            } else {
                writer.write_record(std::iter::once("5560125790").chain(cells.iter().map(String::as_str))).unwrap();
                expected.push((line, Ok(A.to_owned()), cells));
            }
            content.write_all(&writer.into_inner().unwrap()).unwrap();
            content.extend(end.repeat(blanks));
        }
        prop_assert_eq!(read_all("a.csv", &content, Some("orgnr")), expected);
    }

    #[test]
    fn any_bytes_are_read_or_refused(content: Vec<u8>, ending in prop::sample::select(vec!["csv", "txt", "jsonl", "x"])) {
        let _ = read(&format!("a.{ending}"), &content, Some("orgnr"), Columns::All(&[]));
        let table = [b"orgnr,b\n", content.as_slice()].concat();
        let _ = read("a.csv", table, Some("orgnr"), Columns::All(&[]));
    }
}

/// Where a quote is put that nobody meant.
fn strays() -> impl Strategy<Value = Vec<Option<&'static str>>> {
    let quotes = ["\"Nisses Bar", "\"Bar\" AB", "Bar\"", "\"Bar \\\"x\\\"", "\"", "a\"b\"c", "\"\"x"];
    prop::collection::vec(prop::option::weighted(0.3, prop::sample::select(quotes.to_vec())), 1..30)
}

proptest! {
    /// Whatever quotes stand in a row, every other row is read, on its own line; and each row is read or told.
    #[test]
    fn a_stray_quote_costs_no_other_row(strays in strays(), first in any::<bool>(), crlf in any::<bool>()) {
        let end = if crlf { "\r\n" } else { "\n" };
        let mut content = format!("{}{end}", if first { "orgnr,namn" } else { "namn,orgnr" });
        for stray in &strays {
            let name = stray.unwrap_or("Bar");
            let row = if first { format!("5560125790,{name}") } else { format!("{name},5560125790") };
            content = format!("{content}{row}{end}");
        }
        let seen = read_all("a.csv", &content, Some("orgnr"));
        let lines: Vec<u64> = seen.iter().map(|(line, ..)| *line).collect();
        prop_assert_eq!(lines, (2..strays.len() as u64 + 2).collect::<Vec<_>>(), "{}", content);
        for ((line, read, _), stray) in seen.iter().zip(&strays) {
            prop_assert!(stray.is_some() || read.is_ok(), "line {}: {:?}\n{}", line, read, content);
        }
    }
}

#[test]
fn memory_stays_flat_where_every_line_opens_a_quote() {
    let line = format!("5560125790,\"{}\n", "x".repeat(2_000));
    let seen = read_all("a.csv", format!("orgnr,namn\n{}", line.repeat(1_000)), Some("orgnr"));
    assert_eq!(seen.len(), 1_000);
    assert!(seen.iter().all(|(_, read, _)| read.is_err()));
}
