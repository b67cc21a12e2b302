//! Looking through a whole ledger for what does not read.

use crate::ledger::{Ledger, LedgerError};
use futures_util::TryStreamExt as _;
use sqlx::{AssertSqlSafe, Row};
use std::collections::BTreeMap;

/// Every column that holds text.
const TEXTS: &str = "SELECT m.name, p.name FROM sqlite_schema m CROSS JOIN pragma_table_info(m.name) p \
                     WHERE m.type = 'table' AND p.type = 'TEXT' ORDER BY m.name, p.cid";

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
        let columns = "SELECT count(*) FROM rows WHERE columns IS NOT NULL AND NOT json_valid(columns)";
        let spoilt: i64 = sqlx::query_scalar(columns).fetch_one(&mut *reader).await.map_err(failed)?;
        Ok((spoilt > 0).then(|| "a text in table \"rows\" is none of ours (not JSON)".to_owned()))
    }
}

/// A name as SQL takes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
