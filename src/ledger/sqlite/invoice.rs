//! A provider's statement held against the ledger.
//!
//! The lines go into a temporary table of a connection of their own, which SQLite spills to a file without a name: a
//! million lines take no more memory than a thousand. Our `transactionid` is the attempt's key in other letters, so a
//! line finds its attempt without an index; only lines that carry nothing but the provider's own reference cost one walk
//! over the attempts.

mod settle;

pub(super) use settle::{SETTLED, carry_through};

use super::options::options;
use super::values::ManyRows;
use crate::domain::invoice::{BilledLine, Booked, Settles, Verdict, judge_line, judge_missing};
use crate::domain::money::Ore;
use crate::ledger::ids::attempt_id;
use crate::ledger::{Ledger, LedgerError, Reconciled};
use crate::time::{stockholm_date, stockholm_midnight};
use jiff::civil::Date;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{Row, SqliteConnection};

/// Lines a page.
const PAGE: i64 = 1_024;

/// How far from midnight a call may count in the other day, by clocks that differ or in UTC; in milliseconds.
const MIDNIGHT: i64 = 2 * 3_600_000;

/// Letters and digits below which a cell of references only says that there is none.
const PLACEHOLDER: usize = 4;

/// Lines that name no call in our words or the provider's, about the day of attempt `a`: any of them may be it.
pub(super) const NAMELESS_NEAR: &str = "SELECT 1 FROM temp.billed n INDEXED BY billed_nameless WHERE n.nameless AND n.attempt IS NULL \
                                 AND n.day BETWEEN date(a.started_at / 1000 - 172800, 'unixepoch') \
                                 AND date(a.started_at / 1000 + 172800, 'unixepoch')";

/// A statement in a temporary table beside the ledger.
pub struct Invoice<'l> {
    ledger: &'l Ledger,
    connection: SqliteConnection,
    account: &'l str,
    environment: &'l str,
    insert: ManyRows,
    /// The instants between which the statement is complete.
    covered: (i64, i64),
    /// From when and before when a lost answer that it does not name was not carried out.
    tells: (i64, i64),
    after_line: i64,
    after_attempt: i64,
}

impl Ledger {
    /// Makes room for a statement of this account in this environment. Nothing in the ledger is written.
    pub async fn invoice<'l>(
        &'l self,
        account: &'l str,
        environment: &'l str,
    ) -> Result<Invoice<'l>, LedgerError> {
        self.take_in(account, environment, options(self.path()).read_only(true)).await
    }

    /// The same for a statement that is to settle lost answers.
    pub async fn invoice_to_settle<'l>(
        &'l self,
        account: &'l str,
        environment: &'l str,
    ) -> Result<Invoice<'l>, LedgerError> {
        self.take_in(account, environment, options(self.path())).await
    }

    async fn take_in<'l>(
        &'l self,
        account: &'l str,
        environment: &'l str,
        options: SqliteConnectOptions,
    ) -> Result<Invoice<'l>, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let mut connection = self.connect(options).await?;
        sqlx::query(
            "CREATE TEMP TABLE billed (line INTEGER PRIMARY KEY, day TEXT NOT NULL, attempt INTEGER, reference TEXT, \
             log_id TEXT, service TEXT NOT NULL, amount INTEGER NOT NULL, nameless INTEGER NOT NULL) STRICT",
        )
        .execute(&mut connection)
        .await
        .map_err(failed)?;
        let insert = ManyRows::new(
            8,
            "INSERT INTO billed (line, day, attempt, reference, log_id, service, amount, nameless) \
             SELECT * FROM {values} WHERE column1 IS NOT NULL",
        );
        let covered = (i64::MAX, i64::MIN);
        Ok(Invoice {
            ledger: self,
            connection,
            account,
            environment,
            insert,
            covered,
            tells: (i64::MAX, i64::MIN),
            after_line: 0,
            after_attempt: 0,
        })
    }
}

