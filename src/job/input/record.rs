//! One record of a csv, over as many physical lines as its quotes keep open.
//!
//! A reader of our own rather than that of the `csv` crate, because a quote that nobody meant must not swallow the rows
//! behind it: that reader takes whatever follows up to the next quote, says nothing of it, and cannot go back. Nor does
//! it say on which line a record began.

use super::InputError;
use super::columns::looks_like_number;
use super::encoding::{decode, windows_1252};
use super::line::Line;
use super::lines::{LONGEST, Lines};
use crate::domain::text::column_name;

/// What may separate cells.
pub(super) const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// The most physical lines that a record may run over. Addresses and notes have a few; with more it is far likelier that
/// a quote was never closed.
pub(super) const MOST_LINES: usize = 8;

/// One record at a time, in buffers that are used again.
#[derive(Default)]
pub(super) struct Record {
    separator: u8,
    /// The text of all cells, one after the other.
    text: Vec<u8>,
    /// Where each cell ends in `text`.
    ends: Vec<usize>,
    /// Its physical lines, where it has more than one.
    lines: Vec<Line>,
    /// The physical line on which it begins.
    pub(super) first: u64,
    /// Quotes that stay open over the end of a line, and the one that was opened last.
    quotes: Vec<Quote>,
    /// Whether a quote follows a backslash somewhere in it.
    escaped: bool,
}

/// A quoted cell.
#[derive(Clone, Copy)]
struct Quote {
    /// Which cell.
    cell: usize,
    /// The lines on which it is opened and closed; 0 while it is open.
    opened: u64,
    closed: u64,
    /// The length of `text` at the end of the line on which it is opened.
    length: usize,
}

/// Where a reading stands within a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    CellStart,
    Plain,
    Quoted,
    /// Right behind a quote that closes, unless another follows it.
    Closed,
}

/// How a record came out.
pub(super) enum Came {
    /// Whole.
    Whole,
    /// With a quote that is not one: reading goes on behind the line on which it was opened. Why, in words.
    Stray(String),
    /// There is none: the file is at its end.
    End,
}

/// What tells that a line is a row of its own, though a quote has taken it in.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    /// How many cells the header has; 0 before it is known.
    pub(super) width: usize,
    /// Where the number stands; `None` in a table without one.
    pub(super) number: Option<usize>,
}

impl Record {
    pub(super) fn new(separator: u8) -> Self {
        Self { separator, ..Self::default() }
    }

    /// Reads the header, which begins with the line that is there.
    pub(super) fn read_first(&mut self, lines: &mut Lines) -> Result<Came, InputError> {
        lines.advance()?;
        self.read_on(lines, Rows { width: 0, number: None })
    }

    /// The cells of a header, as names.
    pub(super) fn names(&self) -> Vec<String> {
        let utf8 = self.is_utf8();
        (0..self.cells()).map(|at| column_name(&self.meant(at, utf8))).collect()
    }

    /// Reads the next record that is not blank.
    pub(super) fn read(&mut self, lines: &mut Lines, rows: Rows) -> Result<Came, InputError> {
        loop {
            if !lines.advance()? {
                return Ok(Came::End);
            }
            let came = self.read_on(lines, rows)?;
            if !matches!(came, Came::Whole) || !self.is_blank() {
                return Ok(came);
            }
        }
    }

    /// Reads the record that begins with the line that is there.
    fn read_on(&mut self, lines: &mut Lines, rows: Rows) -> Result<Came, InputError> {
        self.text.clear();
        self.ends.clear();
        self.lines.clear();
        self.quotes.clear();
        (self.first, self.escaped) = (lines.line().number, false);
        let mut at = At::CellStart;
        loop {
            let line = lines.line();
            let (number, cut) = (line.number, line.cut);
            match self.scan(at, line) {
                Ok(At::CellStart) if self.lines.is_empty() => return Ok(Came::Whole),
                Ok(still) => at = still,
                Err(rest) => {
                    self.rest_of_line(rest, number);
                    return Ok(self.stray(lines, rows, &|opened| {
                        let on = if number == opened { String::new() } else { format!(" on line {number}") };
                        format!("is closed{on} by something other than a separator or the end of a line")
                    }));
                }
            }
            if at == At::CellStart {
                return Ok(match self.swallowed(rows) {
                    None => Came::Whole,
                    Some(_) => self.stray(lines, rows, &|_| String::new()),
                });
            }
            if self.lines.is_empty() {
                self.lines.push(lines.line().clone());
            }
            if self.lines.len() == MOST_LINES || self.text.len() > LONGEST {
                return Ok(self.stray(lines, rows, &|_| format!("is not closed within {MOST_LINES} lines")));
            }
            if !lines.advance()? {
                if cut && self.swallowed(rows).is_none() {
                    return Err(InputError::Truncated { file: lines.file().to_owned(), line: self.first });
                }
                return Ok(self.stray(lines, rows, &|_| "is never closed".to_owned()));
            }
            self.lines.push(lines.line().clone());
        }
    }

