//! `order = "oldest"`: the order of a run that begins with what is stalest.
//!
//! It is kept as a key of a table rather than sorted: a million rows are inserted where they belong, a few thousand a
//! transaction, in as little memory as a thousand.

use crate::domain::number::Kind;
use crate::ledger::{Ledger, LedgerError, OrderKey, Pending};
use sqlx::Row;

impl Ledger {
    /// Puts the rows of a run that have something pending in order: those first of whose number nothing was heard, then by
    /// the time when it was. `asked` are the services that are always asked, with the kinds of numbers they take; of
    /// several the one that was heard longest ago counts. The caller holds the job's lock.
    pub async fn rank(&self, run: i64, asked: &[(i64, Kind)]) -> Result<(), LedgerError> {
        /// Rows a transaction.
        const ROWS: i64 = 4_096;
        let failed = |e: sqlx::Error| self.failed(&e);
        self.forget_turns(run).await?;
        let asked: Vec<_> = asked.iter().map(|(service, kind)| (service, kind.as_str())).collect();
        let asked = serde_json::to_string(&asked).map_err(|_| self.damaged())?;
        let last: i64 = sqlx::query_scalar("SELECT coalesce(max(row), 0) FROM rows WHERE run = ?")
            .bind(run)
            .fetch_one(&self.readers)
            .await
            .map_err(failed)?;
        let mut upto = 0;
        while upto < last {
            let insert = sqlx::query(
                "INSERT INTO turns (run, heard_at, row) \
                 SELECT r.run, min(coalesce(h.heard_at, 0)), r.row FROM rows r \
                 LEFT JOIN json_each(?4) a ON a.value ->> 1 = r.kind \
                 LEFT JOIN heard h ON h.digest = r.digest AND h.service = a.value ->> 0 \
                 WHERE r.run = ?1 AND r.row > ?2 AND r.row <= ?3 AND EXISTS \
                 (SELECT 1 FROM lookups l WHERE l.run = r.run AND l.row = r.row AND l.state = 'pending') \
                 GROUP BY r.row",
            );
            self.write_one(insert.bind(run).bind(upto).bind(upto + ROWS).bind(&asked)).await?;
            upto += ROWS;
        }
        Ok(())
    }

    /// Takes away the orders of earlier invocations of the run's job, a piece at a time.
    async fn forget_turns(&self, run: i64) -> Result<(), LedgerError> {
        let delete = "DELETE FROM turns WHERE (run, heard_at, row) IN (SELECT t.run, t.heard_at, t.row FROM runs me \
                      CROSS JOIN runs u ON u.job = me.job CROSS JOIN turns t ON t.run = u.id \
                      WHERE me.id = ? LIMIT 20000)";
        loop {
            if self.write(sqlx::query(delete).bind(run)).await?.rows_affected() == 0 {
                return Ok(());
            }
        }
    }

    /// The next pending lookups of some steps of a run after a key, in the order that [`Ledger::rank`] put them in.
    pub async fn pending_in_order(
        &self,
        run: i64,
        steps: &[u16],
        after: OrderKey,
        limit: u32,
    ) -> Result<Vec<Pending>, LedgerError> {
        let rows = sqlx::query(NEXT)
            .bind(run)
            .bind(after.heard_at)
            .bind(after.at.row)
            .bind(i64::from(after.at.step))
            .bind(limit)
            .bind(self.step_list(steps)?)
            .fetch_all(&self.readers)
            .await
            .map_err(|e| self.failed(&e))?;
        let pending = rows.iter().map(|row| {
            let pending = self.pending_of(row)?;
            let heard_at = row.try_get("heard_at").map_err(|e| self.failed(&e))?;
            Ok(Pending { heard_at, ..pending })
        });
        pending.collect()
    }
}

const NEXT: &str = "SELECT l.row, l.step, l.spent, l.lost, r.kind, r.content, l.run, t.heard_at FROM turns t \
    CROSS JOIN lookups l ON l.run = t.run AND l.row = t.row CROSS JOIN rows r ON r.run = t.run AND r.row = t.row \
    WHERE t.run = ?1 AND (t.heard_at, t.row) >= (?2, ?3) AND (t.heard_at, t.row, l.step) > (?2, ?3, ?4) \
    AND l.state = 'pending' AND l.step IN (SELECT value FROM json_each(?6)) \
    ORDER BY t.heard_at, t.row, l.step LIMIT ?5";

