//! A provider's statement: the file in which it says what it billed, read line by line.
//!
//! Providers, and the people who save their files, differ: which columns there are, what they are called, how an amount
//! and a date are written. Columns are found by name (`columns`), amounts and dates in the forms that can be read in
//! one way only (`cells`). Whatever is not clear is told with its line, and nothing is done.

mod cells;
mod columns;

use crate::domain::invoice::{BilledLine, ColumnNames};
use crate::domain::redact::column_names;
use crate::job::input::{InputError, Sheet, SheetRow};
use cells::{amount, day, is_sek};
use columns::Places;
use std::path::Path;

/// Why a statement cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The file cannot be read as a table.
    #[error("{0}; nothing was changed")]
    Input(#[from] InputError),
    /// A column that is needed is not there, or cannot be told by its name.
    #[error(
        "{file}: no column is known to be the {what}: name it with --{flag}, or with `{key}` in \
         [providers.NAME.invoice]; there are {}; nothing was changed", column_names(.there)
    )]
    NoColumn {
        /// The file.
        file: String,
        /// What it would hold.
        what: &'static str,
        /// The flag that names it.
        flag: &'static str,
        /// The key that names it.
        key: &'static str,
        /// The columns of the file.
        there: Vec<String>,
    },
    /// A column that was named is not there, or twice.
    #[error("{file}: {count} columns are called `{name}`, where --{flag} needs one; there are {}; nothing was changed", column_names(.there))]
    Named {
        /// The file.
        file: String,
        /// The name that was given.
        name: String,
        /// The flag it was given for.
        flag: &'static str,
        /// `no`, or how many.
        count: String,
        /// The columns of the file.
        there: Vec<String>,
    },
    /// Several columns may be meant, and their values may differ.
    #[error(
        "{file}: any of {} may be the {what}: name it with --{flag}, or with `{key}` in [providers.NAME.invoice]; \
         nothing was changed", .columns.join(", ")
    )]
    Several {
        /// The file.
        file: String,
        /// What it holds.
        what: &'static str,
        /// The flag that names it.
        flag: &'static str,
        /// The key that names it.
        key: &'static str,
        /// The columns.
        columns: Vec<String>,
    },
    /// Nothing follows the header.
    #[error(
        "{file}: no line follows the header: say with --complete-from and --complete-until which days it covers; nothing \
         was changed"
    )]
    NoLine {
        /// The file.
        file: String,
    },
    /// A line that cannot be understood.
    #[error("{file}: line {line}: {what}; nothing was changed")]
    Line {
        /// The file.
        file: String,
        /// The physical line.
        line: u64,
        /// What is wrong, without what stands there: a column named by mistake may hold anybody's number.
        what: String,
    },
    /// The column of the amount says that it is not in SEK.
    #[error("{file}: the column `{column}` is not in SEK; nothing was changed")]
    NotSek {
        /// The file.
        file: String,
        /// The column.
        column: String,
    },
}

/// An open statement.
pub struct Statement {
    sheet: Sheet,
    places: Places,
}

impl Statement {
    /// Opens a file and finds its columns: those that are named, and the others by what they are usually called.
    pub fn open(path: &Path, names: &ColumnNames) -> Result<Self, StatementError> {
        let sheet = Sheet::open(path, |there| columns::known(there, names))?;
        let places = Places::find(sheet.file(), sheet.names(), names)?;
        Ok(Self { sheet, places })
    }

    /// The next lines, at most so many; none at the end.
    pub fn page(&mut self, most: usize) -> Result<Vec<BilledLine>, StatementError> {
        let mut lines = Vec::new();
        while lines.len() < most
            && let Some(row) = self.sheet.next_row()?
        {
            let read = self.line(&row);
            lines.push(read.map_err(|what| StatementError::Line {
                file: self.sheet.file().to_owned(),
                line: row.line,
                what,
            })?);
        }
        Ok(lines)
    }

    fn line(&self, row: &SheetRow) -> Result<BilledLine, String> {
        if let Some(fault) = &row.fault {
            return Err(fault.clone());
        }
        let cell = |at: usize| row.cells.get(at).map_or("", |cell| cell.trim());
        let filled = |at: Option<usize>| at.map(cell).filter(|cell| !cell.is_empty()).map(str::to_owned);
        let Places { date, reference, log_id, service, amount: price, currency } = self.places;
        if filled(currency).is_some_and(|currency| !is_sek(&currency)) {
            return Err("the currency is not SEK".to_owned());
        }
        Ok(BilledLine {
            line: row.line,
            day: day(cell(date)).ok_or("the date is not written as 2026-03-01 or 20260301")?,
            reference: filled(reference),
            log_id: filled(log_id),
            service: cell(service).to_owned(),
            amount: amount(cell(price)).map_err(|error| error.to_string())?,
        })
    }
}

#[cfg(test)]
mod tests;
