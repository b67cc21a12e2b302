//! Which intents may become attempts: those that nobody has made needless meanwhile, and that fit their budgets. Asked within
//! the transaction that writes them, and decided by values alone.

use super::cells;
use super::feed::unread;
use super::restore::read_unsettled;
use super::values::ManyRows;
use crate::domain::budget::Spend;
use crate::domain::identity::Identity;
use crate::domain::money::Ore;
use crate::ledger::{Batch, Cap, Intent, LedgerError, Over, Refusal};
use crate::ledger::{JobLock, Ledger, StoredAnswer};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use std::collections::HashMap;

/// How long a quarter of an hour is, in milliseconds: what spending is summed by.
const QUARTER: i64 = 900_000;

/// What others have come to about an identity since a lookup was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Rival {
    /// The newest answer that may be used again, whatever its age.
    pub(super) answer: Option<StoredAnswer>,
    /// The newest call of another run that has no answer, where no answer is newer.
    pub(super) open: Option<Open>,
}

/// A call of another run without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Open {
    /// Whether its process is there and waits for the answer; else it is lost.
    pub(super) alive: bool,
    /// Whether it may post a letter.
    pub(super) letter_making: bool,
    /// Its answer, where there is one that cannot be read.
    pub(super) unread: Option<StoredAnswer>,
}

/// Decides about each intent in order, and adds those that are admitted to what is spent. A budget that turned one intent
/// away admits no later one of the batch, so that what is bought stays in the order of the input; those that are `closed`
/// admit none.
pub(super) fn admit(
    batch: &Batch,
    rivals: &HashMap<Identity, Rival>,
    spent: &mut [Spend],
    mut closed: Vec<bool>,
) -> Vec<(usize, Refusal)> {
    let mut refused = Vec::new();
    for (at, intent) in batch.intents.iter().enumerate() {
        let rival = rivals.get(&intent.identity).copied().unwrap_or_default();
        if let Some(refusal) = needless(intent, rival) {
            refused.push((at, refusal));
            continue;
        }
        let price = intent.reserved.unwrap_or_default();
        let full = |(at, cap): &(usize, &Cap)| {
            cap.over.counts(intent.service) && (closed[*at] || !cap.limit.admits(spent[*at], price))
        };
        if let Some((full, _)) = batch.caps.iter().enumerate().find(full) {
            closed[full] = true;
            refused.push((at, Refusal::Budget(full)));
            continue;
        }
        for (cap, spent) in batch.caps.iter().zip(spent.iter_mut()) {
            if cap.over.counts(intent.service) {
                *spent = spent.and_call(intent.reserved);
            }
        }
    }
    refused
}

/// Whether an intent is not to be sent for what others did.
fn needless(intent: &Intent, rival: Rival) -> Option<Refusal> {
    let fresh = |answer: &StoredAnswer| intent.reuse_after.is_some_and(|after| answer.fetched_at > after);
    let usable = |answer: &StoredAnswer| fresh(answer) && intent.reuse_outcomes.contains(answer.outcome);
    if let Some(answer) = rival.answer.filter(usable) {
        return Some(Refusal::Answered(answer));
    }
    let open = rival.open?;
    if let Some(unread) = open.unread.filter(|unread| fresh(unread) && !intent.unknown_too) {
        return Some(Refusal::Answered(unread));
    }
    let letter = open.letter_making && intent.letter_making && !intent.unknown_too;
    match open.alive {
        true if letter || intent.reuse_after.is_some() => Some(Refusal::InFlight),
        false if letter => Some(Refusal::LetterUnknown),
        _ => None,
    }
}