impl Invoice<'_> {
    /// Takes lines in.
    pub async fn add(&mut self, lines: &[BilledLine]) -> Result<(), LedgerError> {
        let added = self.insert.run(&mut self.connection, lines, |query, line| {
            let attempt = line.reference.as_deref().and_then(attempt_id);
            // The one column of references may hold the provider's own.
            let other = line.reference.as_deref().filter(|_| attempt.is_none());
            let amount = i64::try_from(line.amount.get()).unwrap_or(i64::MAX);
            // Somebody else's reference where ours would stand: the line is not about a call of ours. A dash is no reference.
            let foreign = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count() >= PLACEHOLDER;
            let foreign = line.log_id.is_some() && line.reference.as_deref().is_some_and(foreign);
            let named = attempt.is_some() || foreign;
            query
                .bind(i64::try_from(line.line).unwrap_or(i64::MAX))
                .bind(line.day.to_string())
                .bind(attempt)
                .bind(line.reference.as_deref().or(line.log_id.as_deref()))
                .bind(line.log_id.as_deref().or(other))
                .bind(line.service.as_str())
                .bind(amount)
                .bind(!named)
        });
        added.await.map(drop).map_err(|e| self.ledger.failed(&e))
    }

    /// Finds the call that each line names. To be asked when all lines are in. Gives the statement's first and last day, and
    /// the oldest and the newest call that it names by our reference (milliseconds since 1970); not those where its days are
    /// not those of the calls.
    pub async fn match_lines(&mut self) -> Result<(Option<(Date, Date)>, Option<(i64, i64)>), LedgerError> {
        let ledger = self.ledger;
        let failed = |e: sqlx::Error| ledger.failed(&e);
        // A reference of ours that this ledger does not have, or another account sent, names no call.
        let known = "SELECT 1 FROM attempts a CROSS JOIN services s ON s.id = a.service \
                     WHERE a.id = billed.attempt AND s.account = ?1 AND s.environment = ?2";
        let forget = format!("UPDATE billed SET attempt = NULL WHERE NOT EXISTS ({known})");
        let by_log_id = "UPDATE billed SET attempt = found.id FROM (SELECT b.line AS line, max(a.id) AS id \
                         FROM attempts a CROSS JOIN services s ON s.id = a.service AND s.account = ?1 \
                         AND s.environment = ?2 CROSS JOIN billed b ON b.log_id = a.log_id AND b.attempt IS NULL \
                         WHERE a.log_id IS NOT NULL GROUP BY b.line) AS found WHERE found.line = billed.line";
        let indices = "CREATE INDEX temp.billed_log_id ON billed (log_id) WHERE attempt IS NULL; \
                       CREATE INDEX temp.billed_attempt ON billed (attempt, line); \
                       CREATE INDEX temp.billed_nameless ON billed (day) WHERE nameless AND attempt IS NULL";
        self.of_account(&forget).await.map_err(failed)?;
        let named = "SELECT min(a.started_at), max(a.started_at), \
                     total(abs(julianday(b.day) - julianday(a.started_at / 1000, 'unixepoch')) > 3) \
                     FROM temp.billed b CROSS JOIN attempts a ON a.id = b.attempt";
        let (oldest, newest, elsewhen): (Option<i64>, Option<i64>, f64) =
            sqlx::query_as(named).fetch_one(&mut self.connection).await.map_err(failed)?;
        let named = oldest.zip(newest).filter(|_| elsewhen < 1.0);
        sqlx::raw_sql(indices).execute(&mut self.connection).await.map_err(failed)?;
        let by_reference =
            "SELECT NOT EXISTS (SELECT 1 FROM billed WHERE attempt IS NULL AND log_id IS NOT NULL)";
        if !sqlx::query_scalar(by_reference).fetch_one(&mut self.connection).await.map_err(failed)? {
            self.of_account(by_log_id).await.map_err(failed)?;
        }
        let days: (Option<String>, Option<String>) = sqlx::query_as("SELECT min(day), max(day) FROM billed")
            .fetch_one(&mut self.connection)
            .await
            .map_err(failed)?;
        let day = |text: Option<String>| text.and_then(|text| text.parse().ok());
        Ok((day(days.0).zip(day(days.1)), named))
    }

    /// Runs a statement whose `?1` and `?2` are the account and its environment.
    async fn of_account(&mut self, text: &str) -> Result<(), sqlx::Error> {
        let query =
            sqlx::query(sqlx::AssertSqlSafe(text.to_owned())).bind(self.account).bind(self.environment);
        query.execute(&mut self.connection).await.map(drop)
    }

    /// Says for which days the statement is complete, both counted: what it does not name was not billed. `named` are the
    /// oldest and the newest call that it names by our reference, `now` the present; `said` is whether somebody answers for
    /// its last day.
    ///
    /// Of lost answers it says less, since the other mistake buys again. It must name calls by our reference: a lost answer
    /// brought none of the provider's. It must have been drawn after the call, which is certain before the newest call that
    /// it names, and in days that are over and that somebody answers for. And a call about midnight may stand on the
    /// statement before or after, by the provider's clock or zone.
    pub fn complete_for(
        &mut self,
        (first, last): (Date, Date),
        said: bool,
        named: Option<(i64, i64)>,
        now: i64,
    ) {
        let from = stockholm_midnight(first).unwrap_or(i64::MAX);
        let before = last.tomorrow().ok().and_then(stockholm_midnight).unwrap_or(i64::MIN);
        self.covered = (from, before);
        let Some((oldest, newest)) = named else { return };
        let today = stockholm_midnight(stockholm_date(now)).unwrap_or(i64::MIN);
        let answered_for = if said { before.min(today).saturating_sub(MIDNIGHT) } else { i64::MIN };
        self.tells =
            (from.max(oldest.min(from.saturating_add(MIDNIGHT))), before.min(newest.max(answered_for)));
    }

    /// The next lines of the statement, in its order; none at the end.
    pub async fn next_lines(&mut self) -> Result<Vec<Reconciled>, LedgerError> {
        let rows = sqlx::query(
            "SELECT b.line, b.day, b.reference, b.service AS billed_service, b.amount, a.id, a.transactionid, a.log_id, \
             a.state, a.state = 'unknown' AND a.resolved IS NULL AS lost, coalesce(a.cost, a.reserved) AS cost, a.unpriced, s.account || '.' || s.service AS service, a.started_at, \
             (SELECT min(c.line) FROM billed c WHERE c.attempt = b.attempt) AS first \
             FROM billed b LEFT JOIN attempts a ON a.id = b.attempt LEFT JOIN services s ON s.id = a.service \
             WHERE b.line > ? ORDER BY b.line LIMIT ?",
        )
        .bind(self.after_line)
        .bind(PAGE)
        .fetch_all(&mut self.connection)
        .await
        .map_err(|e| self.ledger.failed(&e))?;
        if let Some(last) = rows.last() {
            self.after_line = last.try_get("line").map_err(|e| self.ledger.failed(&e))?;
        }
        rows.iter().map(of_line).collect::<sqlx::Result<_>>().map_err(|e| self.ledger.failed(&e))
    }

    /// The next calls of the days for which the statement is complete that cost something, or may have, and that no line
    /// names, in the order in which they were sent; none at the end.
    pub async fn next_unbilled(&mut self) -> Result<Vec<Reconciled>, LedgerError> {
        let sql = format!(
            "SELECT a.id, a.transactionid, a.log_id, a.state, a.state = 'unknown' AND a.resolved IS NULL AS lost, a.cost, a.unpriced, s.account || '.' || s.service AS service, \
             a.started_at, a.started_at >= ?7 AND a.started_at < ?8 AND NOT EXISTS ({NAMELESS_NEAR}) AS would_name \
             FROM attempts a CROSS JOIN services s ON s.id = a.service \
             WHERE a.id > ?1 AND a.started_at >= ?2 AND a.started_at < ?3 AND a.settled_at IS NOT NULL \
             AND (a.cost > 0 OR a.unpriced OR a.state = 'unknown' AND a.resolved IS NULL) AND s.account = ?4 AND s.environment = ?5 \
             AND NOT EXISTS (SELECT 1 FROM billed b WHERE b.attempt = a.id) ORDER BY a.id LIMIT ?6"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(self.after_attempt)
            .bind(self.covered.0)
            .bind(self.covered.1)
            .bind(self.account)
            .bind(self.environment)
            .bind(PAGE)
            .bind(self.tells.0)
            .bind(self.tells.1)
            .fetch_all(&mut self.connection)
            .await
            .map_err(|e| self.ledger.failed(&e))?;
        if let Some(last) = rows.last() {
            self.after_attempt = last.try_get("id").map_err(|e| self.ledger.failed(&e))?;
        }
        rows.iter().map(of_attempt).collect::<sqlx::Result<_>>().map_err(|e| self.ledger.failed(&e))
    }
}

