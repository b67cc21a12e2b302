//! Forgetting somebody. First everything that says something about them is emptied, by which they are found as before; when
//! all is done, outputs too, the digests become random. So whoever dies on the way finds it all again.

use crate::domain::identity::hex;
use crate::domain::json::Json;
use crate::domain::number::{Subject, persons_in};
use crate::ledger::{Cell, Emptied, Erased, Forgotten, Ledger, LedgerError, LostLetter, Traces};
use sqlx::{Row, SqliteConnection};
use std::collections::{BTreeMap, BTreeSet};

/// Centuries in which somebody may be born who has a number.
const CENTURIES: [&str; 3] = ["18", "19", "20"];

/// Rows a transaction.
const PIECE: usize = 200;

/// A list of pairs as a statement takes it.
const PAIRS: &str = "WITH p (run, row) AS MATERIALIZED (SELECT value ->> 0, value ->> 1 FROM json_each(?1))";

impl Ledger {
    /// By which digests somebody is found, however their number was written.
    pub fn erasure(&self, subject: &Subject, now: i64) -> Erased {
        let ten = subject.sent10();
        let forms = CENTURIES.iter().map(|century| format!("{century}{ten}")).chain([ten.clone()]);
        let numbers = forms.map(|form| hex(&self.digest_of_digits(&form).0)).collect();
        let named = <[u8; 10]>::try_from(ten.as_bytes()).map(|ten| hex(&self.named_digest(&ten).0));
        Erased { at: now, numbers, named: named.unwrap_or_default() }
    }