impl Ledger {
    /// What others have come to about the identities of these intents.
    pub(super) async fn rivals(
        &self,
        connection: &mut SqliteConnection,
        run: i64,
        intents: &[Intent],
    ) -> Result<HashMap<Identity, Rival>, sqlx::Error> {
        let mut rivals = HashMap::new();
        let mut alive: HashMap<String, bool> = HashMap::new();
        for piece in intents.chunks(ManyRows::MOST) {
            let (mut query, length) = self.rivals.query(piece.len());
            for at in 0..length {
                let intent = piece.get(at);
                query = query.bind(intent.map(|intent| intent.identity.0.to_vec()));
                query = query.bind(intent.and_then(|intent| intent.purposes.as_deref()));
            }
            for row in query.bind(run).fetch_all(&mut *connection).await? {
                let Some(identity) = cells::identity(&row)? else { continue };
                let (job, letter_making) = (row.try_get::<Option<&str>, _>(8)?, row.try_get(2)?);
                let unread = unread(&row)?;
                let open = row.try_get::<Option<&str>, _>(1)?.map(|state| {
                    // The lock is the job's: of ours nobody else can be at it.
                    let at_work = job.filter(|_| state == "started").is_some_and(|job| {
                        *alive.entry(job.to_owned()).or_insert_with(|| JobLock::is_held(self.path(), job))
                    });
                    Open { alive: at_work, letter_making, unread }
                });
                rivals.insert(identity, Rival { answer: answer(&row)?, open });
            }
        }
        Ok(rivals)
    }

    /// Which budgets count a time of which nobody knows what was bought in it: they count as reached.
    pub(super) async fn unknown_budgets(
        &self,
        connection: &mut SqliteConnection,
        run: i64,
        batch: &Batch,
    ) -> Result<Vec<bool>, sqlx::Error> {
        let mut closed = vec![false; batch.caps.len()];
        if closed.is_empty() {
            return Ok(closed);
        }
        let Some(unsettled) = read_unsettled(&mut *connection).await? else { return Ok(closed) };
        let began: i64 = sqlx::query_scalar("SELECT started_at FROM runs WHERE id = ?")
            .bind(run)
            .fetch_one(connection)
            .await?;
        for (closed, cap) in closed.iter_mut().zip(&batch.caps) {
            *closed = match &cap.over {
                Over::Run => unsettled.counts_since(began),
                Over::Account { from, .. } => unsettled.counts_since(*from),
            };
        }
        Ok(closed)
    }

    /// What stands against a budget, within the transaction that is about to add to it.
    pub(super) async fn spent_of(
        &self,
        connection: &mut SqliteConnection,
        run: i64,
        over: &Over,
    ) -> Result<Spend, sqlx::Error> {
        let query = match over {
            Over::Run => {
                sqlx::query("SELECT calls, cost, unpriced FROM spent_by_run WHERE run = ?").bind(run)
            }
            Over::Account { account, environment, from, .. } => sqlx::query(
                "SELECT coalesce(sum(p.calls), 0), coalesce(sum(p.cost), 0), coalesce(sum(p.unpriced), 0) \
                 FROM services s CROSS JOIN spent p ON p.service = s.id AND p.quarter >= ?3 \
                 WHERE s.account = ?1 AND s.environment = ?2",
            )
            .bind(account)
            .bind(environment)
            .bind(from / QUARTER),
        };
        let row = query.fetch_optional(connection).await?;
        row.map_or_else(|| Ok(Spend::default()), |row| spend(&row))
    }

    /// What stands against a budget of run `run`; nothing of it may be relied on but in the commit that asks again.
    pub async fn spent_so_far(&self, run: i64, over: &Over) -> Result<Spend, LedgerError> {
        let mut reader = self.readers.acquire().await.map_err(|e| self.failed(&e))?;
        self.spent_of(&mut reader, run, over).await.map_err(|e| self.failed(&e))
    }
}

fn spend(row: &SqliteRow) -> sqlx::Result<Spend> {
    let (calls, cost) = (cells::count(row, 0)?, Ore::new(cells::count(row, 1)?));
    Ok(Spend { calls, cost, unpriced: cells::count(row, 2)? })
}

fn answer(row: &SqliteRow) -> sqlx::Result<Option<StoredAnswer>> {
    let Some(outcome) = cells::outcome(row, 6)? else { return Ok(None) };
    let (attempt, fetched_at) = (row.try_get(5)?, row.try_get(7)?);
    Ok(Some(StoredAnswer { attempt, outcome, fetched_at, used_here: false }))
}
