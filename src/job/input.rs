//! Reading the input: from a file, a pipe or the job itself to rows of a number and the columns that go with it.
//!
//! Everything streams. A line and a record are bounded, nothing is read twice, and memory does not grow with the
//! number of rows, so that a pipe of any length is as good as a file. What is wrong with the file as a whole ends the
//! reading ([`InputError`]); what is wrong with one row is that row's own `Err`, with its physical line.
//!
//! The format follows from the ending: `.csv`, `.tsv`, `.txt`, `.jsonl` (`.ndjson`). Standard input and other endings
//! are told by their first line that is not blank: JSON lines where it begins with `{`; CSV where the job names a
//! column or the line holds a comma, a semicolon or a tab; else text, one number a line.
//!
//! A record that is valid UTF-8 is read as such, any other as Windows-1252, which is what older Swedish programs write.

mod error;
mod json;
mod lines;
mod sheet;
mod source;
mod table;

pub use error::InputError;
pub use sheet::{Sheet, SheetRow};
pub use source::Fingerprint;

use crate::domain::number::{Accept, Subject};
use crate::domain::redact::scrub;
use crate::job::{Input, Origin};
use encoding_rs::WINDOWS_1252;
use jiff::civil::Date;
use json::JsonLines;
use lines::Lines;
use source::Source;
use std::borrow::Cow;
use std::path::Path;
use table::Table;

/// One row of the input.
pub struct Row {
    /// The physical line on which it begins, from 1; for inline numbers the position from 1.
    pub line: u64,
    /// The number as it stood there. Personal data.
    pub input: String,
    /// Whom it is about, or why the row is refused, without a digit of the number.
    pub subject: Result<Subject, String>,
    /// The values of the kept columns, in the order of [`Reader::columns`].
    pub columns: Vec<String>,
}

/// Which columns of the input to keep.
#[derive(Debug, Clone, Copy)]
pub enum Columns<'a> {
    /// These, by name.
    Named(&'a [String]),
    /// Every named one but the number's. In JSON lines the first object says which there are.
    All,
}

/// Reads rows one by one, blocking. After an error it is at its end.
pub struct Reader {
    body: Body,
    columns: Vec<String>,
    accept: Accept,
    today: Date,
    state: Progress,
}

enum Body {
    Table(Box<Table>),
    Json(JsonLines),
    Text(Lines),
    Inline(std::iter::Enumerate<std::vec::IntoIter<String>>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Reading,
    Exhausted,
    Failed,
}

/// A row before its number is read.
struct RawRow {
    line: u64,
    input: String,
    /// Why the row is refused before its number is looked at.
    fault: Option<String>,
    columns: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    /// Separator from the header line.
    Csv,
    Tsv,
    Text,
    Json,
}

impl Reader {
    /// Opens the input and reads its header, or its first line. `today` is what births are judged by.
    pub fn open(input: &Input, keep: Columns<'_>, today: Date) -> Result<Self, InputError> {
        let (body, columns) = match &input.origin {
            Origin::Numbers(numbers) => {
                no_columns("the job's own numbers", None, keep)?;
                (Body::Inline(numbers.clone().into_iter().enumerate()), Vec::new())
            }
            Origin::Stdin => open_body(Source::stdin()?, None, input.column.as_deref(), keep)?,
            Origin::Path(path) => {
                open_body(Source::open(path)?, format_by_ending(path), input.column.as_deref(), keep)?
            }
        };
        Ok(Self { body, columns, accept: input.accept, today, state: Progress::Reading })
    }

    /// The names of the kept columns, in order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Of all bytes that were read, once there are no more rows; nothing before that, after an error, and for inline
    /// numbers.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        let lines = match &self.body {
            Body::Table(table) => table.lines(),
            Body::Json(json) => json.lines(),
            Body::Text(lines) => lines,
            Body::Inline(_) => return None,
        };
        (self.state == Progress::Exhausted).then(|| lines.fingerprint())
    }

    fn next_raw(&mut self) -> Result<Option<RawRow>, InputError> {
        match &mut self.body {
            Body::Table(table) => table.next_row(),
            Body::Json(json) => json.next_row(),
            Body::Text(lines) => text_row(lines),
            Body::Inline(numbers) => Ok(numbers.next().map(|(at, input)| RawRow {
                line: at as u64 + 1,
                input,
                fault: None,
                columns: Vec::new(),
            })),
        }
    }
}

impl Iterator for Reader {
    type Item = Result<Row, InputError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state != Progress::Reading {
            return None;
        }
        match self.next_raw() {
            Ok(Some(RawRow { line, input, fault, columns })) => {
                let subject = match fault {
                    Some(fault) => Err(fault),
                    None => Subject::parse(&input, self.accept, self.today).map_err(|error| error.0),
                };
                Some(Ok(Row { line, input, subject, columns }))
            }
            Ok(None) => {
                self.state = Progress::Exhausted;
                None
            }
            Err(error) => {
                self.state = Progress::Failed;
                Some(Err(error))
            }
        }
    }
}

