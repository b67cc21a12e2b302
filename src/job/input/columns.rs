//! Where the number and the columns that are kept stand among the names of a file.

use super::InputError;
use crate::domain::redact::scrub;

/// Which columns of the input to keep.
#[derive(Debug, Clone, Copy)]
pub enum Columns<'a> {
    /// These, by name.
    Named(&'a [String]),
    /// Every named one but the number's, in JSON lines those of all objects. These must be among them, since parameters
    /// need them.
    All(&'a [String]),
}

/// A row before its number is read.
pub(super) struct RawRow {
    pub(super) line: u64,
    pub(super) input: String,
    /// Why the row is refused before its number is looked at.
    pub(super) fault: Option<String>,
    pub(super) columns: Vec<String>,
}

/// Where the number stands and where the kept columns stand, among the names of a file.
pub(super) struct Places {
    pub(super) number: usize,
    pub(super) kept: Vec<usize>,
    pub(super) names: Vec<String>,
}

impl Places {
    /// Finds the columns. Those of `keep` that are not there are refused, too.
    pub(super) fn find(
        file: &str,
        there: &[String],
        column: Option<&str>,
        keep: Columns<'_>,
    ) -> Result<Self, InputError> {
        let named = column.is_some_and(|column| there.iter().any(|name| name == column));
        if !named && there.iter().any(|name| looks_like_number(name)) {
            return Err(InputError::NoHeader { file: file.to_owned() });
        }
        let number = number_place(file, there, column)?;
        let kept: Vec<usize> = match keep {
            Columns::All(needed) => {
                let kept = |at: &usize| *at != number && !there[*at].is_empty();
                let missing =
                    needed.iter().find(|name| !(0..there.len()).any(|at| kept(&at) && there[at] == **name));
                if let Some(missing) = missing {
                    return Err(InputError::no_such_column(file, missing, there));
                }
                (0..there.len()).filter(kept).collect()
            }
            Columns::Named(names) => {
                names.iter().map(|name| place(file, there, name)).collect::<Result<_, _>>()?
            }
        };
        let names = kept.iter().map(|at| there[*at].clone()).collect();
        Ok(Self { number, kept, names })
    }
}

/// Whether a name in a header is rather a number, well or badly written: names are shown in messages, numbers not.
pub(super) fn looks_like_number(name: &str) -> bool {
    let digits = name.chars().filter(char::is_ascii_digit).count();
    let only = !name.chars().any(|c| c.is_alphabetic() && !c.eq_ignore_ascii_case(&'e'));
    (only && digits >= 9) || scrub(name) != name
}

/// The column that holds the number: the one that the job names, or the only one there is.
pub(super) fn number_place(file: &str, there: &[String], column: Option<&str>) -> Result<usize, InputError> {
    match (column, there) {
        (Some(column), _) => place(file, there, column),
        (None, [_]) => Ok(0),
        (None, _) => Err(InputError::WhichColumn { file: file.to_owned(), there: there.to_vec() }),
    }
}

fn place(file: &str, there: &[String], name: &str) -> Result<usize, InputError> {
    let mut found = there.iter().enumerate().filter(|(_, column)| *column == name).map(|(at, _)| at);
    match (found.next(), found.next()) {
        (Some(at), None) => Ok(at),
        (None, _) => Err(InputError::no_such_column(file, name, there)),
        (Some(_), Some(_)) => Err(InputError::ColumnTwice { file: file.to_owned(), column: name.to_owned() }),
    }
}
