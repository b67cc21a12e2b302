//! A run's rows for the outputs: in input order, a page at a time, from one snapshot.

use super::cells;
use super::options::options;
use super::values::{ManyRows, list};
use crate::domain::identity::Identity;
use crate::domain::json::Json;
use crate::domain::money::Ore;
use crate::domain::outcome::{Outcome, Source};
use crate::domain::record::{BadRow, Earlier, LookupRecord, Record};
use crate::ledger::{Answers, Asked, Cell, Emptied, Ledger, LedgerError, Unopened};
use crate::time::rfc3339;
use futures_util::TryStreamExt as _;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use std::collections::HashMap;

/// Rows a page: enough to make the hop to the connection's thread cheap, few enough to keep memory flat.
const PAGE: i64 = 256;

/// Unpacked answers after which a page ends early, in bytes: one may be many times as large as another.
const PAGE_BYTES: usize = 4 << 20;

/// Damaged answers that are named one by one.
const MOST_NAMED: usize = 5;

/// Lookups with the outcome of a report whose answer is not there: the run and the line of those that bought it.
const GONE: &str = "SELECT u.run, r.line FROM lookups l CROSS JOIN runs u ON u.id = l.run \
                    CROSS JOIN rows r ON r.run = l.run AND r.row = l.row \
                    LEFT JOIN attempts a ON a.id = l.attempt AND a.state = 'answered' \
                    WHERE l.outcome IN ('hit', 'partial') AND l.source = 'bought' AND a.emptied_at IS NULL \
                    AND (a.id IS NULL OR NOT EXISTS (SELECT 1 FROM answers b WHERE b.attempt = a.id)) LIMIT 10000";

/// Reads the records of one run. Every pass sees the same snapshot, whatever is written meanwhile.
pub struct Records<'l> {
    ledger: &'l Ledger,
    /// A connection of its own, in one transaction until it is dropped: an export is long, and must not keep those that all
    /// runs of a process share.
    snapshot: SqliteConnection,
    run: i64,
    answers: Answers,
    after: i64,
}

impl Ledger {
    /// Stored answers that are not as they were written: how many, and the run and the line of the first.
    pub async fn damaged_answers(&self) -> Result<(u64, Vec<(String, u64)>), LedgerError> {
        let (mut count, mut first) = (0, Vec::new());
        let mut rows = sqlx::query(
            "SELECT a.state = 'answered', b.body, u.run, r.line, b.attempt FROM answers b CROSS JOIN attempts a ON a.id = b.attempt \
             CROSS JOIN runs u ON u.id = a.run CROSS JOIN rows r ON r.run = a.run AND r.row = a.row ORDER BY b.attempt",
        )
        .fetch(&self.readers);
        let failed = |e: sqlx::Error| self.failed(&e);
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            let is_answered: bool = row.try_get(0).map_err(failed)?;
            // What arrived and could not be read is whole as it is.
            let is_whole = |body: Vec<u8>| !is_answered || Json::of_bytes(&body).is_some();
            let cell = Cell::Body(row.try_get(4).map_err(failed)?);
            if self.keyring.unseal(cell, row.try_get(1).map_err(failed)?).is_ok_and(is_whole) {
                continue;
            }
            count += 1;
            if first.len() < MOST_NAMED {
                let line: i64 = row.try_get(3).map_err(failed)?;
                first.push((row.try_get(2).map_err(failed)?, line.unsigned_abs()));
            }
        }
        let gone = sqlx::query_as::<_, (String, i64)>(GONE).fetch_all(&self.readers).await.map_err(failed)?;
        count += gone.len() as u64;
        let room = MOST_NAMED.saturating_sub(first.len());
        first.extend(gone.into_iter().take(room).map(|(run, line)| (run, line.unsigned_abs())));
        Ok((count, first))
    }

    /// The records of a run, with so much of their answers.
    pub async fn records(&self, run: i64, answers: Answers) -> Result<Records<'_>, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let mut snapshot = self.connect(options(self.path()).read_only(true)).await?;
        sqlx::query("BEGIN").execute(&mut snapshot).await.map_err(failed)?;
        Ok(Records { ledger: self, snapshot, run, answers, after: 0 })
    }
}

