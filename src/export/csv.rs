//! CSV: RFC 4180 with `\n` at the end of a line, or, with `excel = true`, what Excel in Swedish opens without asking:
//! a byte-order mark, semicolons, decimal commas and `\r\n`, and `="…"` around texts that it would make something else of.

use super::cells::{Field, excel_alters, excel_cuts, excel_rounds, harmless, harmless_json};
use crate::disk::Draft;
use crate::domain::json;
use csv::{QuoteStyle, Terminator, Writer, WriterBuilder};
use serde_json::Value;
use std::io::{self, Write};

/// A CSV file on its way.
pub(super) struct CsvSink {
    out: Writer<Draft>,
    excel: bool,
    scratch: Vec<u8>,
    too_long: u64,
}

impl CsvSink {
    /// Begins the file with its byte-order mark, where it has one, and its header.
    pub(super) fn begin<'a>(
        mut draft: Draft,
        excel: bool,
        names: impl IntoIterator<Item = &'a str>,
    ) -> io::Result<Self> {
        let mut form = WriterBuilder::new();
        form.quote_style(QuoteStyle::Necessary);
        if excel {
            draft.write_all("\u{feff}".as_bytes())?;
            form.delimiter(b';').terminator(Terminator::CRLF);
        }
        let mut sink = Self { out: form.from_writer(draft), excel, scratch: Vec::new(), too_long: 0 };
        for name in names {
            sink.text(name)?;
        }
        sink.end_row()?;
        Ok(sink)
    }

    /// Writes the row's next cell.
    pub(super) fn put(&mut self, field: Field<'_>) -> io::Result<()> {
        match field {
            Field::Empty | Field::Json(Value::Null) => self.cell(b""),
            Field::Text(text) => self.text(text),
            Field::Json(Value::String(text)) => self.text(text),
            Field::Count(count) => self.made(|cell| write!(cell, "{count}")),
            Field::Money(ore) => self.number(&ore.to_string()),
            Field::Json(Value::Bool(yes)) => self.cell(if *yes { b"true" } else { b"false" }),
            Field::Json(Value::Number(number)) => self.number(number.as_str()),
            Field::Json(value) => self.cell(harmless_json(&json::text(value)).as_bytes()),
        }
    }

    /// Ends the row.
    pub(super) fn end_row(&mut self) -> io::Result<()> {
        self.out.write_record(None::<&[u8]>).map_err(io_error)
    }

    /// Cells so far with more characters than one of Excel takes, where the file is for Excel.
    pub(super) const fn too_long(&self) -> u64 {
        self.too_long
    }

    /// The file with everything in it.
    pub(super) fn into_draft(mut self) -> io::Result<Draft> {
        self.out.flush()?;
        self.out.into_inner().map_err(|error| io::Error::from(error.error().kind()))
    }

    const fn decimal(&self) -> char {
        if self.excel { ',' } else { '.' }
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        if self.excel && excel_alters(text) {
            return self.made(|cell| write!(cell, "=\"{text}\""));
        }
        self.cell(harmless(text, self.decimal()).as_bytes())
    }

    /// A number with every digit as it was received (an exponent as serde_json writes it: `1e+5`), and the file's decimal
    /// mark.
    fn number(&mut self, digits: &str) -> io::Result<()> {
        if !self.excel {
            return self.cell(digits.as_bytes());
        }
        let marked = digits.replacen('.', ",", 1);
        if excel_rounds(digits) {
            return self.made(|cell| write!(cell, "=\"{marked}\""));
        }
        self.cell(marked.as_bytes())
    }

    fn made(&mut self, make: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> io::Result<()> {
        self.scratch.clear();
        make(&mut self.scratch)?;
        self.out.write_field(&self.scratch).map_err(io_error)
    }

    fn cell(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.too_long += u64::from(self.excel && excel_cuts(bytes));
        self.out.write_field(bytes).map_err(io_error)
    }
}

fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        // A row that is longer or shorter than the header: a fault of ours. Its Debug holds counts only.
        other => io::Error::other(format!("{other:?}")),
    }
}
