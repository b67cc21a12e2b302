//! The group commit: what ended and what is about to be sent, in one transaction with one fsync.

use super::values::{ManyRows, Query, list};
use super::{Ledger, LedgerError};
use crate::domain::identity::Identity;
use crate::domain::money::Ore;
use crate::domain::outcome::{Outcome, Source, State};
use sqlx::SqliteConnection;

/// Which lookup of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The row's position in the input, from 1.
    pub row: i64,
    /// The lookup's position in the job, from 0.
    pub step: u16,
}

/// An attempt that is about to be sent, with the money it may cost. Durable before the request leaves.
#[derive(Debug, Clone)]
pub struct Intent {
    /// The lookup.
    pub at: Place,
    /// The attempt's id.
    pub id: i64,
    /// The same in 14 characters, as it goes over the wire.
    pub transactionid: String,
    /// The service's id in this ledger.
    pub service: i64,
    /// The purpose's id in this ledger.
    pub purpose: i64,
    /// What makes it the same purchase as another.
    pub identity: Identity,
    /// Whether a letter of disclosure may go out.
    pub letter_making: bool,
    /// When, in milliseconds since 1970.
    pub started_at: i64,
    /// What it may cost.
    pub reserved: Ore,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptState {
    /// It has an answer.
    Answered,
    /// Certain that it was not carried out.
    Refused,
    /// It never left this process.
    Unsent,
    /// Sent, and the answer is lost.
    Unknown,
}

impl AttemptState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Unsent => "unsent",
            Self::Unknown => "unknown",
        }
    }
}

/// The end of an attempt.
#[derive(Clone)]
pub struct AttemptEnd {
    /// The attempt's id.
    pub id: i64,
    /// What became of it.
    pub state: AttemptState,
    /// When, in milliseconds since 1970.
    pub settled_at: i64,
    /// What it cost, or for a lost answer may have cost.
    pub cost: Ore,
    /// The answer's class.
    pub outcome: Option<Outcome>,
    /// The upstream's code, or ours for what went wrong.
    pub code: Option<String>,
    /// The upstream's text.
    pub text: Option<String>,
    /// The upstream's reference.
    pub log_id: Option<String>,
    /// Whether a letter went out.
    pub letter: Option<bool>,
    /// The body, packed.
    pub body: Option<Vec<u8>>,
}

/// A lookup's new state, with what it adds to the lookup's sums.
#[derive(Debug, Clone)]
pub struct Change {
    /// The lookup.
    pub at: Place,
    /// Its new state.
    pub state: State,
    /// Its outcome, where the state has one.
    pub outcome: Option<Outcome>,
    /// Where the answer came from.
    pub source: Option<Source>,
    /// The attempt that decides; nothing leaves what stands there.
    pub attempt: Option<i64>,
    /// Added to the requests sent: -1 takes back one that never left.
    pub attempts: i32,
    /// Added to the attempts spent; negative gives some back.
    pub spent: i32,
    /// Added to the cost.
    pub cost: Ore,
    /// Added to the part of the cost that is unknown.
    pub cost_unknown: Ore,
    /// Added to the attempts whose answers were lost.
    pub lost: u32,
    /// Added to the letters.
    pub letters: u32,
    /// Where no attempt has one.
    pub code: Option<String>,
    /// Where no attempt has one.
    pub text: Option<String>,
}

impl Change {
    /// A change of state and nothing else.
    pub fn to(at: Place, state: State, outcome: Option<Outcome>) -> Self {
        Self {
            at,
            state,
            outcome,
            source: None,
            attempt: None,
            attempts: 0,
            spent: 0,
            cost: Ore::ZERO,
            cost_unknown: Ore::ZERO,
            lost: 0,
            letters: 0,
            code: None,
            text: None,
        }
    }
}