impl Records<'_> {
    /// Starts from the first row again.
    pub fn rewind(&mut self) {
        self.after = 0;
    }

    /// One row, by its position; `None` if the run has none there.
    pub async fn row(&mut self, row: i64) -> Result<Option<Record>, LedgerError> {
        self.after = row - 1;
        Ok(self.rows(1).await?.and_then(|mut records| records.pop()))
    }

    /// The next rows; `None` at the end.
    pub async fn page(&mut self) -> Result<Option<Vec<Record>>, LedgerError> {
        self.rows(PAGE).await
    }

    async fn rows(&mut self, most: i64) -> Result<Option<Vec<Record>>, LedgerError> {
        let mut rows = sqlx::query(
            "SELECT r.row, r.line, r.kind, r.reason, r.content, r.emptied, l.step, l.outcome, l.source, \
             l.attempts, l.cost, coalesce(l.code, a.code) AS code, l.text AS own_text, a.text, a.id, o.id AS old, \
             a.transactionid, a.log_id, a.emptied_at, CASE WHEN a.state IN ('answered', 'unread') THEN a.settled_at END AS fetched_at, b.body, \
             o.settled_at AS old_fetched_at, p.body AS old_body FROM rows r JOIN runs u ON u.id = r.run LEFT JOIN lookups l ON l.run = r.run AND l.row = r.row \
             LEFT JOIN attempts a ON a.id = l.attempt AND l.outcome IS NOT NULL \
             LEFT JOIN answers b ON ?4 AND a.state = 'answered' AND b.attempt = a.id \
             LEFT JOIN attempts o ON o.id = CASE WHEN ?5 AND a.settled_at > u.started_at \
             AND (a.run <> r.run OR (a.row, a.step) = (l.row, l.step)) \
             AND a.outcome IN ('hit', 'partial', 'rejected', 'no_hit') THEN \
             (SELECT e.id FROM attempts e WHERE e.identity = a.identity AND e.run < r.run AND e.state = 'answered' \
             AND e.emptied_at IS NULL AND e.outcome IN ('hit', 'partial', 'rejected', 'no_hit') AND e.settled_at <= u.started_at \
             ORDER BY e.run DESC, e.id DESC LIMIT 1) END \
             LEFT JOIN answers p ON p.attempt = o.id \
             WHERE r.run = ?1 AND r.row > ?2 AND r.row <= ?3 ORDER BY r.row, l.step",
        )
        .bind(self.run)
        .bind(self.after)
        .bind(self.after + most)
        .bind(self.answers >= Answers::Own)
        .bind(self.answers >= Answers::WithEarlier)
        .fetch(&mut self.snapshot);
        let (mut records, mut last, mut bytes) = (Vec::<Record>::new(), 0, 0);
        while let Some(row) = rows.try_next().await.map_err(|e| self.ledger.failed(&e))? {
            let failed = |e: sqlx::Error| self.ledger.failed(&e);
            let at: i64 = row.try_get("row").map_err(failed)?;
            if at != last {
                if bytes > PAGE_BYTES {
                    self.after = last;
                    return Ok(Some(records));
                }
                records.push(record(self.ledger, self.run, &row)?);
                last = at;
            }
            let step = row.try_get::<Option<i64>, _>("step").map_err(failed)?;
            if let (Some(record), Some(_)) = (records.last_mut(), step) {
                let lookup = lookup(self.ledger, self.run, &row, self.answers).map_err(failed)?;
                bytes += lookup.body.as_ref().map_or(0, Vec::len);
                bytes += lookup.before.as_ref().map_or(0, |before| before.body.len());
                record.lookups.push(lookup);
            }
        }
        self.after += most;
        Ok((!records.is_empty()).then_some(records))
    }
}

fn record(ledger: &Ledger, run: i64, row: &SqliteRow) -> Result<Record, LedgerError> {
    let failed = |e: sqlx::Error| ledger.failed(&e);
    let line = cells::count(row, "line").map_err(failed)?;
    if let Some(why) = cells::word(row, "emptied", Emptied::parse).map_err(failed)? {
        let subject = Err(BadRow { input: String::new(), reason: why.told().to_owned(), damaged: false });
        return Ok(Record { line, subject, columns: Vec::new(), lookups: Vec::new() });
    }
    let Some((text, columns)) = ledger.content(run, row).map_err(failed)? else {
        let reason =
            "what the ledger holds of this row does not open: it is damaged or was tampered with".to_owned();
        let subject = Err(BadRow { input: String::new(), reason, damaged: true });
        return Ok(Record { line, subject, columns: Vec::new(), lookups: Vec::new() });
    };
    let kind = row.try_get::<Option<&str>, _>("kind").map_err(failed)?;
    let subject = if let Some(kind) = kind {
        Ok(ledger.subject(&text, kind)?)
    } else {
        let reason = row.try_get::<Option<String>, _>("reason").map_err(failed)?;
        Err(BadRow { input: text, reason: reason.unwrap_or_default(), damaged: false })
    };
    Ok(Record { line, subject, columns, lookups: Vec::new() })
}

impl Records<'_> {
    /// The newest answer to each of these questions, as an output shows one that was reused. Identities may repeat.
    pub async fn newest_answers(
        &mut self,
        asked: &[Asked],
    ) -> Result<HashMap<Identity, LookupRecord>, LedgerError> {
        let statement = ManyRows::new(2, NEWEST);
        let mut newest = HashMap::new();
        for chunk in asked.chunks(ManyRows::MOST) {
            let (query, length) = statement.query(chunk.len());
            let query = list(query, 2, length, chunk, |query, asked| {
                query.bind(&asked.identity.0[..]).bind(asked.purposes.as_deref())
            });
            for row in query.fetch_all(&mut self.snapshot).await.map_err(|e| self.ledger.failed(&e))? {
                let failed = |e: sqlx::Error| self.ledger.failed(&e);
                if let Some(identity) = cells::identity(&row).map_err(failed)? {
                    newest.insert(identity, reused(self.ledger, &row).map_err(failed)?);
                }
            }
        }
        Ok(newest)
    }
}