fn of_line(row: &SqliteRow) -> sqlx::Result<Reconciled> {
    let line: i64 = row.try_get("line")?;
    let first = row.try_get::<Option<i64>, _>("first")?.filter(|first| *first < line);
    let amount = ore(row.try_get("amount")?);
    let is_booked = row.try_get::<Option<i64>, _>("id")?.is_some();
    let booked = if is_booked { Some(booked(row, first.is_some())?) } else { None };
    let (verdict, settles) = judge_line(amount, booked);
    Ok(Reconciled {
        line: Some(line.unsigned_abs()),
        billed_on: first.map(i64::unsigned_abs),
        day: row.try_get("day")?,
        reference: row.try_get("reference")?,
        billed_service: row.try_get("billed_service")?,
        billed: Some(amount),
        ..call(row, (verdict, settles), booked)?
    })
}

fn of_attempt(row: &SqliteRow) -> sqlx::Result<Reconciled> {
    let booked = booked(row, false)?;
    call(row, judge_missing(booked, row.try_get("would_name")?), Some(booked))
}

/// The ledger's side.
fn call(
    row: &SqliteRow,
    (verdict, settles): (Verdict, Option<Settles>),
    booked: Option<Booked>,
) -> sqlx::Result<Reconciled> {
    let sent = row.try_get::<Option<i64>, _>("started_at")?;
    Ok(Reconciled {
        verdict,
        settles,
        line: None,
        billed_on: None,
        day: sent.map(|at| stockholm_date(at).to_string()).unwrap_or_default(),
        reference: None,
        billed_service: None,
        billed: None,
        transactionid: row.try_get("transactionid")?,
        log_id: row.try_get("log_id")?,
        service: row.try_get("service")?,
        state: row.try_get("state")?,
        booked: booked.map(|booked| booked.cost),
        unpriced: row.try_get::<Option<bool>, _>("unpriced")?.unwrap_or(false),
    })
}

fn booked(row: &SqliteRow, billed_before: bool) -> sqlx::Result<Booked> {
    Ok(Booked { cost: ore(row.try_get("cost")?), unknown: row.try_get("lost")?, billed_before })
}

fn ore(amount: i64) -> Ore {
    Ore::new(amount.unsigned_abs())
}
