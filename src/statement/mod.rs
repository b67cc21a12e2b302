//! A provider's statement: the file in which it says what it billed, read line by line.
//!
//! Providers, and the people who save their files, differ: which columns there are, what they are called, how an amount
//! and a date are written. Columns are found by name (`columns`), amounts and dates in the forms that can be read in
//! one way only (`cells`). Whatever is not clear is told with its line, and nothing is done.

mod cells;
mod columns;

use crate::domain::invoice::{BilledLine, ColumnNames};
use crate::job::input::{Sheet, SheetRow};
use cells::{amount, day, is_sek};
use columns::Places;
pub use error::StatementError;
use std::path::Path;

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

mod error;
#[cfg(test)]
mod tests;
