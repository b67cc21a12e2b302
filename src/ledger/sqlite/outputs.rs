//! Output files: which run has which, and what was found for their columns.

use crate::domain::identity::{Identity, hex};
use crate::domain::record::WrittenKind;
use crate::ledger::{KeptOutput, Ledger, LedgerError, OutputFile};
use crate::time::now_ms;
use sqlx::Row;

impl Ledger {
    /// Where a run's file of this base is, if it has one.
    pub async fn output_path(&self, run: i64, base: &str) -> Result<Option<String>, LedgerError> {
        sqlx::query_scalar("SELECT path FROM outputs WHERE run = ? AND base = ?")
            .bind(run)
            .bind(base)
            .fetch_optional(&self.readers)
            .await
            .map_err(|e| self.failed(&e))
    }

    /// The newest other run that has a path, and whether it has written there.
    pub async fn output_holder(&self, run: i64, path: &str) -> Result<Option<(i64, bool)>, LedgerError> {
        let row = sqlx::query(
            "SELECT run, written_at IS NOT NULL AS written FROM outputs WHERE path = ? AND run <> ? \
             ORDER BY written DESC, run DESC LIMIT 1",
        )
        .bind(path)
        .bind(run)
        .fetch_optional(&self.readers)
        .await
        .map_err(|e| self.failed(&e))?;
        Ok(row.map(|row| (row.get("run"), row.get("written"))))
    }

    /// Whether a run over all of its rows has written to a path.
    pub async fn holds_a_whole_run(&self, run: i64, path: &str) -> Result<bool, LedgerError> {
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM outputs o CROSS JOIN runs r ON r.id = o.run AND r.limit_rows IS NULL \
             WHERE o.path = ?1 AND o.run <> ?2 AND o.written_at IS NOT NULL)",
        )
        .bind(path)
        .bind(run)
        .fetch_one(&self.readers)
        .await
        .map_err(|e| self.failed(&e))
    }

    /// Gives a run a path for its file of this base. Where it is to be the run's `alone`, not one that another run has:
    /// false then, and nothing is noted.
    pub async fn take_output(
        &self,
        run: i64,
        base: &str,
        path: &str,
        alone: bool,
    ) -> Result<bool, LedgerError> {
        let mut writer = self.writer.lock().await;
        let mut transaction = self.begin(&mut writer).await?;
        let done = sqlx::query(
            "INSERT INTO outputs (run, base, path) SELECT ?1, ?2, ?3 \
             WHERE NOT (?4 AND EXISTS (SELECT 1 FROM outputs WHERE path = ?3 AND run <> ?1)) \
             ON CONFLICT (run, base) DO UPDATE SET path = excluded.path",
        )
        .bind(run)
        .bind(base)
        .bind(path)
        .bind(alone)
        .execute(&mut *transaction)
        .await
        .map_err(|e| self.failed(&e))?;
        transaction.commit().await.map_err(|e| self.failed(&e))?;
        Ok(done.rows_affected() > 0)
    }

    /// Notes the files that a run has written.
    pub async fn note_outputs(&self, run: i64, files: &[OutputFile]) -> Result<(), LedgerError> {
        let mut writer = self.writer.lock().await;
        let mut transaction = self.begin(&mut writer).await?;
        for file in files {
            sqlx::query(
                "INSERT INTO outputs (run, base, path, place, kind, rows, columns, written_at, digest) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) \
                 ON CONFLICT (run, base) DO UPDATE SET path = excluded.path, place = excluded.place, kind = excluded.kind, \
                 rows = excluded.rows, columns = excluded.columns, written_at = excluded.written_at, \
                 digest = excluded.digest, removed = NULL",
            )
            .bind(run)
            .bind(&file.base)
            .bind(&file.path)
            .bind(file.place)
            .bind(file.kind.as_str())
            .bind(i64::try_from(file.rows).unwrap_or(i64::MAX))
            .bind(serde_json::to_string(&file.columns).unwrap_or_else(|_| "[]".to_owned()))
            .bind(now_ms())
            .bind(self.output_digest(&file.sha256).0.to_vec())
            .execute(&mut *transaction)
            .await
            .map_err(|e| self.failed(&e))?;
        }
        transaction.commit().await.map_err(|e| self.failed(&e))
    }

    /// The keyed digest of a file's contents.
    pub fn output_digest(&self, sha256: &[u8; 32]) -> Identity {
        self.key.short("output", &hex(sha256))
    }

    /// The files that a run has written and of which nothing has become since that the ledger knows.
    pub async fn kept_outputs(&self, run: i64) -> Result<Vec<KeptOutput>, LedgerError> {
        let rows = sqlx::query(
            "SELECT base, path, digest, EXISTS (SELECT 1 FROM outputs n WHERE n.path = o.path AND n.run <> o.run \
             AND n.written_at >= o.written_at) AS replaced FROM outputs o \
             WHERE run = ? AND digest IS NOT NULL AND removed IS NULL ORDER BY place, base",
        )
        .bind(run)
        .fetch_all(&self.readers)
        .await
        .map_err(|e| self.failed(&e))?;
        let kept = |row: &sqlx::sqlite::SqliteRow| {
            let digest = <[u8; 16]>::try_from(row.try_get::<&[u8], _>("digest")?).unwrap_or_default();
            let (base, path) = (row.try_get("base")?, row.try_get("path")?);
            Ok(KeptOutput { base, path, digest: Identity(digest), replaced: row.try_get("replaced")? })
        };
        rows.iter().map(kept).collect::<sqlx::Result<_>>().map_err(|e| self.failed(&e))
    }

    /// Notes what a file of a run holds now.
    pub async fn output_rewritten(
        &self,
        run: i64,
        base: &str,
        sha256: &[u8; 32],
        left_out: u64,
    ) -> Result<(), LedgerError> {
        let query =
            sqlx::query("UPDATE outputs SET digest = ?, rows = max(rows - ?, 0) WHERE run = ? AND base = ?");
        let left_out = i64::try_from(left_out).unwrap_or(i64::MAX);
        self.write_one(query.bind(self.output_digest(sha256).0.to_vec()).bind(left_out).bind(run).bind(base))
            .await
    }

    /// Notes that a file of a run is gone, or was left where it is.
    pub async fn output_removed(&self, run: i64, base: &str, gone: bool) -> Result<(), LedgerError> {
        let query = sqlx::query("UPDATE outputs SET removed = ? WHERE run = ? AND base = ?");
        let word = if gone { "deleted" } else { "kept" };
        self.write_one(query.bind(word).bind(run).bind(base)).await
    }

    /// The files that a run has written, in the order of its job.
    pub async fn outputs(&self, run: i64) -> Result<Vec<OutputFile>, LedgerError> {
        let rows = sqlx::query(
            "SELECT base, path, place, kind, rows, columns FROM outputs WHERE run = ? AND kind IS NOT NULL \
             AND removed IS NOT 'deleted' ORDER BY place, base",
        )
        .bind(run)
        .fetch_all(&self.readers)
        .await
        .map_err(|e| self.failed(&e))?;
        let file = |row: &sqlx::sqlite::SqliteRow| {
            Ok(OutputFile {
                base: row.get("base"),
                path: row.get("path"),
                place: row.get("place"),
                kind: WrittenKind::parse(row.get("kind")).ok_or_else(|| self.damaged())?,
                rows: row.get::<i64, _>("rows").unsigned_abs(),
                columns: serde_json::from_str(row.get("columns")).map_err(|_| self.damaged())?,
                sha256: [0; 32],
            })
        };
        rows.iter().map(file).collect()
    }
}
