//! CSV and TSV, parsed by the core of the `csv` crate, one physical line at a time.
//!
//! The core rather than the crate's own reader, because that reads ahead: it cannot say on which line a record began
//! (it counts neither blank lines before it nor CRLF rightly), nor that the file ended within a quote, nor stop a quote
//! that was never closed from swallowing the rest of a large file into memory.

use super::lines::{LONGEST, Lines};
use super::{Columns, InputError, Places, RawRow, windows_1252};
use csv_core::{ReadRecordResult, ReaderBuilder, Terminator};

/// A table with a header.
pub(super) struct Table {
    lines: Lines,
    record: Record,
    width: usize,
    number: usize,
    kept: Vec<usize>,
}

/// One record at a time, in buffers that are used again.
struct Record {
    core: csv_core::Reader,
    /// The text of all cells, one after the other.
    text: Vec<u8>,
    text_len: usize,
    /// Where each cell ends in `text`.
    ends: Vec<usize>,
    cells: usize,
    /// The physical lines on which it begins and ends.
    first: u64,
    last: u64,
}

/// Stands for a separator where the header has none: a table of one column may then hold commas as they come, and a
/// number that a spreadsheet wrote as `5,56E+09` is told for what it is.
const NO_SEPARATOR: u8 = 0x1f;

/// The separator of a header line: of comma, semicolon and tab the one that stands there most often outside quotes.
pub(super) fn separator(header: &[u8]) -> Option<u8> {
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for byte in header.trim_ascii_end() {
        quoted ^= *byte == b'"';
        if let Some((_, count)) = counts.iter_mut().find(|(separator, _)| !quoted && separator == byte) {
            *count += 1;
        }
    }
    // The last of equals wins, so that a comma comes before a semicolon.
    counts
        .into_iter()
        .rev()
        .filter(|(_, count)| *count > 0)
        .max_by_key(|(_, count)| *count)
        .map(|(separator, _)| separator)
}

impl Table {
    /// Reads the header; without a `separator`, finds it there. Gives the names of the kept columns, too.
    pub(super) fn open(
        mut lines: Lines,
        separator: Option<u8>,
        column: Option<&str>,
        keep: Columns<'_>,
    ) -> Result<(Self, Vec<String>), InputError> {
        let (record, names) = Self::header(&mut lines, separator)?;
        let width = names.len();
        let Places { number, kept, names } = Places::find(lines.file(), &names, column, keep)?;
        Ok((Self { lines, record, width, number, kept }, names))
    }

    /// Reads the header of a table of which every column is kept, by its place; none of them is the number's.
    pub(super) fn open_whole(mut lines: Lines) -> Result<(Self, Vec<String>), InputError> {
        let (record, names) = Self::header(&mut lines, None)?;
        let width = names.len();
        Ok((Self { lines, record, width, number: width, kept: (0..width).collect() }, names))
    }

    fn header(lines: &mut Lines, separator: Option<u8>) -> Result<(Record, Vec<String>), InputError> {
        let separator = separator.or_else(|| self::separator(lines.bytes())).unwrap_or(NO_SEPARATOR);
        let mut record = Record::new(separator);
        record.read(lines)?;
        let utf8 = record.is_utf8();
        let names = (0..record.cells).map(|at| record.decoded(at, utf8).trim().to_owned()).collect();
        Ok((record, names))
    }

    /// The next record as a row; nothing at the end.
    pub(super) fn next_row(&mut self) -> Result<Option<RawRow>, InputError> {
        let Self { lines, record, width, number, kept } = self;
        if !record.read(lines)? {
            return Ok(None);
        }
        let utf8 = record.is_utf8();
        let cell = |at: &usize| record.decoded(*at, utf8);
        Ok(Some(RawRow {
            line: record.first,
            input: cell(number),
            fault: record.misfit(*width),
            columns: kept.iter().map(cell).collect(),
        }))
    }

    pub(super) fn lines(&self) -> &Lines {
        &self.lines
    }
}

impl Record {
    fn new(separator: u8) -> Self {
        // A line feed alone ends a record: the carriage return before it is taken off afterwards.
        let core = ReaderBuilder::new().delimiter(separator).terminator(Terminator::Any(b'\n')).build();
        let (text, ends) = (vec![0; 1024], vec![0; 32]);
        Self { core, text, text_len: 0, ends, cells: 0, first: 0, last: 0 }
    }

    /// Reads the next record, past blank lines; false at the end.
    fn read(&mut self, lines: &mut Lines) -> Result<bool, InputError> {
        loop {
            if !lines.advance()? {
                return Ok(false);
            }
            // Tabs may be the separators of a row of empty cells.
            if !lines.bytes().iter().all(|byte| matches!(byte, b' ' | b'\r' | b'\n')) {
                break;
            }
        }
        (self.text_len, self.cells, self.first) = (0, 0, lines.number());
        while !self.feed(lines.bytes()) {
            if self.text_len > LONGEST {
                return Err(InputError::OpenQuote { file: lines.file().to_owned(), line: self.first });
            }
            if !lines.advance()? {
                return Err(InputError::Truncated { file: lines.file().to_owned(), line: self.first });
            }
        }
        self.last = lines.number();
        self.take_carriage_return();
        Ok(true)
    }

    /// Gives one physical line to the parser; true where the record ends with it.
    fn feed(&mut self, mut line: &[u8]) -> bool {
        loop {
            let (text, ends) = (&mut self.text[self.text_len..], &mut self.ends[self.cells..]);
            let (result, read, written, ended) = self.core.read_record(line, text, ends);
            line = &line[read..];
            self.text_len += written;
            self.cells += ended;
            match result {
                ReadRecordResult::InputEmpty => return false,
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record | ReadRecordResult::End => return true,
            }
        }
    }

    fn take_carriage_return(&mut self) {
        let Some(last) = self.cells.checked_sub(1) else { return };
        if self.cell(last).is_some_and(|cell| cell.ends_with(b"\r")) {
            self.ends[last] -= 1;
        }
    }

    fn cell(&self, at: usize) -> Option<&[u8]> {
        let end = *self.ends[..self.cells].get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.get(start..end)
    }

    /// Whether every cell is UTF-8: a record is in one encoding.
    fn is_utf8(&self) -> bool {
        (0..self.cells).filter_map(|at| self.cell(at)).all(|cell| std::str::from_utf8(cell).is_ok())
    }

    /// The text of a cell, empty where the record is too short to have it.
    fn decoded(&self, at: usize, utf8: bool) -> String {
        let cell = self.cell(at).unwrap_or_default();
        let text = if utf8 { String::from_utf8_lossy(cell) } else { windows_1252(cell) };
        text.into_owned()
    }

    /// Why it is no row of a table so wide.
    fn misfit(&self, width: usize) -> Option<String> {
        if self.cells == width {
            return None;
        }
        let cells = if self.cells == 1 { "cell" } else { "cells" };
        let reason = format!("{} {cells}, where the header has {width}", self.cells);
        if self.last == self.first {
            return Some(reason);
        }
        Some(format!("{reason}; it runs on to line {}: is a quote left open?", self.last))
    }
}
