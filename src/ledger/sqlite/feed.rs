//! What the dispatcher reads: pending lookups in input order, and what the ledger knows of their identities already.

use super::cells;
use super::values::{ManyRows, list};
use crate::domain::identity::Identity;
use crate::domain::number::{Kind, Subject};
use crate::domain::outcome::{Outcome, State};
use crate::ledger::{Asked, EarlierLookup, InFlightElsewhere, Known, LookupStatus, Pending, StoredAnswer};
use crate::ledger::{Cell, JobLock, Ledger, LedgerError, LookupId};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use std::collections::{HashMap, HashSet};

/// Steps that are not read lie between those that are, so the key is walked from a lookup on and what is not asked for is
/// passed over.
pub(super) const PENDING_STEPS: &str = "SELECT l.row, l.step, l.spent, l.lost, r.kind, r.content, l.run FROM lookups l \
     CROSS JOIN rows r ON r.run = l.run AND r.row = l.row \
     WHERE l.run = ?1 AND (l.row, l.step) > (?2, ?3) AND l.state = 'pending' \
     AND l.step IN (SELECT value FROM json_each(?5)) ORDER BY l.row, l.step LIMIT ?4";

/// A run that there is not.
const NO_RUN: i64 = -1;

impl Ledger {
    /// The next pending lookups of a run after a lookup, in input order.
    pub async fn pending(&self, run: i64, after: LookupId, limit: u32) -> Result<Vec<Pending>, LedgerError> {
        self.pending_by(
            "SELECT l.row, l.step, l.spent, l.lost, r.kind, r.content, l.run FROM lookups l \
             CROSS JOIN rows r ON r.run = l.run AND r.row = l.row \
             WHERE l.run = ?1 AND (l.row, l.step) > (?2, ?3) AND l.state = 'pending' ORDER BY l.row, l.step LIMIT ?4",
            (run, after, limit),
        )
        .await
    }

