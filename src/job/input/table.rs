//! CSV and TSV: a header, and records under it.

use super::InputError;
use super::columns::{Columns, Places, RawRow};
use super::lines::Lines;
use super::record::{Came, MOST_LINES, Record, Rows, SEPARATORS};

/// A table with a header.
pub(super) struct Table {
    lines: Lines,
    record: Record,
    rows: Rows,
    kept: Vec<usize>,
}

/// Stands for a separator where the header has none: a table of one column may then hold commas as they come, and a
/// number that a spreadsheet wrote as `5,56E+09` is told for what it is.
const NO_SEPARATOR: u8 = 0x1f;

/// Whether a line has cells: some separator stands in it outside quotes, or it says what separates them.
pub(super) fn has_cells(line: &[u8]) -> bool {
    counts(line).iter().any(|(_, count)| *count > 0) || directive(line).is_some()
}

/// How often each separator stands in a line outside quotes.
fn counts(line: &[u8]) -> [(u8, usize); 3] {
    let mut counts = SEPARATORS.map(|separator| (separator, 0));
    let mut quoted = false;
    for byte in line.trim_ascii_end() {
        quoted ^= *byte == b'"';
        if let Some((_, count)) = counts.iter_mut().find(|(separator, _)| !quoted && separator == byte) {
            *count += 1;
        }
    }
    counts
}

/// The separator that a line such as `sep=;` names, as spreadsheets write it above the header.
fn directive(line: &[u8]) -> Option<u8> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    match line {
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', separator]
            if separator.is_ascii() && !separator.is_ascii_alphanumeric() && *separator != b'"' =>
        {
            Some(*separator)
        }
        _ => None,
    }
}

/// What may separate the cells of a header, the likeliest first: what the file says, what its ending says, what stands
/// there most often (a comma before a semicolon), nothing at all.
fn candidates(said: Option<u8>, usual: Option<u8>, header: &[u8]) -> Vec<u8> {
    let mut counts = counts(header);
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let there = counts.into_iter().filter(|(_, count)| *count > 0).map(|(separator, _)| separator);
    let mut candidates: Vec<u8> = said.into_iter().chain(usual).collect();
    candidates.extend(there);
    candidates.push(NO_SEPARATOR);
    candidates
}

impl Table {
    /// Reads the header. The separator is the one under which the number's column is found, and most of those that are kept;
    /// where that tells nothing, the `usual` one of the file's ending, or what stands there most often. Gives the names of
    /// the kept columns, too.
    pub(super) fn open(
        lines: Lines,
        usual: Option<u8>,
        column: Option<&str>,
        keep: Columns<'_>,
    ) -> Result<(Self, Vec<String>), InputError> {
        let (Columns::Named(wanted) | Columns::All(wanted)) = keep;
        let score = |names: &[String]| {
            let found = |name: &str| names.iter().any(|there| there == name);
            // The number's column counts for more than all others.
            let number = if column.is_some_and(found) { wanted.len() + 1 } else { 0 };
            number + wanted.iter().filter(|name| found(name)).count()
        };
        let (mut table, names) = Self::header(lines, usual, score)?;
        let Places { number, kept, names } = Places::find(table.lines.file(), &names, column, keep)?;
        table.rows.number = Some(number);
        table.kept = kept;
        Ok((table, names))
    }

    /// Reads the header of a table of which every column is kept, by its place; none of them is the number's. `score` says
    /// how many of a header's names are known.
    pub(super) fn open_whole(
        lines: Lines,
        score: impl Fn(&[String]) -> usize,
    ) -> Result<(Self, Vec<String>), InputError> {
        let (mut table, names) = Self::header(lines, None, score)?;
        table.kept = (0..table.rows.width).collect();
        Ok((table, names))
    }

    fn header(
        mut lines: Lines,
        usual: Option<u8>,
        score: impl Fn(&[String]) -> usize,
    ) -> Result<(Self, Vec<String>), InputError> {
        let mut said = None;
        loop {
            if !lines.advance()? {
                return Err(InputError::Empty { file: lines.file().to_owned() });
            }
            let line = lines.line();
            said = said.or_else(|| directive(&line.bytes));
            let says_nothing = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b';' | b'"');
            if directive(&line.bytes).is_none() && !line.bytes.iter().all(says_nothing) {
                break;
            }
        }
        let ahead = lines.look_ahead(MOST_LINES)?;
        let mut header = Vec::new();
        for line in &ahead {
            header.extend_from_slice(&line.bytes);
            if header.split(|byte| *byte == b'"').count() % 2 == 1 {
                break;
            }
        }
        let candidates = candidates(said, usual, &header);
        let (mut most, mut best) = (0, candidates[0]);
        for separator in &candidates {
            let mut record = Record::new(*separator);
            let came = record.read_first(&mut lines)?;
            lines.restore(ahead.clone());
            let known = if let Came::Whole = came { score(&record.names()) } else { 0 };
            if known > most {
                (most, best) = (known, *separator);
            }
        }
        let mut record = Record::new(best);
        if let Came::Stray(why) = record.read_first(&mut lines)? {
            return Err(InputError::Header { file: lines.file().to_owned(), line: record.first, why });
        }
        let names = record.names();
        Ok((Self { lines, record, rows: Rows { width: names.len(), number: None }, kept: Vec::new() }, names))
    }

    /// The next record as a row; `None` at the end.
    pub(super) fn next_row(&mut self) -> Result<Option<RawRow>, InputError> {
        let Self { lines, record, rows, kept } = self;
        let fault = match record.read(lines, *rows)? {
            Came::End => return Ok(None),
            Came::Stray(why) => Some(why),
            Came::Whole => record.misfit(rows.width),
        };
        let utf8 = record.is_utf8();
        let input = match rows.number {
            // A quote has taken the number in: what it took.
            Some(number) if fault.is_some() && number >= record.cells() => record.last(utf8),
            Some(number) => record.decoded(number, utf8),
            None => String::new(),
        };
        let columns = kept.iter().map(|at| record.meant(*at, utf8)).collect();
        Ok(Some(RawRow { line: record.first, input, fault, columns }))
    }

    pub(super) const fn lines(&self) -> &Lines {
        &self.lines
    }
}