fn format_by_ending(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "csv" => Some(Format::Csv),
        "tsv" => Some(Format::Tsv),
        "txt" => Some(Format::Text),
        "jsonl" | "ndjson" => Some(Format::Json),
        _ => None,
    }
}

fn open_body(
    source: Source,
    format: Option<Format>,
    column: Option<&str>,
    keep: Columns<'_>,
) -> Result<(Body, Vec<String>), InputError> {
    let lines = Lines::open(source)?;
    let table = |(table, names)| (Body::Table(Box::new(table)), names);
    match format.unwrap_or_else(|| sniff(lines.bytes(), column)) {
        Format::Csv => Table::open(lines, None, column, keep).map(table),
        Format::Tsv => Table::open(lines, Some(b'\t'), column, keep).map(table),
        Format::Json => JsonLines::open(lines, column, keep).map(|(json, names)| (Body::Json(json), names)),
        Format::Text => {
            no_columns(lines.file(), column, keep)?;
            Ok((Body::Text(lines), Vec::new()))
        }
    }
}

fn sniff(first: &[u8], column: Option<&str>) -> Format {
    match first.trim_ascii_start().first() {
        // A list is none of ours, and the reader of JSON lines says what to do about it.
        Some(b'{' | b'[') => Format::Json,
        _ if column.is_some() || table::separator(first).is_some() => Format::Csv,
        _ => Format::Text,
    }
}

/// Refuses columns where there are none.
fn no_columns(file: &str, column: Option<&str>, keep: Columns<'_>) -> Result<(), InputError> {
    let kept = match keep {
        Columns::Named(names) => names.first().map(String::as_str),
        Columns::All => None,
    };
    match column.or(kept) {
        Some(column) => Err(InputError::NoColumns { file: file.to_owned(), column: column.to_owned() }),
        None => Ok(()),
    }
}

fn text_row(lines: &mut Lines) -> Result<Option<RawRow>, InputError> {
    while lines.advance()? {
        let text = lines.bytes().trim_ascii_end();
        if !text.trim_ascii_start().is_empty() {
            let input = decode(text).into_owned();
            return Ok(Some(RawRow { line: lines.number(), input, fault: None, columns: Vec::new() }));
        }
    }
    Ok(None)
}

/// UTF-8, or else Windows-1252, in which every byte is some character.
fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => windows_1252(bytes),
    }
}

fn windows_1252(bytes: &[u8]) -> Cow<'_, str> {
    WINDOWS_1252.decode_without_bom_handling(bytes).0
}

/// Where the number stands and where the kept columns stand, among the names of a file.
struct Places {
    number: usize,
    kept: Vec<usize>,
    names: Vec<String>,
}

impl Places {
    /// Finds the columns. Those of `keep` that are not there are refused, too.
    fn find(
        file: &str,
        there: &[String],
        column: Option<&str>,
        keep: Columns<'_>,
    ) -> Result<Self, InputError> {
        let named = column.is_some_and(|column| there.iter().any(|name| name == column));
        if !named && there.iter().any(|name| looks_like_number(name)) {
            return Err(InputError::NoHeader { file: file.to_owned() });
        }
        let number = number_place(file, there, column)?;
        let kept: Vec<usize> = match keep {
            Columns::All => (0..there.len()).filter(|at| *at != number && !there[*at].is_empty()).collect(),
            Columns::Named(names) => {
                names.iter().map(|name| place(file, there, name)).collect::<Result<_, _>>()?
            }
        };
        let names = kept.iter().map(|at| there[*at].clone()).collect();
        Ok(Self { number, kept, names })
    }
}

/// Whether a name in a header is rather a number, well or badly written: names are shown in messages, numbers not.
fn looks_like_number(name: &str) -> bool {
    let digits = name.chars().filter(char::is_ascii_digit).count();
    let only = !name.chars().any(|c| c.is_alphabetic() && !c.eq_ignore_ascii_case(&'e'));
    (only && digits >= 9) || scrub(name) != name
}

/// The column that holds the number: the one that the job names, or the only one there is.
fn number_place(file: &str, there: &[String], column: Option<&str>) -> Result<usize, InputError> {
    match (column, there) {
        (Some(column), _) => place(file, there, column),
        (None, [_]) => Ok(0),
        (None, _) => Err(InputError::WhichColumn { file: file.to_owned(), there: there.to_vec() }),
    }
}

fn place(file: &str, there: &[String], name: &str) -> Result<usize, InputError> {
    let mut found = there.iter().enumerate().filter(|(_, column)| *column == name).map(|(at, _)| at);
    match (found.next(), found.next()) {
        (Some(at), None) => Ok(at),
        (None, _) => Err(InputError::no_such_column(file, name, there)),
        (Some(_), Some(_)) => Err(InputError::ColumnTwice { file: file.to_owned(), column: name.to_owned() }),
    }
}

#[cfg(test)]
mod tests;