    /// Whether a lookup of the job, by its position, was answered in a run by an attempt of the run's own.
    pub async fn has_answered(&self, run: i64, step: u16) -> Result<bool, LedgerError> {
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM lookups WHERE run = ? AND step = ? AND source = 'bought' \
             AND outcome NOT IN ('failed', 'unknown'))",
        )
        .bind(run)
        .bind(i64::from(step))
        .fetch_one(&self.readers)
        .await
        .map_err(|e| self.failed(&e))
    }

    /// The same of some steps of the job.
    pub async fn pending_steps(
        &self,
        run: i64,
        steps: &[u16],
        after: LookupId,
        limit: u32,
    ) -> Result<Vec<Pending>, LedgerError> {
        let query = sqlx::query(PENDING_STEPS).bind(run).bind(after.row).bind(i64::from(after.step));
        let rows = query.bind(limit).bind(self.step_list(steps)?).fetch_all(&self.readers).await;
        rows.map_err(|e| self.failed(&e))?.iter().map(|row| self.pending_of(row)).collect()
    }

    /// Steps of a job as a statement takes them.
    pub(super) fn step_list(&self, steps: &[u16]) -> Result<String, LedgerError> {
        serde_json::to_string(steps).map_err(|_| self.damaged())
    }

    /// Those of all steps whose number gets a letter of disclosure with a credit report.
    pub async fn pending_letters(
        &self,
        run: i64,
        after: LookupId,
        limit: u32,
    ) -> Result<Vec<Pending>, LedgerError> {
        self.pending_by(
            "SELECT l.row, l.step, l.spent, l.lost, r.kind, r.content, l.run FROM rows r \
             CROSS JOIN lookups l ON l.run = r.run AND l.row = r.row \
             WHERE r.run = ?1 AND r.row >= ?2 AND (l.row, l.step) > (?2, ?3) AND l.state = 'pending' \
             AND r.kind <> 'organisation' ORDER BY l.row, l.step LIMIT ?4",
            (run, after, limit),
        )
        .await
    }

    /// The next lookups of a run after a lookup that ended unknown, in input order.
    pub async fn ended_unknown(
        &self,
        run: i64,
        after: LookupId,
        limit: u32,
    ) -> Result<Vec<Pending>, LedgerError> {
        self.pending_by(
            "SELECT l.row, l.step, l.spent, l.lost, r.kind, r.content, l.run FROM lookups l \
             CROSS JOIN rows r ON r.run = l.run AND r.row = l.row \
             WHERE l.run = ?1 AND (l.row, l.step) > (?2, ?3) AND l.outcome = 'unknown' ORDER BY l.row, l.step LIMIT ?4",
            (run, after, limit),
        )
        .await
    }

    /// Those of these lookups that are pending, in input order.
    pub async fn pending_at(&self, run: i64, ids: &[LookupId]) -> Result<Vec<Pending>, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let mut reader = self.readers.acquire().await.map_err(failed)?;
        let mut pending = Vec::with_capacity(ids.len());
        for piece in ids.chunks(ManyRows::MOST) {
            let (query, length) = self.lookers.pending_at.query(piece.len());
            let query =
                list(query, 2, length, piece, |query, at| query.bind(at.row).bind(i64::from(at.step)));
            for row in query.bind(run).fetch_all(&mut *reader).await.map_err(failed)? {
                pending.push(self.pending_of(&row)?);
            }
        }
        pending.sort_unstable_by_key(|lookup: &Pending| lookup.at);
        Ok(pending)
    }

    /// Where these lookups stand; of those marked also the answer's body, where there is one.
    pub async fn stood_at(
        &self,
        run: i64,
        ids: &[(LookupId, bool)],
    ) -> Result<HashMap<LookupId, LookupStatus>, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let mut reader = self.readers.acquire().await.map_err(failed)?;
        let mut stood = HashMap::with_capacity(ids.len());
        for piece in ids.chunks(ManyRows::MOST) {
            let (query, length) = self.lookers.stood_at.query(piece.len());
            let query = list(query, 3, length, piece, |query, (at, body)| {
                query.bind(at.row).bind(i64::from(at.step)).bind(*body)
            });
            for row in query.bind(run).fetch_all(&mut *reader).await.map_err(failed)? {
                let (at, stands) = self.stands(&row).map_err(failed)?;
                stood.insert(at, stands);
            }
        }
        Ok(stood)
    }

    async fn pending_by(
        &self,
        sql: &'static str,
        (run, after, limit): (i64, LookupId, u32),
    ) -> Result<Vec<Pending>, LedgerError> {
        let rows = sqlx::query(sql)
            .bind(run)
            .bind(after.row)
            .bind(i64::from(after.step))
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(|e| self.failed(&e))?;
        rows.iter().map(|row| self.pending_of(row)).collect()
    }

    pub(super) fn pending_of(&self, row: &SqliteRow) -> Result<Pending, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let kind = row.try_get("kind").map_err(failed)?;
        let content = self.content(row.try_get("run").map_err(failed)?, row).map_err(failed)?;
        let content = match content {
            Some((digits, columns)) => Some((self.subject(&digits, kind)?, columns)),
            None => None,
        };
        Ok(Pending {
            at: lookup_id(row).map_err(failed)?,
            spent: row.try_get("spent").map_err(failed)?,
            lost: row.try_get::<i64, _>("lost").map_err(failed)? > 0,
            heard_at: 0,
            content,
        })
    }

    /// A subject as it is kept.
    pub(super) fn subject(&self, digits: &str, kind: &str) -> Result<Subject, LedgerError> {
        Kind::parse(kind).and_then(|kind| Subject::from_stored(digits, kind)).ok_or_else(|| self.damaged())
    }

    /// The error for content that no version of ours wrote.
    pub(super) fn damaged(&self) -> LedgerError {
        let what = "a row in it does not read as it was written".to_owned();
        LedgerError::Damaged { path: self.path().to_owned(), what }
    }

    /// When the newest answer to each identity came that came before an instant (milliseconds since 1970) and says
    /// something of the subject.
    pub async fn answered_before(
        &self,
        identities: &[Identity],
        before: i64,
    ) -> Result<HashMap<Identity, i64>, LedgerError> {
        let mut reader = self.readers.acquire().await.map_err(|e| self.failed(&e))?;
        let mut answered = HashMap::new();
        for chunk in identities.chunks(ManyRows::MOST) {
            let rows = fetch(&self.lookers.before, &mut reader, chunk, Some(before)).await;
            for row in rows.map_err(|e| self.failed(&e))? {
                if let Some(identity) = cells::identity(&row).map_err(|e| self.failed(&e))? {
                    answered.insert(identity, row.try_get(1).map_err(|e| self.failed(&e))?);
                }
            }
        }
        Ok(answered)
    }

    /// Those of these identities whose newest answer was emptied: they were bought, and would be bought again.
    pub async fn purged(&self, identities: &[Identity]) -> Result<HashSet<Identity>, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let mut reader = self.readers.acquire().await.map_err(failed)?;
        let mut purged = HashSet::new();
        for chunk in identities.chunks(ManyRows::MOST) {
            for row in fetch(&self.lookers.purged, &mut reader, chunk, None).await.map_err(failed)? {
                purged.extend(cells::identity(&row).map_err(failed)?);
            }
        }
        Ok(purged)
    }

    /// What is known of each identity, for a run, or for none that there is yet. Identities may repeat.
    pub async fn known(
        &self,
        run: Option<i64>,
        asked: &[Asked],
    ) -> Result<HashMap<Identity, Known>, LedgerError> {
        let mut distinct = asked.to_vec();
        distinct.sort_unstable_by_key(|asked| asked.identity);
        distinct.dedup_by_key(|asked| asked.identity);
        // Parts, each on a connection of its own: what takes time is to look up, not to tell.
        let part =
            if distinct.len() > ManyRows::MOST { distinct.len().div_ceil(3) } else { distinct.len().max(1) };
        let mut parts = distinct.chunks(part);
        let mut next = || self.known_part(run, parts.next().unwrap_or_default());
        let (mut known, two, three) = tokio::try_join!(next(), next(), next())?;
        known.extend(two);
        known.extend(three);
        Ok(known)
    }

    async fn known_part(
        &self,
        run: Option<i64>,
        asked: &[Asked],
    ) -> Result<HashMap<Identity, Known>, LedgerError> {
        let mut known = HashMap::with_capacity(asked.len());
        if asked.is_empty() {
            return Ok(known);
        }
        let mut reader = self.readers.acquire().await.map_err(|e| self.failed(&e))?;
        for chunk in asked.chunks(ManyRows::MOST) {
            self.known_chunk(&mut reader, run, chunk, &mut known).await.map_err(|e| self.failed(&e))?;
        }
        Ok(known)
    }

    async fn known_chunk(
        &self,
        reader: &mut SqliteConnection,
        run: Option<i64>,
        asked: &[Asked],
        known: &mut HashMap<Identity, Known>,
    ) -> Result<(), sqlx::Error> {
        let lookers = &self.lookers;
        let identities: Vec<Identity> = asked.iter().map(|asked| asked.identity).collect();
        let identities = identities.as_slice();
        let (query, length) = lookers.answers.query(asked.len());
        let query = list(query, 2, length, asked, |query, asked| {
            query.bind(&asked.identity.0[..]).bind(asked.purposes.as_deref())
        });
        for row in query.fetch_all(&mut *reader).await? {
            if let (Some(identity), Some(outcome)) = (cells::identity(&row)?, cells::outcome(&row, 2)?) {
                let (attempt, fetched_at) = (row.try_get(1)?, row.try_get(3)?);
                let answer = StoredAnswer { attempt, outcome, fetched_at, used_here: false };
                known.entry(identity).or_default().answer = Some(answer);
            }
        }
        if let Some(run) = run {
            for row in fetch(&lookers.holders, reader, identities, Some(run)).await? {
                if let Some(identity) = cells::identity(&row)? {
                    // Rows come last first, so the first one of the run is what stays.
                    known.entry(identity).or_default().holder = holder(&row)?;
                }
            }
        }
        // A run of our own job has no process but ours: the job is locked.
        let mut at_work: HashMap<String, bool> = HashMap::new();
        for row in fetch(&lookers.open, reader, identities, Some(run.unwrap_or(NO_RUN))).await? {
            let Some(identity) = cells::identity(&row)? else { continue };
            let (started, letter_making) = (row.try_get::<&str, _>(1)? == "started", row.try_get(2)?);
            let job = row.try_get::<Option<&str>, _>(5)?.filter(|_| started);
            let waits = job.is_some_and(|job| {
                *at_work.entry(job.to_owned()).or_insert_with(|| JobLock::is_held(self.path(), job))
            });
            let known = known.entry(identity).or_default();
            known.elsewhere = waits.then_some(InFlightElsewhere { letter_making });
            known.letter_unknown = letter_making && !waits;
            known.unread = unread(&row)?;
        }
        if let Some(run) = run {
            self.mark_used_here(reader, run, known).await?;
        }
        Ok(())
    }

    async fn mark_used_here(
        &self,
        reader: &mut SqliteConnection,
        run: i64,
        known: &mut HashMap<Identity, Known>,
    ) -> Result<(), sqlx::Error> {
        let mut answers: Vec<&mut StoredAnswer> =
            known.values_mut().flat_map(|k| k.answer.iter_mut().chain(&mut k.unread)).collect();
        for chunk in answers.chunks_mut(ManyRows::MOST) {
            let (mut query, length) = self.lookers.used_here.query(chunk.len());
            for at in 0..length {
                query = query.bind(chunk.get(at).map(|answer| answer.attempt));
            }
            let rows = query.bind(run).fetch_all(&mut *reader).await?;
            let used: Vec<i64> = rows.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<_>>()?;
            for answer in chunk.iter_mut() {
                answer.used_here = used.contains(&answer.attempt);
            }
        }
        Ok(())
    }
}

