//! Cells as they are read: one that does not read as it was written (a text that is no text, a word that is none of ours) is an
//! error of the database, and never a panic.

use crate::domain::identity::Identity;
use crate::domain::outcome::Outcome;
use sqlx::sqlite::SqliteRow;
use sqlx::{ColumnIndex, Row};

/// A word that stands for one of a few things; `None` if the cell is empty.
pub(super) fn word<T>(
    row: &SqliteRow,
    at: impl ColumnIndex<SqliteRow>,
    parse: impl FnOnce(&str) -> Option<T>,
) -> sqlx::Result<Option<T>> {
    let Some(text) = row.try_get::<Option<&str>, _>(at)? else { return Ok(None) };
    // The word itself stays where it is: it may be anything.
    parse(text).map(Some).ok_or_else(|| sqlx::Error::Decode("a word that is none of ours".into()))
}

/// The outcome of a lookup or an attempt, where it has one.
pub(super) fn outcome(row: &SqliteRow, at: impl ColumnIndex<SqliteRow>) -> sqlx::Result<Option<Outcome>> {
    word(row, at, Outcome::parse)
}

/// An identity in the first column, where one stands there.
pub(super) fn identity(row: &SqliteRow) -> sqlx::Result<Option<Identity>> {
    Ok(<[u8; 16]>::try_from(row.try_get::<&[u8], _>(0)?).ok().map(Identity))
}

/// A count or an amount, neither of which is below nought.
pub(super) fn count(row: &SqliteRow, at: impl ColumnIndex<SqliteRow>) -> sqlx::Result<u64> {
    Ok(row.try_get::<i64, _>(at)?.unsigned_abs())
}

/// A list that is kept as JSON, or anything else that is.
pub(super) fn json<T: serde::de::DeserializeOwned>(
    row: &SqliteRow,
    at: impl ColumnIndex<SqliteRow>,
) -> sqlx::Result<T> {
    // Without what serde says, which quotes what it stumbles over.
    serde_json::from_str(row.try_get(at)?).map_err(|_| sqlx::Error::Decode("a list that is no JSON".into()))
}
