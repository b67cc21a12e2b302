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
//! Files are taken as programs write them: what a spreadsheet leaves out at the end of a row is empty, a line of separators
//! alone is blank, names of columns match as they read ([`column_name`](crate::domain::text::column_name)). A quote that
//! nobody meant is one bad row, whatever stands behind it.

mod columns;
mod encoding;
mod error;
mod json;
mod line;
mod lines;
mod page;
mod record;
mod sheet;
mod source;
mod table;

pub use error::InputError;
pub use sheet::{Sheet, SheetRow};
pub use source::Fingerprint;

use crate::domain::number::{Accept, Subject};
use crate::job::{Carry, Input, Job, Origin};
pub use columns::Columns;
use columns::{RawRow, looks_like_number};
use encoding::decode;
use jiff::civil::Date;
use json::JsonLines;
use lines::Lines;
use source::Source;
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
    /// The values of the kept columns, in the order of [`Reader::columns`]; fewer where later objects of JSON lines brought
    /// more.
    pub columns: Vec<String>,
}

/// Reads rows one by one, blocking. After an error it is at its end.
pub struct Reader {
    body: Body,
    /// The names of the kept columns; those of JSON lines are the body's own.
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    /// Separator from the header line.
    Csv,
    Tsv,
    Text,
    Json,
}

impl Reader {
    /// Opens a job's input, of which the ledger keeps what the job needs.
    pub fn of_job(job: &Job, today: Date) -> Result<Self, InputError> {
        match (job.kept_columns(), job.template_columns()) {
            (Carry::All, needed) => Self::open(&job.input, Columns::All(&needed), today),
            (Carry::Columns(kept), _) => Self::open(&job.input, Columns::Named(&kept), today),
        }
    }

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

    /// The names of the kept columns, in order. Under [`Columns::All`] objects of JSON lines may bring more at the end while
    /// they are read.
    pub fn columns(&self) -> &[String] {
        match &self.body {
            Body::Json(json) => json.kept(),
            _ => &self.columns,
        }
    }

    /// Of all bytes that were read, once there are no more rows; `None` before that, after an error, and for inline
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
    let mut lines = Lines::open(source)?;
    let table = |(table, names)| (Body::Table(Box::new(table)), names);
    let first = &lines.peek()?.bytes;
    match format.unwrap_or_else(|| sniff(first, column)) {
        Format::Csv => Table::open(lines, None, column, keep).map(table),
        Format::Tsv => Table::open(lines, Some(b'\t'), column, keep).map(table),
        Format::Json => JsonLines::open(lines, column, keep).map(|json| (Body::Json(json), Vec::new())),
        Format::Text => {
            if let Some(ending) = should_end_in(first) {
                return Err(InputError::HasColumns { file: lines.file().to_owned(), ending });
            }
            no_columns(lines.file(), column, keep)?;
            Ok((Body::Text(lines), Vec::new()))
        }
    }
}

fn sniff(first: &[u8], column: Option<&str>) -> Format {
    match first.trim_ascii_start().first() {
        // A list is none of ours, and the reader of JSON lines says what to do about it.
        Some(b'{' | b'[') => Format::Json,
        _ if column.is_some() || table::has_cells(first) => Format::Csv,
        _ => Format::Text,
    }
}

/// The ending that a file should have whose first line holds more than a number: columns with tabs or semicolons between
/// them, or with commas that do not stand within a number.
fn should_end_in(first: &[u8]) -> Option<&'static str> {
    let text = first.trim_ascii();
    let letters = || text.iter().any(|byte| byte.is_ascii_alphabetic() && !byte.eq_ignore_ascii_case(&b'e'));
    match text {
        text if text.contains(&b'\t') => Some("tsv"),
        text if text.contains(&b';') || text.contains(&b',') && letters() => Some("csv"),
        _ => None,
    }
}

/// Refuses columns where there are none.
fn no_columns(file: &str, column: Option<&str>, keep: Columns<'_>) -> Result<(), InputError> {
    let kept = match keep {
        Columns::Named(names) | Columns::All(names) => names.first().map(String::as_str),
    };
    match column.or(kept) {
        Some(column) => Err(InputError::NoColumns { file: file.to_owned(), column: column.to_owned() }),
        None => Ok(()),
    }
}

fn text_row(lines: &mut Lines) -> Result<Option<RawRow>, InputError> {
    while lines.advance()? {
        let line = lines.line();
        if !line.is_blank() {
            let input = decode(line.bytes.trim_ascii_end()).into_owned();
            return Ok(Some(RawRow { line: line.number, input, fault: None, columns: Vec::new() }));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