    /// Reads one physical line. [`At::CellStart`] is the end of the record, [`At::Quoted`] a quote that is still open; an
    /// error is what follows a quote that nothing may follow.
    fn scan<'l>(&mut self, mut at: At, line: &'l Line) -> Result<At, &'l [u8]> {
        let plain = line.without_end();
        for (place, byte) in plain.iter().copied().enumerate() {
            at = match (at, byte) {
                (At::CellStart, b'"') => {
                    let cell = self.ends.len();
                    self.quotes.push(Quote { cell, opened: line.number, closed: 0, length: 0 });
                    At::Quoted
                }
                (At::CellStart | At::Plain | At::Closed, byte) if byte == self.separator => {
                    self.end_cell(at, line.number);
                    At::CellStart
                }
                (At::Quoted, b'"') => {
                    self.escaped |= place > 0 && plain[place - 1] == b'\\';
                    At::Closed
                }
                (At::Closed, b'"') | (At::Quoted, _) => {
                    self.text.push(byte);
                    At::Quoted
                }
                (At::Closed, _) => return Err(&plain[place..]),
                (At::CellStart | At::Plain, byte) => {
                    self.text.push(byte);
                    At::Plain
                }
            };
        }
        if at == At::Quoted {
            self.rest_of_line(&[], line.number);
            self.text.extend_from_slice(&line.bytes[plain.len()..]);
            return Ok(At::Quoted);
        }
        self.end_cell(at, line.number);
        Ok(At::CellStart)
    }

    fn end_cell(&mut self, at: At, line: u64) {
        self.ends.push(self.text.len());
        if at != At::Closed {
            return;
        }
        // What is closed where it was opened can have taken in nothing.
        let alone = self.quotes.pop_if(|quote| quote.opened == line).is_some();
        if let Some(quote) = self.quotes.last_mut().filter(|_| !alone) {
            quote.closed = line;
        }
    }

    /// At the end of the line on which a quote is opened: what is left of it belongs to the cell, as it stands.
    fn rest_of_line(&mut self, rest: &[u8], line: u64) {
        if let Some(quote) = self.quotes.last_mut().filter(|quote| quote.opened == line) {
            self.text.extend_from_slice(rest);
            quote.length = self.text.len();
        }
    }

    /// The first quote that has taken in a row, and the line of that row.
    fn swallowed(&self, rows: Rows) -> Option<(Quote, u64)> {
        self.quotes.iter().find_map(|quote| {
            let line = self.lines.iter().find(|line| rows.has(line, quote, self.separator))?;
            Some((*quote, line.number))
        })
    }

    /// Takes back what a quote took in: the cell ends with the line on which it was opened, and the lines behind it are
    /// read again. Where no quote took in a row of its own, it is the last one, for this reason.
    fn stray(&mut self, lines: &mut Lines, rows: Rows, why: &dyn Fn(u64) -> String) -> Came {
        let (quote, why) = match self.swallowed(rows) {
            Some((quote, line)) if line == quote.opened => {
                (quote, "takes in what follows a whole row".to_owned())
            }
            Some((quote, line)) => (quote, format!("takes in line {line}, which is a row of its own")),
            None => {
                let Some(quote) = self.quotes.last().copied() else { return Came::Whole };
                (quote, why(quote.opened))
            }
        };
        lines.give_back(self.lines.drain(..).filter(|line| line.number > quote.opened).collect::<Vec<_>>());
        self.ends.truncate(quote.cell);
        self.text.truncate(quote.length);
        self.ends.push(quote.length);
        let escape = if self.escaped { ", and not after a backslash" } else { "" };
        let opened = quote.opened;
        Came::Stray(format!(
            "the quote opened on line {opened} {why}: a quote within a cell is written twice (\"\"){escape}"
        ))
    }

    /// How many cells it has.
    pub(super) fn cells(&self) -> usize {
        self.ends.len()
    }

    fn cell(&self, at: usize) -> Option<&[u8]> {
        let end = *self.ends.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.get(start..end)
    }

    fn is_blank(&self) -> bool {
        self.text.iter().all(u8::is_ascii_whitespace)
    }

    /// Whether every cell is UTF-8: a record is in one encoding.
    pub(super) fn is_utf8(&self) -> bool {
        std::str::from_utf8(&self.text).is_ok()
    }

    /// The text of a cell as it stands, empty where the record is too short to have it.
    pub(super) fn decoded(&self, at: usize, utf8: bool) -> String {
        let cell = self.cell(at).unwrap_or_default();
        let text = if utf8 { String::from_utf8_lossy(cell) } else { windows_1252(cell) };
        text.into_owned()
    }

    /// The beginning of its last cell: as much as explains a bad row.
    pub(super) fn last(&self, utf8: bool) -> String {
        const SHOWN: usize = 200;
        self.decoded(self.cells().saturating_sub(1), utf8).chars().take(SHOWN).collect()
    }

    /// The text of a cell as it is meant: `="01110"` is how a text is kept as it is in a csv for Excel.
    pub(super) fn meant(&self, at: usize, utf8: bool) -> String {
        let text = self.decoded(at, utf8);
        let inner = text.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
        match inner.map(|inner| inner.replace("\"\"", "\u{0}")) {
            Some(inner) if !inner.contains('"') => inner.replace('\u{0}', "\""),
            _ => text,
        }
    }

    /// Why it is no row of a table so wide: cells at its end that the header does not have, unless they are empty. Cells
    /// that are missing at its end are empty.
    pub(super) fn misfit(&self, width: usize) -> Option<String> {
        let end = width.checked_sub(1).and_then(|last| self.ends.get(last)).copied();
        let surplus = end.and_then(|end| self.text.get(end..)).unwrap_or_default();
        if !surplus.iter().all(u8::is_ascii_whitespace) {
            let reason = format!("{} cells, where the header has {width}", self.cells());
            let reason = match self.lines.last() {
                Some(last) => format!("{reason}; it runs on to line {}: is a quote left open?", last.number),
                None => reason,
            };
            let escape = "quotes within a cell are written twice (\"\"), not after a backslash";
            return Some(if self.escaped { format!("{reason}; {escape}") } else { reason });
        }
        let other = |byte: &u8| SEPARATORS.contains(byte) && *byte != self.separator;
        let alone = self.cells() == 1 && width > 1 && self.text.iter().any(other);
        alone.then(|| format!("1 cell, where the header has {width}: are its cells separated otherwise?"))
    }
}

impl Rows {
    /// Whether a line of a quoted cell is a row of its own when quotes are taken for letters: one within the cell, and,
    /// where that does not hold the record's own number, the one on which it is opened or closed.
    fn has(self, line: &Line, quote: &Quote, separator: u8) -> bool {
        let (first, last) = (line.number == quote.opened, line.number == quote.closed);
        if line.number < quote.opened || quote.closed > 0 && line.number > quote.closed {
            return false;
        }
        let own = match self.number {
            Some(number) => first && number < quote.cell || last && number > quote.cell,
            None => first && quote.cell + 1 >= self.width || last && quote.cell == 0,
        };
        if own {
            return false;
        }
        let mut cells = line.without_end().split(|byte| *byte == separator);
        match self.number {
            Some(number) => {
                line.without_end().split(|byte| *byte == separator).count() >= self.width.min(2)
                    && cells.nth(number).is_some_and(|cell| looks_like_number(&decode(cell)))
            }
            None => self.width > 2 && cells.count() >= self.width,
        }
    }
}
