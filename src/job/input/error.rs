//! What can be wrong with an input as a whole, in words for the person who has to mend it.

use super::page::Page;
use crate::domain::redact::{column_names, is_of_column};
use crate::domain::template::PLACES;
use crate::shape::{alike, nearest};
use std::io;

/// Why an input cannot be read, or read on. Every message names the file and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// There is nothing at the path.
    #[error("{file}: no such file")]
    NotFound {
        /// The file.
        file: String,
    },
    /// There is a directory at the path.
    #[error("{file}: a directory, where a file of numbers is expected")]
    Directory {
        /// The path.
        file: String,
    },
    /// It cannot be opened, or reading it fails.
    #[error("{file}: cannot be read: {cause}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system says; part of the message, hence no `source`.
        cause: io::Error,
    },
    /// Nothing stands in it.
    #[error("{file}: empty: there is not a single line in it")]
    Empty {
        /// The file.
        file: String,
    },
    /// An Excel or another office file.
    #[error(
        "{file}: a workbook of a spreadsheet program, not text; in Excel choose File > Save As > \"CSV UTF-8 (Comma \
         delimited)\" and give that file"
    )]
    Workbook {
        /// The file.
        file: String,
    },
    /// UTF-16, or binary.
    #[error(
        "{file}: written in UTF-16 (\"Unicode text\"), or not text at all; save it as UTF-8, in Excel with File > \
         Save As > \"CSV UTF-8 (Comma delimited)\""
    )]
    Utf16 {
        /// The file.
        file: String,
    },
    /// gzip, zip and the like.
    #[error(
        "{file}: compressed; unpack it first, or pipe it in: `gunzip -c FILE | orgpull run JOB.toml --input -`"
    )]
    Compressed {
        /// The file.
        file: String,
    },
    /// Line ends that no program writes any more but one.
    #[error("{file}: its lines end in carriage returns alone, as on old Macs; save it as \"CSV UTF-8\"")]
    OldMac {
        /// The file.
        file: String,
    },
    /// A list of JSON, or an object over many lines.
    #[error(
        "{file}: line {line} is not a JSON object of its own; write one object a line: `jq -c '.[]' FILE`"
    )]
    NotJsonLines {
        /// The file.
        file: String,
        /// The first line that is not blank.
        line: u64,
    },
    /// Numbers in the first line.
    #[error(
        "{file}: the first line holds numbers where the names of the columns belong; add a header line, or, if the \
         file is one number a line, let its name end in .txt"
    )]
    NoHeader {
        /// The file.
        file: String,
    },
    /// The job names a column of an input that has none.
    #[error("{file}: one number a line, without columns, while the job asks for the column `{column}`")]
    NoColumns {
        /// The file.
        file: String,
        /// The column asked for.
        column: String,
    },
    /// The job does not say which column holds the number.
    #[error("{file}: which column holds the number? name it with `column` in [input]; there are {}", column_names(.there))]
    WhichColumn {
        /// The file.
        file: String,
        /// Its columns.
        there: Vec<String>,
    },
    /// A column of the job is not in the file.
    #[error("{file}: no column `{column}`{}; there are {}", did_you_mean(.nearest.as_deref()), column_names(.there))]
    NoSuchColumn {
        /// The file.
        file: String,
        /// The column asked for.
        column: String,
        /// The one that was probably meant.
        nearest: Option<String>,
        /// Those of the file.
        there: Vec<String>,
    },
    /// A column that the job needs stands twice in the header.
    #[error("{file}: the column `{column}` is there twice; rename one of them")]
    ColumnTwice {
        /// The file.
        file: String,
        /// The column.
        column: String,
    },
    /// A line or a record beyond the limit.
    #[error("{file}: line {line} is longer than 1 MiB: not a file of numbers, or its line ends are missing")]
    TooLong {
        /// The file.
        file: String,
        /// Where it begins.
        line: u64,
    },
    /// The file ends within a record.
    #[error(
        "{file}: ends within the record that begins on line {line}: the file was cut short, or a quote on that line \
         is never closed"
    )]
    Truncated {
        /// The file.
        file: String,
        /// Where the record begins.
        line: u64,
    },
    /// A quote in the header is none.
    #[error("{file}: line {line}, where the names of the columns belong: {why}")]
    Header {
        /// The file.
        file: String,
        /// Where the header begins.
        line: u64,
        /// What is wrong with the quote.
        why: String,
    },
    /// Neither UTF-8 nor Windows-1252.
    #[error("{file}: line {line} is neither UTF-8 nor Windows-1252: {}", .page.remedy())]
    Encoding {
        /// The file.
        file: String,
        /// The first line that shows it.
        line: u64,
        /// What it seems to be.
        page: Page,
    },
    /// A file of one number a line that has columns.
    #[error(
        "{file}: has columns, while a .txt holds one number a line: let its name end in .{ending}, and name the `column`"
    )]
    HasColumns {
        /// The file.
        file: String,
        /// What its name should end in.
        ending: &'static str,
    },
    /// The objects of JSON lines have keys that are values.
    #[error("{file}: more than {most} different keys: name those that are to be copied in `carry`")]
    TooManyKeys {
        /// The file.
        file: String,
        /// How many are borne.
        most: usize,
    },
}

impl InputError {
    /// The column of the job that it is about.
    pub fn column(&self) -> Option<&str> {
        match self {
            Self::NoSuchColumn { column, .. }
            | Self::ColumnTwice { column, .. }
            | Self::NoColumns { column, .. } => Some(column),
            _ => None,
        }
    }

    /// That a column is not there, with the one that was probably meant.
    pub(super) fn no_such_column(file: &str, column: &str, there: &[String]) -> Self {
        Self::NoSuchColumn {
            file: file.to_owned(),
            column: column.to_owned(),
            nearest: nearest(column, there.iter().map(String::as_str).filter(|name| is_of_column(name)))
                .or_else(|| alike(column, there.iter().map(String::as_str)))
                .or_else(|| nearest(column, PLACES))
                .map(str::to_owned),
            there: there.to_vec(),
        }
    }

    /// What the system said about a file.
    pub(super) fn unreadable(file: &str, cause: io::Error) -> Self {
        let file = file.to_owned();
        match cause.kind() {
            io::ErrorKind::NotFound => Self::NotFound { file },
            io::ErrorKind::IsADirectory => Self::Directory { file },
            _ => Self::Unreadable { file, cause },
        }
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}
