//! A run's rows for the outputs: in input order, a page at a time, from one snapshot.

use super::open::options;
use super::values::ManyRows;
use super::{Ledger, LedgerError, unpack};
use crate::domain::identity::Identity;
use crate::domain::money::Ore;
use crate::domain::outcome::{Outcome, Source};
use crate::domain::record::{BadRow, Earlier, LookupRecord, Record};
use crate::time::rfc3339;
use futures_util::TryStreamExt as _;
use sqlx::sqlite::SqliteRow;
use sqlx::{ConnectOptions, Row, SqliteConnection};
use std::collections::HashMap;

/// Rows a page: enough to make the hop to the connection's thread cheap, few enough to keep memory flat.
const PAGE: i64 = 256;

/// Unpacked answers after which a page ends early, in bytes: one may be many times as large as another.
const PAGE_BYTES: usize = 4 << 20;

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

/// How much of the answers is read with the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answers {
    /// Nothing.
    None,
    /// Their bodies.
    Own,
    /// Also the bodies of the answers that they take the place of.
    WithEarlier,
}

impl Ledger {
    /// The records of a run, with so much of their answers.
    pub async fn records(&self, run: i64, answers: Answers) -> Result<Records<'_>, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let mut snapshot = options(self.path()).read_only(true).connect().await.map_err(failed)?;
        sqlx::query("BEGIN").execute(&mut snapshot).await.map_err(failed)?;
        Ok(Records { ledger: self, snapshot, run, answers, after: 0 })
    }
}

impl Records<'_> {
    /// Starts from the first row again.
    pub fn rewind(&mut self) {
        self.after = 0;
    }

    /// The next rows; nothing at the end.
    pub async fn page(&mut self) -> Result<Option<Vec<Record>>, LedgerError> {
        let mut rows = sqlx::query(
            "SELECT r.row, r.line, r.subject, r.kind, r.input, r.reason, r.columns, l.step, l.outcome, l.source, \
             l.attempts, l.cost, coalesce(l.code, a.code) AS code, coalesce(l.text, a.text) AS text, \
             a.transactionid, a.log_id, CASE a.state WHEN 'answered' THEN a.settled_at END AS fetched_at, b.body, \
             o.settled_at AS old_fetched_at, p.body AS old_body FROM rows r JOIN runs u ON u.id = r.run LEFT JOIN lookups l ON l.run = r.run AND l.row = r.row \
             LEFT JOIN attempts a ON a.id = l.attempt AND l.outcome IS NOT NULL \
             LEFT JOIN answers b ON ?4 AND b.attempt = a.id \
             LEFT JOIN attempts o ON o.id = CASE WHEN ?5 AND a.settled_at > u.started_at \
             AND (a.run <> r.run OR (a.row, a.step) = (l.row, l.step)) \
             AND a.outcome IN ('hit', 'partial', 'rejected', 'no_hit') THEN \
             (SELECT e.id FROM attempts e WHERE e.identity = a.identity AND e.run < r.run AND e.state = 'answered' \
             AND e.outcome IN ('hit', 'partial', 'rejected', 'no_hit') AND e.settled_at <= u.started_at \
             ORDER BY e.run DESC, e.id DESC LIMIT 1) END \
             LEFT JOIN answers p ON p.attempt = o.id \
             WHERE r.run = ?1 AND r.row > ?2 AND r.row <= ?3 ORDER BY r.row, l.step",
        )
        .bind(self.run)
        .bind(self.after)
        .bind(self.after + PAGE)
        .bind(self.answers >= Answers::Own)
        .bind(self.answers >= Answers::WithEarlier)
        .fetch(&mut self.snapshot);
        let (mut records, mut last, mut bytes) = (Vec::<Record>::new(), 0, 0);
        while let Some(row) = rows.try_next().await.map_err(|e| self.ledger.failed(&e))? {
            let at: i64 = row.get("row");
            if at != last {
                if bytes > PAGE_BYTES {
                    self.after = last;
                    return Ok(Some(records));
                }
                records.push(record(self.ledger, &row)?);
                last = at;
            }
            if let (Some(record), Some(_)) = (records.last_mut(), row.get::<Option<i64>, _>("step")) {
                let lookup = lookup(&row);
                bytes += lookup.body.as_ref().map_or(0, Vec::len);
                bytes += lookup.before.as_ref().map_or(0, |before| before.body.len());
                record.lookups.push(lookup);
            }
        }
        self.after += PAGE;
        Ok((!records.is_empty()).then_some(records))
    }
}

