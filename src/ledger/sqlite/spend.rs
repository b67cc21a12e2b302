//! What was spent: sums over attempts, however grouped.

use super::cells;
use crate::domain::money::Ore;
use crate::ledger::{Ledger, LedgerError, SpendBy, SpendRow, Spent};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use std::collections::BTreeMap;

/// What SQL groups by. Stockholm has been whole hours from UTC since 1900, so that an hour lies in one of its days,
/// and the days are made of at most 24 groups each, which the database need not know.
const fn group(by: SpendBy) -> &'static str {
    match by {
        SpendBy::Job => "u.job",
        SpendBy::Service => "s.account || '.' || s.service",
        SpendBy::Day | SpendBy::Month => "CAST(a.started_at / 3600000 AS TEXT)",
        SpendBy::CostCentre => "p.cost_centre",
    }
}

impl Ledger {
    /// What was spent between two instants in milliseconds since 1970 (the first counts, the second does not), in the
    /// order of the keys. What was certainly never sent is no call.
    pub async fn spend(
        &self,
        by: SpendBy,
        from: Option<i64>,
        before: Option<i64>,
    ) -> Result<Vec<SpendRow>, LedgerError> {
        let group = group(by);
        let open = "(a.state = 'started' OR a.state = 'unknown' AND a.resolved IS NULL)";
        let sql = format!(
            "SELECT {group}, count(*), sum(a.state IN ('answered', 'unread')), sum({open}), \
             sum(coalesce(a.cost, a.reserved)), \
             sum(CASE WHEN {open} THEN coalesce(a.cost, a.reserved) ELSE 0 END), \
             sum(a.letter IS 1), group_concat(DISTINCT iif(a.unpriced, s.account || '.' || s.service, NULL)), \
             sum({open} AND a.unpriced) \
             FROM attempts a JOIN runs u ON u.id = a.run JOIN services s ON s.id = a.service \
             JOIN purposes p ON p.id = a.purpose WHERE a.state <> 'unsent' \
             AND a.started_at >= ?1 AND a.started_at < ?2 GROUP BY 1"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(from.unwrap_or(i64::MIN))
            .bind(before.unwrap_or(i64::MAX))
            .fetch_all(&self.readers)
            .await
            .map_err(|e| self.failed(&e))?;
        let mut sums: BTreeMap<String, SpendRow> = BTreeMap::new();
        for row in &rows {
            let (key, spent, unpriced) = added(by, row).map_err(|e| self.failed(&e))?;
            let sum = sums.entry(key.clone()).or_insert_with(|| SpendRow { key, ..SpendRow::default() });
            sum.spent += spent;
            sum.unpriced.extend(unpriced.iter().flat_map(|list| list.split(',')).map(str::to_owned));
        }
        Ok(sums.into_values().collect())
    }
}

/// What it is added to, columns 1 to 6 and 8 as they are selected, and the services of 7 with commas between.
fn added(by: SpendBy, row: &SqliteRow) -> sqlx::Result<(String, Spent, Option<String>)> {
    let sum = |at: usize| cells::count(row, at);
    let key = by.key(row.try_get(0)?);
    let spent = Spent {
        calls: sum(1)?,
        answered: sum(2)?,
        unknown: sum(3)?,
        cost: Ore::new(sum(4)?),
        cost_unknown: Ore::new(sum(5)?),
        letters: sum(6)?,
        unknown_unpriced: sum(8)?,
    };
    Ok((key, spent, row.try_get(7)?))
}

#[cfg(test)]
mod tests {
    use super::super::tests::new_run;
    use super::*;
    use crate::ledger::Access;
    use crate::ledger::NewRun;
    use proptest::prelude::*;

    /// 2026-03-28 22:30 in UTC: half an hour before midnight in Stockholm, in the night before its clocks go forward.
    const EVENING: i64 = 1_774_737_000_000;
    const HOUR: i64 = 3_600_000;

