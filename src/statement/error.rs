//! Why a statement is not read.

use crate::domain::redact::column_names;
use crate::job::input::InputError;

/// Why a statement cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The file cannot be read as a table.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A column that is needed is not there, or cannot be told by its name.
    #[error(
        "{file}: no column is known to be the {what}: name it with --{flag}, or with `{key}` in \
         [providers.NAME.invoice]; there are {}", column_names(.there)
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
    #[error("{file}: {count} columns are called `{name}`, where --{flag} needs one; there are {}", column_names(.there))]
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
        "{file}: any of {} may be the {what}: name it with --{flag}, or with `{key}` in [providers.NAME.invoice]", .columns.join(", ")
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
        "{file}: no line follows the header: say with --complete-from and --complete-until which days it covers"
    )]
    NoLine {
        /// The file.
        file: String,
    },
    /// A line that cannot be understood.
    #[error("{file}: line {line}: {what}")]
    Line {
        /// The file.
        file: String,
        /// The physical line.
        line: u64,
        /// What is wrong, without what stands there: a column named by mistake may hold anybody's number.
        what: String,
    },
    /// The column of the amount says that it is not in SEK.
    #[error("{file}: the column `{column}` is not in SEK")]
    NotSek {
        /// The file.
        file: String,
        /// The column.
        column: String,
    },
}