/// What one transaction writes: first what ended, then what begins, so that the number of lookups that are `started`
/// never passes the job's concurrency on its way.
#[derive(Default)]
pub struct Batch {
    /// Attempts that ended.
    pub ends: Vec<AttemptEnd>,
    /// Lookups that change with them, or without any attempt.
    pub changes: Vec<Change>,
    /// Attempts to come; their lookups become `started`.
    pub intents: Vec<Intent>,
}

impl Batch {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.changes.is_empty() && self.intents.is_empty()
    }
}

/// The statements of a commit: what ended, its bodies, the lookups that change, the intents, their lookups.
const STATEMENTS: [(usize, &str); 5] = [
    (
        9,
        "UPDATE attempts SET state = v.column2, settled_at = v.column3, cost = v.column4, outcome = v.column5, \
         code = v.column6, text = v.column7, log_id = v.column8, letter = v.column9 \
         FROM {values} AS v WHERE attempts.id = v.column1 AND attempts.state = 'started'",
    ),
    (
        2,
        "INSERT INTO answers (attempt, body) SELECT column1, column2 FROM {values} WHERE column2 IS NOT NULL",
    ),
    (
        15,
        "UPDATE lookups SET state = v.column4, outcome = v.column5, source = v.column6, \
         attempt = coalesce(v.column7, attempt), attempts = attempts + v.column8, spent = spent + v.column9, \
         cost = cost + v.column10, cost_unknown = cost_unknown + v.column11, letters = letters + v.column12, \
         code = v.column13, text = v.column14, lost = lost + v.column15 FROM {values} AS v WHERE lookups.run = v.column1 \
         AND lookups.row = v.column2 AND lookups.step = v.column3 AND lookups.state IN ('pending', 'started')",
    ),
    (
        11,
        "INSERT INTO attempts (id, transactionid, run, row, step, service, purpose, identity, letter_making, \
         started_at, reserved) SELECT * FROM {values} WHERE column1 IS NOT NULL",
    ),
    (
        4,
        "UPDATE lookups SET state = 'started', attempt = v.column4, attempts = attempts + 1 \
         FROM {values} AS v WHERE lookups.run = v.column1 AND lookups.row = v.column2 \
         AND lookups.step = v.column3 AND lookups.state = 'pending'",
    ),
];

/// The statements of a commit, compiled once.
pub(super) fn statements() -> ManyRows {
    ManyRows::together(&STATEMENTS)
}

/// Each of them in one of its lengths.
#[cfg(test)]
pub(super) fn texts() -> Vec<String> {
    STATEMENTS.map(|(width, text)| ManyRows::new(width, text).text()).into()
}

/// A part of a batch that fits one execution.
#[derive(Clone, Copy)]
struct Piece<'b> {
    ends: &'b [AttemptEnd],
    changes: &'b [Change],
    intents: &'b [Intent],
}

impl Batch {
    /// The batch in pieces, what ended before what begins. Nearly always it is one.
    fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let ended = self.ends.len().max(self.changes.len()).div_ceil(ManyRows::MOST).max(1);
        let begun = self.intents.len().div_ceil(ManyRows::MOST).max(1);
        (0..ended + begun - 1).map(move |at| Piece {
            ends: chunk(&self.ends, Some(at)),
            changes: chunk(&self.changes, Some(at)),
            intents: chunk(&self.intents, (at + 1).checked_sub(ended)),
        })
    }
}

fn chunk<T>(items: &[T], at: Option<usize>) -> &[T] {
    at.and_then(|at| items.chunks(ManyRows::MOST).nth(at)).unwrap_or_default()
}

impl Piece<'_> {
    /// Rows of its longest list.
    fn length(&self) -> usize {
        self.ends.len().max(self.changes.len()).max(self.intents.len())
    }

    /// Rows that it writes where every lookup and attempt is in the state that it must be in.
    fn rows(&self) -> usize {
        let bodies = self.ends.iter().filter(|end| end.body.is_some()).count();
        self.ends.len() + bodies + self.changes.len() + 2 * self.intents.len()
    }
}