    /// Where somebody stands in the ledger.
    pub async fn traces(&self, of: &Erased) -> Result<Traces, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let digests = serde_json::to_string(&of.numbers).unwrap_or_default();
        // No index: it would cost every row of every run, and a million are walked in less than a second.
        let rows = sqlx::query_as(
            "SELECT run, row FROM rows WHERE digest IN (SELECT unhex(value) FROM json_each(?)) ORDER BY run, row",
        );
        let rows = rows.bind(digests).fetch_all(&self.readers).await.map_err(failed)?;
        let named = sqlx::query_scalar("SELECT attempt FROM named WHERE digest = unhex(?) ORDER BY attempt");
        let named = named.bind(&of.named).fetch_all(&self.readers).await.map_err(failed)?;
        Ok(Traces { rows, named })
    }

    /// The attempts of some rows, by run and position.
    pub async fn attempts_of(
        &self,
        rows: &[(i64, i64)],
    ) -> Result<BTreeMap<(i64, i64), Vec<i64>>, LedgerError> {
        // One walk for all of them.
        let sql = format!(
            "{PAIRS} SELECT a.id, a.run, a.row FROM attempts a CROSS JOIN p ON p.run = a.run AND p.row = a.row ORDER BY a.id"
        );
        let found: Vec<(i64, i64, i64)> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(pairs(rows))
            .fetch_all(&self.readers)
            .await
            .map_err(|e| self.failed(&e))?;
        let mut attempts: BTreeMap<_, Vec<i64>> = BTreeMap::new();
        for (id, run, row) in found {
            attempts.entry((run, row)).or_default().push(id);
        }
        Ok(attempts)
    }

    /// Unfinished runs with lookups of these rows that are not settled, and their jobs: whoever is at such a run must not be.
    pub async fn undecided_runs(
        &self,
        rows: &[(i64, i64)],
    ) -> Result<Vec<(i64, String, String)>, LedgerError> {
        let sql = format!(
            "{PAIRS} SELECT DISTINCT u.id, u.run, u.job FROM p CROSS JOIN lookups l ON l.run = p.run AND l.row = p.row \
             AND l.state IN ('pending', 'started') CROSS JOIN runs u ON u.id = l.run ORDER BY u.id"
        );
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(pairs(rows));
        query.fetch_all(&self.readers).await.map_err(|e| self.failed(&e))
    }

    /// The runs whose outputs may hold these answers: those that bought or reused them, with the lines of the input.
    pub async fn lines_of(&self, rows: &[(i64, i64)]) -> Result<BTreeMap<i64, BTreeSet<u64>>, LedgerError> {
        let sql = format!(
            "{PAIRS} SELECT r.run, r.line FROM p CROSS JOIN rows r ON r.run = p.run AND r.row = p.row"
        );
        let found: Vec<(i64, i64)> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(pairs(rows))
            .fetch_all(&self.readers)
            .await
            .map_err(|e| self.failed(&e))?;
        let mut lines: BTreeMap<_, BTreeSet<u64>> = BTreeMap::new();
        for (run, line) in found {
            lines.entry(run).or_default().insert(line.unsigned_abs());
        }
        Ok(lines)
    }

    /// The runs that bought these answers or took them over.
    pub async fn runs_with(&self, attempts: &[i64]) -> Result<BTreeSet<i64>, LedgerError> {
        let runs: Vec<i64> = sqlx::query_scalar(
            "SELECT a.run FROM json_each(?1) j CROSS JOIN attempts a ON a.id = j.value \
             UNION SELECT l.run FROM json_each(?1) j CROSS JOIN lookups l INDEXED BY lookups_reused \
             ON l.attempt = j.value AND l.source = 'reused'",
        )
        .bind(list(attempts))
        .fetch_all(&self.readers)
        .await
        .map_err(|e| self.failed(&e))?;
        Ok(runs.into_iter().collect())
    }

    /// Calls among these attempts that may have posted a letter and whose answer is lost.
    pub async fn lost_letters(&self, attempts: &[i64]) -> Result<Vec<LostLetter>, LedgerError> {
        let rows = sqlx::query(
            "SELECT a.transactionid, u.run, a.started_at FROM json_each(?) j CROSS JOIN attempts a ON a.id = j.value \
             CROSS JOIN runs u ON u.id = a.run WHERE a.letter_making = 1 AND a.state IN ('unknown', 'unread') \
             AND a.resolved IS NULL ORDER BY a.id",
        )
        .bind(list(attempts))
        .fetch_all(&self.readers)
        .await
        .map_err(|e| self.failed(&e))?;
        let lost = |row: &sqlx::sqlite::SqliteRow| {
            Ok(LostLetter { transactionid: row.try_get(0)?, run: row.try_get(1)?, sent_at: row.try_get(2)? })
        };
        rows.iter().map(lost).collect::<sqlx::Result<_>>().map_err(|e| self.failed(&e))
    }

    /// Empties these rows with their answers and texts. What was still to be asked about them is skipped.
    pub async fn forget_rows(
        &self,
        attempts: &BTreeMap<(i64, i64), Vec<i64>>,
        rows: &[(i64, i64)],
        now: i64,
    ) -> Result<Forgotten, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let mut forgotten = Forgotten::default();
        for piece in rows.chunks(PIECE) {
            let ids: Vec<i64> = piece.iter().filter_map(|row| attempts.get(row)).flatten().copied().collect();
            let mut writer = self.writer.lock().await;
            let mut transaction = self.begin(&mut writer).await?;
            let skip = format!(
                "{PAIRS} UPDATE lookups SET state = 'settled', outcome = 'skipped', source = NULL, code = 'forgotten' \
                 WHERE state = 'pending' AND (run, row) IN (SELECT run, row FROM p)"
            );
            let skip = sqlx::query(sqlx::AssertSqlSafe(skip)).bind(pairs(piece));
            forgotten.skipped += skip.execute(&mut *transaction).await.map_err(failed)?.rows_affected();
            for (text, bound) in [
                (
                    "UPDATE lookups SET text = NULL WHERE text IS NOT NULL AND (run, row) IN (SELECT run, row FROM p)",
                    &pairs(piece),
                ),
                (
                    "UPDATE rows SET content = NULL, emptied = coalesce(emptied, 'forgotten') \
                     WHERE (run, row) IN (SELECT run, row FROM p)",
                    &pairs(piece),
                ),
            ] {
                let query = sqlx::query(sqlx::AssertSqlSafe(format!("{PAIRS} {text}"))).bind(bound);
                query.execute(&mut *transaction).await.map_err(failed)?;
            }
            forgotten.answers += empty(&mut transaction, &ids, now).await.map_err(failed)?;
            transaction.commit().await.map_err(failed)?;
        }
        Ok(forgotten)
    }

    /// Takes somebody out of these answers about others. One that is no JSON, or damaged, goes whole.
    pub async fn forget_named(&self, attempts: &[i64], of: &Erased, now: i64) -> Result<u64, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let mut rewritten = 0;
        for attempt in attempts {
            let query = sqlx::query(
                "SELECT a.run, b.body, b.status IS NULL AS shown FROM answers b CROSS JOIN attempts a ON a.id = b.attempt \
                 WHERE b.attempt = ?",
            );
            let row = query.bind(attempt).fetch_optional(&self.readers).await.map_err(failed)?;
            let Some(row) = row else { continue };
            let (run, shown): (i64, bool) =
                (row.try_get(0).map_err(failed)?, row.try_get(2).map_err(failed)?);
            let body = self.keyring.unseal(Cell::Body(*attempt), row.try_get(1).map_err(failed)?).ok();
            let without = body.filter(|_| shown).and_then(|body| self.without(&body, &of.named));
            if let Some(without) = without {
                let sealed = self.data_key(run).await?.seal(Cell::Body(*attempt), &without);
                let query = sqlx::query("UPDATE answers SET body = ? WHERE attempt = ?");
                self.write_one(query.bind(sealed).bind(attempt)).await?;
            } else {
                let mut writer = self.writer.lock().await;
                let mut transaction = self.begin(&mut writer).await?;
                empty(&mut transaction, &[*attempt], now).await.map_err(failed)?;
                transaction.commit().await.map_err(failed)?;
            }
            rewritten += 1;
        }
        Ok(rewritten)
    }

    /// An answer without what it says about whoever has this digest; `None` if it is no JSON.
    fn without(&self, body: &[u8], named: &str) -> Option<Vec<u8>> {
        let mut json = Json::of_bytes(body)?;
        for ten in persons_in(body).iter().filter(|ten| hex(&self.named_digest(ten).0) == named) {
            json.forget(ten);
        }
        Some(json.bytes())
    }

    /// Makes everything random by which somebody is found, but for what lost letters block. The end of forgetting them.
    pub async fn forget_digests(
        &self,
        traces: &Traces,
        attempts: &[i64],
        of: &Erased,
    ) -> Result<(), LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let mut writer = self.writer.lock().await;
        let mut transaction = self.begin(&mut writer).await?;
        let rows = format!(
            "{PAIRS} UPDATE rows SET digest = randomblob(16) WHERE digest IS NOT NULL AND (run, row) IN (SELECT run, row FROM p)"
        );
        let numbers = serde_json::to_string(&of.numbers).unwrap_or_default();
        for (text, bound) in [
            (rows.as_str(), pairs(&traces.rows)),
            (
                "UPDATE attempts SET identity = randomblob(16) WHERE id IN (SELECT value FROM json_each(?)) \
                 AND NOT (letter_making = 1 AND state IN ('unknown', 'unread') AND resolved IS NULL)",
                list(attempts),
            ),
            ("DELETE FROM heard WHERE digest IN (SELECT unhex(value) FROM json_each(?))", numbers),
            ("DELETE FROM named WHERE digest = unhex(?)", of.named.clone()),
        ] {
            let query = sqlx::query(sqlx::AssertSqlSafe(text.to_owned())).bind(bound);
            query.execute(&mut *transaction).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)
    }
}

/// Empties these attempts, and tells how many had an answer.
async fn empty(connection: &mut SqliteConnection, attempts: &[i64], now: i64) -> Result<u64, sqlx::Error> {
    let gone = sqlx::query("DELETE FROM answers WHERE attempt IN (SELECT value FROM json_each(?))");
    let gone = gone.bind(list(attempts)).execute(&mut *connection).await?;
    sqlx::query(
        "UPDATE attempts SET text = NULL, emptied_at = coalesce(emptied_at, ?2), emptied_why = coalesce(emptied_why, ?3) \
         WHERE id IN (SELECT value FROM json_each(?1))",
    )
    .bind(list(attempts))
    .bind(now)
    .bind(Emptied::Forgotten.as_str())
    .execute(connection)
    .await?;
    Ok(gone.rows_affected())
}

/// Runs and positions as a statement takes them.
fn pairs(rows: &[(i64, i64)]) -> String {
    serde_json::to_string(rows).unwrap_or_default()
}

/// Ids as a statement takes them.
fn list(ids: &[i64]) -> String {
    serde_json::to_string(ids).unwrap_or_default()
}