fn record(ledger: &Ledger, row: &SqliteRow) -> Result<Record, LedgerError> {
    let columns: &str = row.get("columns");
    let subject = match row.get::<Option<&str>, _>("subject") {
        Some(digits) => Ok(ledger.subject(digits, row.get("kind"))?),
        None => Err(BadRow {
            input: row.get::<Option<String>, _>("input").unwrap_or_default(),
            reason: row.get::<Option<String>, _>("reason").unwrap_or_default(),
        }),
    };
    Ok(Record {
        line: row.get::<i64, _>("line").unsigned_abs(),
        subject,
        columns: serde_json::from_str(columns).map_err(|_| ledger.damaged())?,
        lookups: Vec::new(),
    })
}

impl Records<'_> {
    /// The newest answer to each of these questions, as an output shows one that was reused. Identities may repeat.
    pub async fn newest_answers(
        &mut self,
        identities: &[Identity],
    ) -> Result<HashMap<Identity, LookupRecord>, LedgerError> {
        let statement = ManyRows::new(1, NEWEST);
        let mut newest = HashMap::new();
        for chunk in identities.chunks(ManyRows::MOST) {
            let (mut query, length) = statement.query(chunk.len());
            for at in 0..length {
                query = query.bind(chunk.get(at).map(|identity| identity.0.to_vec()));
            }
            for row in query.fetch_all(&mut self.snapshot).await.map_err(|e| self.ledger.failed(&e))? {
                if let Ok(identity) = <[u8; 16]>::try_from(row.get::<&[u8], _>(0)) {
                    newest.insert(Identity(identity), reused(&row));
                }
            }
        }
        Ok(newest)
    }
}

/// Ids rise with time, so the newest is met first.
const NEWEST: &str = "SELECT v.column1, a.outcome, a.code, a.text, a.settled_at, a.transactionid, a.log_id, b.body \
                      FROM {values} AS v CROSS JOIN attempts a ON a.id = (SELECT c.id FROM attempts c \
                      WHERE c.identity = v.column1 AND c.state = 'answered' \
                      AND c.outcome IN ('hit', 'partial', 'rejected', 'no_hit', 'invalid') ORDER BY c.id DESC LIMIT 1) \
                      LEFT JOIN answers b ON b.attempt = a.id";

fn reused(row: &SqliteRow) -> LookupRecord {
    LookupRecord {
        outcome: row.get::<Option<&str>, _>("outcome").and_then(Outcome::parse),
        code: row.get("code"),
        text: row.get("text"),
        source: Some(Source::Reused),
        fetched_at: row.get::<Option<i64>, _>("settled_at").map(rfc3339),
        transactionid: row.get("transactionid"),
        log_id: row.get("log_id"),
        body: row.get::<Option<&[u8]>, _>("body").and_then(unpack),
        ..LookupRecord::default()
    }
}

fn lookup(row: &SqliteRow) -> LookupRecord {
    LookupRecord {
        outcome: row.get::<Option<&str>, _>("outcome").and_then(Outcome::parse),
        code: row.get("code"),
        text: row.get("text"),
        source: row.get::<Option<&str>, _>("source").and_then(Source::parse),
        attempts: row.get("attempts"),
        cost: Ore::new(row.get::<i64, _>("cost").unsigned_abs()),
        fetched_at: row.get::<Option<i64>, _>("fetched_at").map(rfc3339),
        transactionid: row.get("transactionid"),
        log_id: row.get("log_id"),
        body: row.get::<Option<&[u8]>, _>("body").and_then(unpack),
        before: earlier(row),
        last: None,
    }
}

fn earlier(row: &SqliteRow) -> Option<Earlier> {
    let fetched_at = row.get::<Option<i64>, _>("old_fetched_at")?;
    let body = row.get::<Option<&[u8]>, _>("old_body").and_then(unpack)?;
    Some(Earlier { fetched_at: rfc3339(fetched_at), body })
}
