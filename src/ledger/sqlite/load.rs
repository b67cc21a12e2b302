//! Copying the input into the ledger, so that a run never depends on a file that someone may change.

use super::values::ManyRows;
use crate::domain::identity::Identity;
use crate::domain::number::{Kind, Subject};
use crate::ledger::{Cell, Counts, Ledger, LedgerError, NewRow};
use zeroize::Zeroizing;

/// A row as its statement binds it.
struct Bound<'a> {
    row: &'a NewRow,
    digest: Option<Identity>,
    content: Vec<u8>,
}

impl Ledger {
    /// Copies some rows of run `run` (in the order of their positions), with `steps` pending lookups for each good one.
    pub async fn load(&self, run: i64, steps: u16, rows: &[NewRow]) -> Result<(), LedgerError> {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(()) };
        let insert = ManyRows::new(
            7,
            "INSERT INTO rows (run, row, line, kind, reason, digest, content) SELECT * FROM {values} \
             WHERE column1 IS NOT NULL",
        );
        let failed = |e: sqlx::Error| self.failed(&e);
        let key = self.data_key(run).await?;
        let bound = |row| {
            let row: &NewRow = row;
            let NewRow { row: at, subject, columns, .. } = row;
            let text = match subject {
                Ok(subject) => Zeroizing::new(subject.stored()),
                Err((input, _)) => Zeroizing::new(input.clone()),
            };
            let text = Zeroizing::new(serde_json::to_string(&*text).map_err(|_| self.damaged())?);
            let clear = Zeroizing::new(format!("[{},{columns}]", *text));
            Ok(Bound {
                row,
                digest: match subject {
                    Ok(subject) => Some(self.digest_of(subject)),
                    Err((input, _)) => self.digest_of_cell(input),
                },
                content: key.seal(Cell::Row { run, row: *at }, clear.as_bytes()),
            })
        };
        let bound = rows.iter().map(bound).collect::<Result<Vec<_>, LedgerError>>()?;
        let mut writer = self.writer.lock().await;
        let mut transaction = self.begin(&mut writer).await?;
        insert
            .run(&mut transaction, &bound, |query, bound| {
                let bad = bound.row.subject.as_ref().err();
                query
                    .bind(run)
                    .bind(bound.row.row)
                    .bind(bound.row.line)
                    .bind(bound.row.subject.as_ref().ok().map(Subject::kind).map(Kind::as_str))
                    .bind(bad.map(|(_, reason)| reason.as_str()))
                    .bind(bound.digest.as_ref().map(|digest| &digest.0[..]))
                    .bind(bound.content.as_slice())
            })
            .await
            .map_err(failed)?;
        sqlx::query(
            "WITH RECURSIVE step (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM step WHERE n + 1 < ?4) \
             INSERT INTO lookups (run, row, step) SELECT run, row, n FROM rows CROSS JOIN step \
             WHERE run = ?1 AND row BETWEEN ?2 AND ?3 AND kind IS NOT NULL",
        )
        .bind(run)
        .bind(first.row)
        .bind(last.row)
        .bind(i64::from(steps))
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        transaction.commit().await.map_err(failed)
    }

    /// Ends the copy: from now on the run can be continued. In the same transaction the job's other open runs of the same
    /// `--limit` are closed, so that no crash leaves two to choose from.
    pub async fn loaded(
        &self,
        run: i64,
        counts: Counts,
        file: Option<(i64, &str)>,
        now: i64,
    ) -> Result<(), LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let (bytes, sha256) = file.unzip();
        let mut writer = self.writer.lock().await;
        let mut transaction = self.begin(&mut writer).await?;
        sqlx::query(
            "UPDATE runs SET state = 'running', rows = ?, bad_rows = ?, letter_rows = ?, input_bytes = ?, \
             input_sha256 = ? WHERE id = ?",
        )
        .bind(counts.rows)
        .bind(counts.bad_rows)
        .bind(counts.letter_rows)
        .bind(bytes)
        .bind(sha256)
        .bind(run)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        sqlx::query(
            "UPDATE runs SET state = 'closed', reason = 'a newer run took its place', finished_at = ?2 \
             FROM (SELECT job, limit_rows FROM runs WHERE id = ?1) AS new WHERE runs.id <> ?1 \
             AND runs.job = new.job AND runs.limit_rows IS new.limit_rows AND runs.state IN ('running', 'stopped')",
        )
        .bind(run)
        .bind(now)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        transaction.commit().await.map_err(failed)
    }

    /// Notes the names of a run's columns, where its input turned out to have more than were known when it began.
    pub async fn set_columns(&self, run: i64, columns: &str) -> Result<(), LedgerError> {
        self.write_one(sqlx::query("UPDATE runs SET columns = ? WHERE id = ?").bind(columns).bind(run)).await
    }

    /// Takes away a run that has sent nothing: a copy cut short, or a plan that was refused.
    pub async fn discard(&self, run: i64) -> Result<(), LedgerError> {
        /// Rows a transaction, so that a large copy is not undone in one.
        const ROWS: i64 = 20_000;
        let last: i64 = sqlx::query_scalar("SELECT coalesce(max(row), 0) FROM rows WHERE run = ?")
            .bind(run)
            .fetch_one(&self.readers)
            .await
            .map_err(|e| self.failed(&e))?;
        let mut upto = 0;
        while upto < last {
            upto += ROWS;
            self.write_one(
                sqlx::query("DELETE FROM lookups WHERE run = ? AND row <= ?").bind(run).bind(upto),
            )
            .await?;
            self.write_one(sqlx::query("DELETE FROM rows WHERE run = ? AND row <= ?").bind(run).bind(upto))
                .await?;
        }
        let key: Option<i64> = sqlx::query_scalar("DELETE FROM runs WHERE id = ? RETURNING data_key")
            .bind(run)
            .fetch_optional(&mut *self.writer.lock().await)
            .await
            .map_err(|e| self.failed(&e))?;
        // A backup that was made meanwhile holds its rows, and no purge would find it.
        let key: Vec<u32> = key.and_then(|key| u32::try_from(key).ok()).into_iter().collect();
        self.keyring.give_up(&key)?;
        Ok(())
    }
}