/// Money for SQLite, whose integers are signed; prices are bounded far below the difference.
fn ore(amount: Ore) -> i64 {
    i64::try_from(amount.get()).unwrap_or(i64::MAX)
}

impl Ledger {
    /// Writes a batch of run `run` in one transaction, durable when this returns. On an error nothing of it is written.
    ///
    /// # Errors
    /// [`LedgerError::Full`] and [`LedgerError::IdTaken`] may be tried again; on others the run stops.
    pub async fn commit(&self, run: i64, batch: &Batch) -> Result<(), LedgerError> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut writer = self.writer.lock().await;
        let mut transaction = self.begin(&mut writer).await?;
        for piece in batch.pieces() {
            let written = self.write(&mut transaction, run, piece).await.map_err(|e| self.failed(&e))?;
            if written != piece.rows() {
                return Err(LedgerError::Database {
                    path: self.path().to_owned(),
                    reason: "a lookup was changed by another hand while it was under way".to_owned(),
                });
            }
        }
        transaction.commit().await.map_err(|e| self.failed(&e))
    }

    /// Writes a piece of a batch and counts the rows it touched.
    async fn write(
        &self,
        connection: &mut SqliteConnection,
        run: i64,
        piece: Piece<'_>,
    ) -> Result<usize, sqlx::Error> {
        let (query, length) = self.statements.query(piece.length());
        let [ends, bodies, changes, intents, starts] = STATEMENTS.map(|(width, _)| width);
        let query = list(query, ends, length, piece.ends, bind_end);
        let query = list(query, bodies, length, piece.ends, |query, end| {
            query.bind(end.id).bind(end.body.as_deref())
        });
        let query =
            list(query, changes, length, piece.changes, |query, change| bind_change(query, run, change));
        let query =
            list(query, intents, length, piece.intents, |query, intent| bind_intent(query, run, intent));
        let query = list(query, starts, length, piece.intents, |query, Intent { at, id, .. }| {
            query.bind(run).bind(at.row).bind(i64::from(at.step)).bind(id)
        });
        let written = query.execute(connection).await?.rows_affected();
        Ok(usize::try_from(written).unwrap_or(usize::MAX))
    }
}

fn bind_end<'q>(query: Query<'q>, end: &'q AttemptEnd) -> Query<'q> {
    query
        .bind(end.id)
        .bind(end.state.as_str())
        .bind(end.settled_at)
        .bind(ore(end.cost))
        .bind(end.outcome.map(Outcome::as_str))
        .bind(end.code.as_deref())
        .bind(end.text.as_deref())
        .bind(end.log_id.as_deref())
        .bind(end.letter)
}

fn bind_change<'q>(query: Query<'q>, run: i64, change: &'q Change) -> Query<'q> {
    query
        .bind(run)
        .bind(change.at.row)
        .bind(i64::from(change.at.step))
        .bind(change.state.as_str())
        .bind(change.outcome.map(Outcome::as_str))
        .bind(change.source.map(Source::as_str))
        .bind(change.attempt)
        .bind(change.attempts)
        .bind(change.spent)
        .bind(ore(change.cost))
        .bind(ore(change.cost_unknown))
        .bind(change.letters)
        .bind(change.code.as_deref())
        .bind(change.text.as_deref())
        .bind(change.lost)
}

fn bind_intent<'q>(query: Query<'q>, run: i64, intent: &'q Intent) -> Query<'q> {
    query
        .bind(intent.id)
        .bind(intent.transactionid.as_str())
        .bind(run)
        .bind(intent.at.row)
        .bind(i64::from(intent.at.step))
        .bind(intent.service)
        .bind(intent.purpose)
        .bind(&intent.identity.0[..])
        .bind(intent.letter_making)
        .bind(intent.started_at)
        .bind(ore(intent.reserved))
}
