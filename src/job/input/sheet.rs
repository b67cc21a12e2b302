//! A table that is read whole: no input of numbers, but written by the same programs, and read by the same rules.

use super::lines::Lines;
use super::source::Source;
use super::table::Table;
use super::{InputError, looks_like_number};
use std::path::Path;

/// A csv or tsv with a header. Memory holds one record at a time.
pub struct Sheet {
    file: String,
    table: Table,
    names: Vec<String>,
}

/// One record.
pub struct SheetRow {
    /// The physical line on which it begins, from 1.
    pub line: u64,
    /// Why it does not fit the header, or what is wrong with its quotes.
    pub fault: Option<String>,
    /// The cells, one for each name of the header; empty where the record is too short. May be anybody's data.
    pub cells: Vec<String>,
}

impl Sheet {
    /// Opens a file and reads its header; `score` says how many of a header's names are known, so that the separator is told
    /// under which they are.
    pub fn open(path: &Path, score: impl Fn(&[String]) -> usize) -> Result<Self, InputError> {
        let lines = Lines::open(Source::open(path)?)?;
        let file = lines.file().to_owned();
        let (table, names) = Table::open_whole(lines, score)?;
        if names.iter().any(|name| looks_like_number(name)) {
            return Err(InputError::NoHeader { file });
        }
        Ok(Self { file, table, names })
    }

    /// The names of its columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How messages call it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The next record; `None` at the end.
    pub fn next_row(&mut self) -> Result<Option<SheetRow>, InputError> {
        let row = self.table.next_row()?;
        Ok(row.map(|row| SheetRow { line: row.line, fault: row.fault, cells: row.columns }))
    }
}
