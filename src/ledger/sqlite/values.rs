//! Statements of many rows. Each execution through sqlx costs a hop to the connection's thread, so a batch is written by
//! a few statements over `VALUES` lists, all in one text. The lists come in a few fixed lengths, filled up with rows of
//! NULL, so that each text is compiled once and stays in the connection's cache.

use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection};
use std::sync::Arc;

/// The lengths of the lists.
const LENGTHS: [usize; 6] = [1, 4, 16, 32, 64, 128];

/// A text of one statement or of several, in its few lengths.
pub(super) struct ManyRows {
    width: usize,
    texts: [Arc<str>; LENGTHS.len()],
}

pub(super) type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

impl ManyRows {
    /// A statement whose `{values}` stands for a `VALUES` list of `width` columns, whose numbers begin at `?1`.
    pub(super) fn new(width: usize, text: &str) -> Self {
        Self::joined(&[(width, text)])
    }

    /// Several statements, each with a list of its own; all lists of an execution have the same length.
    pub(super) fn joined(statements: &[(usize, &str)]) -> Self {
        let width = statements.iter().map(|(width, _)| width).sum();
        let texts = LENGTHS.map(|length| {
            let each: Vec<String> =
                statements.iter().map(|(width, text)| with_values(text, *width, length)).collect();
            Arc::from(each.join("; "))
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
            let query = list(query, self.width, length, chunk, &bind);
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

    /// The most rows of one list.
    pub(super) const MOST: usize = LENGTHS[LENGTHS.len() - 1];
}

/// A statement whose `{values}` stands for a list of `length` rows.
fn with_values(text: &str, width: usize, length: usize) -> String {
    let row = format!("({})", vec!["?"; width].join(","));
    text.replace("{values}", &format!("(VALUES {})", vec![row; length].join(",")))
}

/// Binds a list of `length` rows: those of `items`, `width` values each, and rows of NULL.
pub(super) fn list<'q, T>(
    query: Query<'q>,
    width: usize,
    length: usize,
    items: &'q [T],
    bind: impl Fn(Query<'q>, &'q T) -> Query<'q>,
) -> Query<'q> {
    let query = items.iter().fold(query, bind);
    (items.len() * width..length * width).fold(query, |query, _| query.bind(None::<i64>))
}
