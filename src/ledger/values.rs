//! Statements of many rows. Each statement through sqlx costs a hop to the connection's thread, so a batch is written by
//! a few statements over `VALUES` lists. The lists come in a few fixed lengths, filled up with rows of NULL, so that
//! each statement is compiled once and stays in the connection's cache.

use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection};
use std::sync::Arc;

/// The lengths of the lists.
const LENGTHS: [usize; 4] = [1, 8, 32, 128];

/// One statement in its few lengths.
pub(super) struct ManyRows {
    width: usize,
    texts: [Arc<str>; LENGTHS.len()],
}

type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

impl ManyRows {
    /// A statement whose `{values}` stands for a `VALUES` list of `width` columns, whose numbers begin at `?1`.
    pub(super) fn new(width: usize, text: &str) -> Self {
        let row = format!("({})", vec!["?"; width].join(","));
        let texts = LENGTHS.map(|length| {
            let values = vec![row.as_str(); length].join(",");
            Arc::from(text.replace("{values}", &format!("(VALUES {values})")))
        });
        Self { width, texts }
    }

    /// Runs it over `items` and counts the rows it touched; `bind` binds exactly `width` values of one.
    pub(super) async fn run<'i, T>(
        &self,
        connection: &mut SqliteConnection,
        items: &'i [T],
        bind: impl Fn(Query<'i>, &'i T) -> Query<'i>,
    ) -> Result<usize, sqlx::Error> {
        let mut affected = 0;
        for chunk in items.chunks(LENGTHS[LENGTHS.len() - 1]) {
            let (query, length) = self.query(chunk.len());
            let query = chunk.iter().fold(query, &bind);
            let query = (chunk.len() * self.width..length * self.width)
                .fold(query, |query, _| query.bind(None::<i64>));
            affected += query.execute(&mut *connection).await?.rows_affected();
        }
        Ok(usize::try_from(affected).unwrap_or(usize::MAX))
    }

    /// The query for up to `count` rows and the number of rows that it takes.
    pub(super) fn query<'q>(&self, count: usize) -> (Query<'q>, usize) {
        let at = LENGTHS.iter().position(|length| *length >= count).unwrap_or(LENGTHS.len() - 1);
        (sqlx::query(AssertSqlSafe(self.texts[at].clone())), LENGTHS[at])
    }

    /// Its text in one of its lengths.
    #[cfg(test)]
    pub(super) fn text(&self) -> String {
        self.texts[2].to_string()
    }

    /// The most rows of one statement.
    pub(super) const MOST: usize = LENGTHS[LENGTHS.len() - 1];
}