#[cfg(test)]
mod tests {
    use super::super::feed::PENDING_STEPS;
    use super::super::tests::{answered, begin, ids, intent};
    use super::*;
    use crate::domain::number::{Accept, AcceptKind, Subject};
    use crate::domain::outcome::Outcome;
    use crate::ledger::Access;
    use crate::ledger::{Batch, Counts, NewRow};
    use std::path::Path;

    const NUMBERS: [&str; 3] = ["556012-5790", "559900-0006", "559900-0014"];

    async fn order(ledger: &Ledger, run: i64, page: u32) -> Vec<i64> {
        let (mut after, mut rows) = (OrderKey::default(), Vec::new());
        loop {
            let pending = ledger.pending_in_order(run, &[0], after, page).await.unwrap();
            let Some(last) = pending.last() else { return rows };
            after = OrderKey { heard_at: last.heard_at, at: last.at };
            rows.extend(pending.iter().map(|lookup| lookup.at.row));
        }
    }

    /// A run over the three numbers twice.
    async fn run(ledger: &Ledger, job: &str) -> i64 {
        let run = begin(ledger, job, 0).await;
        let accept = Accept { kind: AcceptKind::Any, sole_traders: true, assume_under_100: false };
        let today = jiff::civil::date(2026, 11, 20);
        let row = |at: usize| NewRow {
            row: i64::try_from(at).unwrap() + 1,
            line: i64::try_from(at).unwrap() + 2,
            subject: Ok(Subject::parse(NUMBERS[at % 3], accept, today).unwrap()),
            columns: "[]".to_owned(),
        };
        ledger.load(run, 1, &(0..6).map(row).collect::<Vec<_>>()).await.unwrap();
        ledger.loaded(run, Counts { rows: 6, ..Counts::default() }, None, 1).await.unwrap();
        run
    }

    async fn hear(ledger: &Ledger, run: i64, row: i64, id: i64, at: i64) {
        let keys = ids(ledger).await;
        let intents = vec![intent(keys, row, id, u8::try_from(id).unwrap(), false)];
        ledger.commit(run, &Batch { intents, ..Batch::default() }).await.unwrap();
        let mut end = answered(id, Outcome::Hit);
        end.settled_at = at;
        ledger.commit(run, &Batch { ends: vec![end], ..Batch::default() }).await.unwrap();
    }

    async fn open(folder: &Path) -> Ledger {
        Ledger::open(&folder.join("orgpull.db"), &Access::default()).await.unwrap()
    }

    #[tokio::test]
    async fn what_was_never_heard_comes_first_then_what_was_heard_longest_ago() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = open(folder.path()).await;
        let old = run(&ledger, "weekly").await;
        hear(&ledger, old, 1, 1, 3_000).await;
        hear(&ledger, old, 3, 2, 2_000).await;
        let new = run(&ledger, "nightly").await;
        let service = ids(&ledger).await.0;
        let asked = [(service, Kind::Organisation)];
        ledger.rank(new, &asked).await.unwrap();
        for page in [1, 2, 4, 256] {
            assert_eq!(order(&ledger, new, page).await, [2, 5, 3, 6, 1, 4], "{page}");
        }
        // A newer answer, and another invocation.
        hear(&ledger, old, 6, 3, 9_000).await;
        ledger.rank(new, &asked).await.unwrap();
        assert_eq!(order(&ledger, new, 4).await, [2, 5, 1, 4, 3, 6]);
        // Nothing is always asked: as they stand.
        ledger.rank(new, &[(service, Kind::Person)]).await.unwrap();
        assert_eq!(order(&ledger, new, 4).await, [1, 2, 3, 4, 5, 6]);
    }

    #[tokio::test]
    async fn a_page_is_read_by_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = open(folder.path()).await;
        let mut writer = ledger.writer.lock().await;
        for (text, key) in
            [(NEXT, "run=? AND (heard_at,row)>(?,?)"), (PENDING_STEPS, "run=? AND (row,step)>(?,?)")]
        {
            let plan = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}")));
            let plan = plan.fetch_all(&mut *writer).await.unwrap();
            let plan: Vec<String> = plan.iter().map(|step| step.get("detail")).collect();
            // Of all that is walked only the list of steps has no key, and nothing is sorted.
            let keyless = |step: &&String| step.starts_with("SCAN") && !step.contains("json_each");
            assert!(!plan.iter().any(|step| keyless(&step) || step.contains("TEMP B-TREE")), "{plan:#?}");
            assert!(plan[0].contains(key), "{plan:#?}");
        }
    }
}
