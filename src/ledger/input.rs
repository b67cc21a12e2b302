//! The input on its way into the ledger.

use crate::domain::number::Subject;

/// A row on its way in.
pub struct NewRow {
    /// Position in the input, from 1.
    pub row: i64,
    /// Physical line.
    pub line: i64,
    /// The subject, or the cell as it stood and why it is refused.
    pub subject: Result<Subject, (String, String)>,
    /// The copied columns as a JSON list.
    pub columns: String,
}

/// What a copy came to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Good and bad rows.
    pub rows: i64,
    /// Bad rows.
    pub bad_rows: i64,
    /// Rows whose number gets a letter of disclosure with a credit report.
    pub letter_rows: i64,
}