/// Ids rise with time, so the newest is met first.
const NEWEST: &str = "SELECT v.column1, a.outcome, a.code, a.text, a.settled_at, a.transactionid, a.log_id, a.emptied_at, b.body, a.id \
                      FROM {values} AS v CROSS JOIN attempts a ON a.id = (SELECT c.id FROM attempts c \
                      WHERE c.identity = v.column1 AND c.state = 'answered' \
                      AND c.emptied_at IS NULL AND c.outcome IN ('hit', 'partial', 'rejected', 'no_hit', 'invalid') \
                      AND (v.column2 IS NULL OR c.purpose IN (SELECT p.id FROM purposes p \
                      WHERE p.digest IN (SELECT unhex(value) FROM json_each(v.column2)))) ORDER BY c.id DESC LIMIT 1) \
                      LEFT JOIN answers b ON b.attempt = a.id";

fn reused(ledger: &Ledger, row: &SqliteRow) -> sqlx::Result<LookupRecord> {
    let outcome = cells::outcome(row, "outcome")?;
    let (body, damaged) = body(ledger, row, outcome)?;
    let text = opened(ledger.text(Cell::AttemptText(row.try_get("id")?), row, "text"))?;
    let damaged = damaged || text.is_none();
    Ok(LookupRecord {
        outcome,
        code: row.try_get("code")?,
        text: text.flatten(),
        source: Some(Source::Reused),
        fetched_at: row.try_get::<Option<i64>, _>("settled_at")?.map(rfc3339),
        transactionid: row.try_get("transactionid")?,
        log_id: row.try_get("log_id")?,
        body,
        damaged,
        ..LookupRecord::default()
    })
}

/// A sealed text, if there is one; `None` if it does not open, which is the lookup's damage and no other's.
#[expect(clippy::option_option, reason = "none, one, and one that does not open")]
fn opened(text: sqlx::Result<Option<String>>) -> sqlx::Result<Option<Option<String>>> {
    match text {
        Err(sqlx::Error::Decode(error)) if error.is::<Unopened>() => Ok(None),
        text => text.map(Some),
    }
}

/// The answer's body, and whether it is not as it was written, or not there though its outcome is that of a report.
fn body(ledger: &Ledger, row: &SqliteRow, outcome: Option<Outcome>) -> sqlx::Result<(Option<Vec<u8>>, bool)> {
    let sealed = row.try_get::<Option<&[u8]>, _>("body")?;
    let cell = Cell::Body(row.try_get::<Option<i64>, _>("id")?.unwrap_or_default());
    let body = sealed.and_then(|sealed| ledger.keyring().unseal(cell, sealed).ok());
    let reported = matches!(outcome, Some(Outcome::Hit | Outcome::Partial));
    let emptied = row.try_get::<Option<i64>, _>("emptied_at")?.is_some();
    let was_there = sealed.is_some() || reported && !emptied;
    let damaged = was_there && body.is_none();
    Ok((body, damaged))
}

fn lookup(ledger: &Ledger, run: i64, row: &SqliteRow, answers: Answers) -> sqlx::Result<LookupRecord> {
    let outcome = cells::outcome(row, "outcome")?;
    let own = Cell::LookupText { run, row: row.try_get("row")?, step: row.try_get("step")? };
    let attempt = row.try_get::<Option<i64>, _>("id")?;
    let text = match (opened(ledger.text(own, row, "own_text"))?, attempt) {
        (Some(None), Some(attempt)) => opened(ledger.text(Cell::AttemptText(attempt), row, "text"))?,
        (own, _) => own,
    };
    let (body, damaged) = body(ledger, row, outcome.filter(|_| answers >= Answers::Own))?;
    let (text, damaged) = (text.clone().flatten(), damaged || text.is_none());
    Ok(LookupRecord {
        outcome,
        code: row.try_get("code")?,
        text,
        source: cells::word(row, "source", Source::parse)?,
        attempts: row.try_get("attempts")?,
        cost: Ore::new(cells::count(row, "cost")?),
        fetched_at: row.try_get::<Option<i64>, _>("fetched_at")?.map(rfc3339),
        transactionid: row.try_get("transactionid")?,
        log_id: row.try_get("log_id")?,
        body,
        damaged,
        before: earlier(ledger, row)?,
        last: None,
    })
}

fn earlier(ledger: &Ledger, row: &SqliteRow) -> sqlx::Result<Option<Earlier>> {
    let fetched_at = row.try_get::<Option<i64>, _>("old_fetched_at")?;
    let cell = Cell::Body(row.try_get::<Option<i64>, _>("old")?.unwrap_or_default());
    let body = row.try_get::<Option<&[u8]>, _>("old_body")?;
    let body = body.map(|sealed| ledger.keyring().unseal(cell, sealed).unwrap_or_default());
    let both = fetched_at.zip(body);
    Ok(both.map(|(fetched_at, body)| Earlier { fetched_at: rfc3339(fetched_at), body }))
}