async fn fetch(
    statement: &ManyRows,
    reader: &mut SqliteConnection,
    identities: &[Identity],
    run: Option<i64>,
) -> Result<Vec<SqliteRow>, sqlx::Error> {
    let (mut query, length) = statement.query(identities.len());
    for at in 0..length {
        query = query.bind(identities.get(at).map(|identity| identity.0.to_vec()));
    }
    if let Some(run) = run {
        query = query.bind(run);
    }
    query.fetch_all(reader).await
}

/// The answer of a call (state, whether it may post a letter, id, and when it ended, from column 1 on) where that cannot be
/// read: of any other there is none.
pub(super) fn unread(row: &SqliteRow) -> sqlx::Result<Option<StoredAnswer>> {
    if row.try_get::<Option<&str>, _>(1)? != Some("unread") {
        return Ok(None);
    }
    let (attempt, fetched_at) = (row.try_get(3)?, row.try_get(4)?);
    Ok(Some(StoredAnswer { attempt, outcome: Outcome::Unknown, fetched_at, used_here: false }))
}

fn lookup_id(row: &SqliteRow) -> sqlx::Result<LookupId> {
    Ok(LookupId { row: row.try_get("row")?, step: row.try_get("step")? })
}

fn holder(row: &SqliteRow) -> sqlx::Result<Option<EarlierLookup>> {
    let Some(state) = cells::word(row, "state", State::parse)? else { return Ok(None) };
    let outcome = cells::outcome(row, "outcome")?;
    Ok(Some(EarlierLookup { at: lookup_id(row)?, state, outcome, attempt: row.try_get("attempt")? }))
}

impl Ledger {
    fn stands(&self, row: &SqliteRow) -> sqlx::Result<(LookupId, LookupStatus)> {
        let damaged = |what: &str| sqlx::Error::Decode(what.into());
        let state =
            cells::word(row, "state", State::parse)?.ok_or_else(|| damaged("a lookup without a state"))?;
        let body = match row.try_get::<Option<&[u8]>, _>("body")? {
            // What is left of an answer that is damaged can be read by nobody.
            Some(sealed) => {
                let cell = Cell::Body(row.try_get("attempt")?);
                Some(self.keyring.unseal(cell, sealed).unwrap_or_default())
            }
            None => None,
        };
        let (outcome, code) = (cells::outcome(row, "outcome")?, row.try_get("code")?);
        Ok((lookup_id(row)?, LookupStatus { state, outcome, code, body }))
    }
}
