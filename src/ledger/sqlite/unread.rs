//! Looking through a whole ledger for what does not read.

use crate::domain::identity::Identity;
use crate::ledger::{Cell, Ledger, LedgerError};
use futures_util::TryStreamExt as _;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};
use std::collections::BTreeMap;

/// Every column that holds text.
const TEXTS: &str = "SELECT m.name, p.name FROM sqlite_schema m CROSS JOIN pragma_table_info(m.name) p \
                     WHERE m.type = 'table' AND p.type = 'TEXT' ORDER BY m.name, p.cid";

/// Every sealed column but that of answers: the value, and what says which cell it is.
const SEALED: [(&str, &str); 5] = [
    ("rows", "SELECT content, run, row FROM rows WHERE content IS NOT NULL"),
    ("runs", "SELECT job_text, run FROM runs WHERE job_text IS NOT NULL"),
    ("attempts", "SELECT text, id FROM attempts WHERE text IS NOT NULL"),
    ("lookups", "SELECT text, run, row, step FROM lookups WHERE text IS NOT NULL"),
    ("purposes", "SELECT purpose, digest FROM purposes"),
];

impl Ledger {
    /// Which table holds a text that is none, where one does. SQLite's own check looks at pages and keys, and takes any bytes
    /// for a text.
    pub async fn unread_text(&self) -> Result<Option<String>, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let mut reader = self.readers.acquire().await.map_err(failed)?;
        let texts: Vec<(String, String)> =
            sqlx::query_as(TEXTS).fetch_all(&mut *reader).await.map_err(failed)?;
        let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (table, column) in texts {
            tables.entry(quoted(&table)).or_default().push(quoted(&column));
        }
        for (table, columns) in tables {
            let sql = format!("SELECT {} FROM {table}", columns.join(", "));
            let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(&mut *reader);
            while let Some(row) = rows.try_next().await.map_err(failed)? {
                if (0..columns.len()).any(|at| row.try_get::<Option<&str>, _>(at).is_err()) {
                    return Ok(Some(format!("a text in table {table} is none (not UTF-8)")));
                }
            }
        }
        Ok(None)
    }

    /// Which table holds a sealed value that does not open, where one does, and how many it holds. Answers are told apart.
    pub async fn unopened(&self) -> Result<Option<String>, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let mut reader = self.readers.acquire().await.map_err(failed)?;
        for (table, sql) in SEALED {
            let mut rows = sqlx::query(sql).fetch(&mut *reader);
            let mut unopened = 0_u64;
            while let Some(row) = rows.try_next().await.map_err(failed)? {
                let sealed: &[u8] = row.try_get(0).map_err(failed)?;
                let opened = cell_of(table, &row).map(|cell| self.keyring.unseal(cell, sealed).is_ok());
                unopened += u64::from(!opened.unwrap_or(false));
            }
            if unopened > 0 {
                let values = if unopened == 1 { "value that does" } else { "values that do" };
                return Ok(Some(format!("table {table} holds {unopened} sealed {values} not open")));
            }
        }
        Ok(None)
    }
}

/// Which cell a value of such a statement is.
fn cell_of<'r>(table: &str, row: &'r SqliteRow) -> sqlx::Result<Cell<'r>> {
    let number = |at| row.try_get::<i64, _>(at);
    Ok(match table {
        "rows" => Cell::Row { run: number(1)?, row: number(2)? },
        "runs" => Cell::JobText(row.try_get(1)?),
        "attempts" => Cell::AttemptText(number(1)?),
        "purposes" => {
            let digest = <[u8; 16]>::try_from(row.try_get::<&[u8], _>(1)?);
            Cell::Purpose(Identity(digest.map_err(|_| sqlx::Error::Decode("no digest".into()))?))
        }
        _ => Cell::LookupText { run: number(1)?, row: number(2)?, step: row.try_get(3)? },
    })
}

/// A name as SQL takes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