    /// One attempt: job, service, cost centre, hours after [`EVENING`], state, price in öre.
    type Call = (usize, usize, usize, i64, &'static str, i64);

    async fn ledger_of(folder: &std::path::Path, calls: &[Call]) -> Ledger {
        let ledger = Ledger::open(&folder.join("orgpull.db"), &Access::default()).await.unwrap();
        let (mut runs, mut services, mut purposes) = (Vec::new(), Vec::new(), Vec::new());
        for at in 0..3 {
            let (run, job) = (format!("run{at}"), format!("job{at}"));
            let new = NewRun { started_at: EVENING, ..new_run(&run, &job) };
            runs.push(ledger.begin_run(new).await.unwrap());
            services.push(ledger.service_id("creditsafe", "sandbox", &format!("s{at}")).await.unwrap());
            let centre = if at == 0 { String::new() } else { format!("47{at}") };
            purposes.push(ledger.purpose_id("a test", &centre).await.unwrap());
        }
        let mut writer = ledger.writer.lock().await;
        for (id, (job, service, purpose, hours, state, price)) in (1_i64..).zip(calls) {
            let open = *state == "started";
            let cost = if matches!(*state, "refused" | "unsent") { 0 } else { *price };
            let at = EVENING + hours * HOUR;
            sqlx::query(
                "INSERT INTO attempts (id, transactionid, run, row, step, service, purpose, identity, letter_making, \
                 state, started_at, reserved, settled_at, cost, outcome, letter) \
                 VALUES (?, 't', ?, 1, 0, ?, ?, x'00', 0, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(id)
            .bind(runs[*job])
            .bind(services[*service])
            .bind(purposes[*purpose])
            .bind(*state)
            .bind(at)
            .bind(*price)
            .bind((!open).then_some(at + 1))
            .bind((!open).then_some(cost))
            .bind((*state == "answered").then_some("hit"))
            .bind((*state == "answered").then_some(price % 2))
            .execute(&mut *writer)
            .await
            .unwrap();
        }
        drop(writer);
        ledger
    }

    fn total(rows: &[SpendRow]) -> Spent {
        let mut total = Spent::default();
        for row in rows {
            total += row.spent;
        }
        total
    }

    #[tokio::test]
    async fn days_are_those_of_stockholm_and_a_lost_answer_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let calls: [Call; 6] = [
            (0, 0, 0, 0, "answered", 321),
            (0, 0, 0, 1, "unknown", 320),
            (1, 1, 1, 24, "started", 600),
            (1, 1, 2, 24, "refused", 600),
            (2, 1, 2, 72, "answered", 5),
            (2, 1, 2, 72, "unsent", 5),
        ];
        let ledger = ledger_of(folder.path(), &calls).await;
        let keys = |rows: Vec<SpendRow>| {
            let cell = |row: SpendRow| format!("{} {} {}", row.key, row.spent.calls, row.spent.cost);
            rows.into_iter().map(cell).collect::<Vec<_>>()
        };
        let all = |by| ledger.spend(by, None, None);
        // The third is 24 hours later in a day of 23 hours: 00:30 of the 30th.
        assert_eq!(
            keys(all(SpendBy::Day).await.unwrap()),
            ["2026-03-28 1 3.21", "2026-03-29 1 3.20", "2026-03-30 2 6.00", "2026-04-01 1 0.05"]
        );
        assert_eq!(keys(all(SpendBy::Month).await.unwrap()), ["2026-03 4 12.41", "2026-04 1 0.05"]);
        assert_eq!(keys(all(SpendBy::Job).await.unwrap()), ["job0 2 6.41", "job1 2 6.00", "job2 1 0.05"]);
        assert_eq!(
            keys(all(SpendBy::Service).await.unwrap()),
            ["creditsafe.s0 2 6.41", "creditsafe.s1 3 6.05"]
        );
        assert_eq!(keys(all(SpendBy::CostCentre).await.unwrap()), [" 2 6.41", "471 1 6.00", "472 2 0.05"]);
        let sum = total(&all(SpendBy::Job).await.unwrap());
        let ore = (sum.cost, sum.cost_unknown);
        assert_eq!((sum.calls, sum.answered, sum.unknown, sum.letters), (5, 2, 2, 2));
        assert_eq!(ore, (Ore::new(1_246), Ore::new(920)));
        let midnight = EVENING + HOUR / 2;
        let of_29th = ledger.spend(SpendBy::Day, Some(midnight), Some(midnight + 23 * HOUR)).await.unwrap();
        assert_eq!(keys(of_29th), ["2026-03-29 1 3.20"]);
    }

    fn call() -> impl Strategy<Value = Call> {
        let state = proptest::sample::select(vec!["answered", "unknown", "started", "refused", "unsent"]);
        (0..3_usize, 0..3_usize, 0..3_usize, 0..2_000_i64, state, 0..100_000_i64)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

        /// However they are grouped and wherever they are cut in two, the sums are those of the attempts.
        #[test]
        fn sums_agree_however_they_are_grouped(
            calls in proptest::collection::vec(call(), 0..40), cut in 0..2_000_i64,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let sums = runtime.block_on(async {
                let folder = tempfile::tempdir().unwrap();
                let ledger = ledger_of(folder.path(), &calls).await;
                let mut sums = Vec::new();
                for by in SpendBy::ALL {
                    let whole = total(&ledger.spend(by, None, None).await.unwrap());
                    let at = Some(EVENING + cut * HOUR);
                    let mut parts = total(&ledger.spend(by, None, at).await.unwrap());
                    parts += total(&ledger.spend(by, at, None).await.unwrap());
                    sums.push((whole, parts));
                }
                sums
            });
            let sent = calls.iter().filter(|call| call.4 != "unsent");
            let (mut count, mut cost) = (0, 0);
            for call in sent {
                count += 1;
                cost += if call.4 == "refused" { 0 } else { call.5.unsigned_abs() };
            }
            for (whole, parts) in sums {
                prop_assert_eq!((whole.calls, whole.cost.get()), (count, cost));
                prop_assert_eq!(whole, parts);
            }
        }
    }
}
