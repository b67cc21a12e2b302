//! The group commit: what ended and what is about to be sent, in one transaction with one fsync.
//!
//! Between the two stands what only this transaction can know: which intents are still needed, and which still fit their
//! budgets. Since nobody else writes while it is open, what is decided here holds for all processes on the ledger, and it
//! costs no fsync of its own.

use super::accounts::update_account;
use super::admit::{Rival, admit};
use super::statements::{BEGUN, ENDED};
use super::values::{ManyRows, Query, list};
use crate::domain::budget::Spend;
use crate::domain::identity::Identity;
use crate::domain::money::Ore;
use crate::domain::outcome::{Outcome, Source};
use crate::ledger::{AttemptEnd, Batch, Cell, Change, Committed, DataKey, Intent};
use crate::ledger::{Ledger, LedgerError, LookupId, Mark};
use crate::time::now_ms;
use sqlx::SqliteConnection;

/// Money for SQLite, whose integers are signed; prices are bounded far below the difference.
pub(super) fn ore(amount: Ore) -> i64 {
    i64::try_from(amount.get()).unwrap_or(i64::MAX)
}

impl Ledger {
    /// Writes a batch of run `run` in one transaction, durable when this returns: everything that ended or was learned, and of
    /// the intents those that are still needed and that fit their budgets. On an error nothing of it is written.
    ///
    /// # Errors
    /// [`LedgerError::Full`] and [`LedgerError::IdTaken`] may be tried again (the latter with ids that are drawn anew); on others the run stops.
    pub async fn commit(&self, run: i64, batch: &Batch) -> Result<Committed, LedgerError> {
        if batch.is_empty() {
            return Ok(Committed::default());
        }
        let failed = |e: sqlx::Error| self.failed(&e);
        let key = self.data_key(run).await?;
        let letters = batch.intents.iter().filter(|intent| intent.letter_making);
        let letter = letters.map(mark).max_by_key(|mark| mark.attempt);
        if let Some(letter) = letter {
            self.mark_ahead(letter).await?;
        }
        let mut writer = self.writer.lock().await;
        let mut transaction = self.begin(&mut writer).await?;
        let pieces = batch.ends.len().max(batch.changes.len()).div_ceil(ManyRows::MOST);
        for at in 0..pieces {
            let (ends, changes) = (chunk(&batch.ends, at), chunk(&batch.changes, at));
            let bodies = ends.iter().filter(|end| end.body.is_some()).count();
            let written =
                self.write_ended(&mut transaction, (run, &key), ends, changes).await.map_err(failed)?;
            self.expect(written, ends.len() + bodies + changes.len())?;
        }
        self.write_named(&mut transaction, &batch.ends).await.map_err(failed)?;
        for account_update in &batch.account_updates {
            update_account(&mut transaction, account_update, now_ms()).await.map_err(failed)?;
        }
        let committed = if batch.intents.is_empty() {
            Committed::default()
        } else {
            self.write_begun(&mut transaction, run, batch).await?
        };
        transaction.commit().await.map_err(failed)?;
        drop(writer);
        let refused = |at: usize| committed.refused.iter().any(|(refused, _)| *refused == at);
        let begun = batch.intents.iter().enumerate().filter(|(at, _)| !refused(*at));
        let newest = begun.map(|(_, intent)| mark(intent)).max_by_key(|mark| mark.attempt);
        self.mark_newest(newest, letter.is_some()).await;
        Ok(committed)
    }

    /// Notes who is named in the answers.
    async fn write_named(
        &self,
        connection: &mut SqliteConnection,
        ends: &[AttemptEnd],
    ) -> Result<(), sqlx::Error> {
        let named: Vec<(Identity, i64)> = ends
            .iter()
            .filter(|end| end.body.is_some())
            .flat_map(|end| end.named.iter().map(|ten| (self.named_digest(ten), end.id)))
            .collect();
        self.insert_named(connection, &named).await
    }

    /// Notes by whose digests these answers are found.
    pub(super) async fn insert_named(
        &self,
        connection: &mut SqliteConnection,
        named: &[(Identity, i64)],
    ) -> Result<(), sqlx::Error> {
        if named.is_empty() {
            return Ok(());
        }
        self.commits.named.run(connection, named, bind_named).await.map(drop)
    }

    /// Writes the intents that are admitted.
    async fn write_begun(
        &self,
        connection: &mut SqliteConnection,
        run: i64,
        batch: &Batch,
    ) -> Result<Committed, LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let rivals = self.rivals(&mut *connection, run, &batch.intents).await.map_err(failed)?;
        let mut spent = Vec::with_capacity(batch.caps.len());
        for cap in &batch.caps {
            spent.push(self.spent_of(&mut *connection, run, &cap.over).await.map_err(failed)?);
        }
        let closed = self.unknown_budgets(&mut *connection, run, batch).await.map_err(failed)?;
        let refused = admit(batch, &rivals, &mut spent, closed);
        let is_lost = |rival: &Rival| rival.open.is_some_and(|open| open.unread.is_none() && !open.alive);
        let lost = |intent: &&Intent| rivals.get(&intent.identity).is_some_and(is_lost);
        let mut turned_away = refused.iter().map(|(at, _)| *at).peekable();
        let admitted: Vec<&Intent> = (batch.intents.iter().enumerate())
            .filter(|(at, _)| turned_away.next_if_eq(at).is_none())
            .map(|(_, intent)| intent)
            .collect();
        self.expect_newest(&mut *connection, &admitted).await?;
        for piece in admitted.chunks(ManyRows::MOST) {
            let (query, length) = self.commits.begun.query(piece.len());
            let query =
                list(query, BEGUN[0].0, length, piece, |query, intent| bind_intent(query, run, intent));
            let query = list(query, BEGUN[1].0, length, piece, |query, Intent { at, id, .. }| {
                query.bind(run).bind(at.row).bind(i64::from(at.step)).bind(id)
            });
            let written = query.execute(&mut *connection).await;
            let written = written.map_err(|e| if is_taken(&e) { LedgerError::IdTaken } else { failed(e) })?;
            self.expect(written.rows_affected(), 2 * piece.len())?;
        }
        let again = admitted.iter().copied().filter(lost);
        let again = again.fold(Spend::default(), |sum, intent| sum.and_call(intent.reserved));
        Ok(Committed { refused, again, spent })
    }

    /// Ids rise within an identity, whatever the clocks of those that drew them said.
    async fn expect_newest(
        &self,
        connection: &mut SqliteConnection,
        admitted: &[&Intent],
    ) -> Result<(), LedgerError> {
        let failed = |e: sqlx::Error| self.failed(&e);
        let newest: Option<i64> = sqlx::query_scalar("SELECT max(id) FROM attempts")
            .fetch_one(&mut *connection)
            .await
            .map_err(failed)?;
        let Some(newest) = newest.filter(|newest| admitted.iter().any(|intent| intent.id <= *newest)) else {
            return Ok(());
        };
        for piece in admitted.chunks(ManyRows::MOST) {
            let (query, length) = self.commits.above.query(piece.len());
            let query = list(query, 2, length, piece, |query, intent| {
                query.bind(&intent.identity.0[..]).bind(intent.id)
            });
            if query.fetch_optional(&mut *connection).await.map_err(failed)?.is_some() {
                self.newest.observe(newest);
                return Err(LedgerError::IdTaken);
            }
        }
        Ok(())
    }

    async fn write_ended(
        &self,
        connection: &mut SqliteConnection,
        (run, key): (i64, &DataKey),
        ends: &[AttemptEnd],
        changed: &[Change],
    ) -> Result<u64, sqlx::Error> {
        let (query, length) = self.commits.ended.query(ends.len().max(changed.len()));
        let [attempts, bodies, changes] = ENDED.map(|(width, _)| width);
        let query = list(query, attempts, length, ends, |query, end| bind_end(query, key, end));
        let query = list(query, bodies, length, ends, bind_body);
        let query =
            list(query, changes, length, changed, |query, change| bind_change(query, (run, key), change));
        Ok(query.execute(connection).await?.rows_affected())
    }

    /// Every lookup and attempt must have been in the state that it must be in.
    fn expect(&self, written: u64, rows: usize) -> Result<(), LedgerError> {
        if written == rows as u64 {
            return Ok(());
        }
        Err(LedgerError::Database {
            path: self.path().to_owned(),
            reason: "a lookup was changed by another hand while it was under way".to_owned(),
        })
    }
}

const fn mark(intent: &Intent) -> Mark {
    Mark { attempt: intent.id, at: intent.started_at }
}

/// Whether the id of an attempt is another one's already: no other clash of a key is mended by drawing anew.
fn is_taken(error: &sqlx::Error) -> bool {
    let clash = error.as_database_error();
    clash.is_some_and(|clash| clash.message() == "UNIQUE constraint failed: attempts.id")
}

fn chunk<T>(items: &[T], at: usize) -> &[T] {
    items.chunks(ManyRows::MOST).nth(at).unwrap_or_default()
}

fn bind_end<'q>(query: Query<'q>, key: &DataKey, end: &'q AttemptEnd) -> Query<'q> {
    query
        .bind(end.id)
        .bind(end.state.as_str())
        .bind(end.settled_at)
        .bind(ore(end.cost.unwrap_or_default()))
        .bind(end.outcome.map(Outcome::as_str))
        .bind(end.code.as_deref())
        .bind(end.text.as_deref().map(|text| key.seal(Cell::AttemptText(end.id), text.as_bytes())))
        .bind(end.log_id.as_deref())
        .bind(end.letter)
        .bind(end.cost.is_none())
        .bind(end.took.map(|took| i64::try_from(took.as_millis()).unwrap_or(i64::MAX)))
}

fn bind_body<'q>(query: Query<'q>, end: &'q AttemptEnd) -> Query<'q> {
    let came = end.came.as_ref();
    query
        .bind(end.id)
        .bind(end.body.as_deref())
        .bind(came.map(|came| i64::from(came.status)))
        .bind(came.and_then(|came| came.content_type.as_deref()))
}

fn bind_change<'q>(query: Query<'q>, (run, key): (i64, &DataKey), change: &'q Change) -> Query<'q> {
    let LookupId { row, step } = change.at;
    let cell = Cell::LookupText { run, row, step };
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
        .bind(change.text.as_deref().map(|text| key.seal(cell, text.as_bytes())))
        .bind(change.lost)
        .bind(change.saved.map(|saved| ore(saved.price.unwrap_or_default())))
        .bind(change.saved.is_some_and(|saved| saved.price.is_none()))
}

fn bind_named<'q>(query: Query<'q>, (digest, attempt): &'q (Identity, i64)) -> Query<'q> {
    query.bind(&digest.0[..]).bind(attempt)
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
        .bind(ore(intent.reserved.unwrap_or_default()))
        .bind(intent.reserved.is_none())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{LATER, account_update, answered, begin, ids, intent, run_of, start};
    use super::*;
    use crate::domain::outcome::Outcome;
    use crate::ledger::{AccountChange, JobLock, LedgerError};

    #[tokio::test]
    async fn what_is_learned_is_written_with_what_it_was_learned_by_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, run) = run_of(folder.path(), 1).await;
        let keys = ids(&ledger).await;
        start(&ledger, run, vec![intent(keys, 1, 10, 1, false)]).await;
        let mut batch = Batch { ends: vec![answered(10, Outcome::Hit)], ..Batch::default() };
        batch.update_account(account_update(AccountChange::Letter {
            call: "getdata:Basic".to_owned(),
            at: LATER,
        }));
        for level in 1..=3 {
            batch.update_account(account_update(AccountChange::CoolDown {
                until: LATER + i64::from(level),
                level,
            }));
        }
        assert_eq!(batch.account_updates.len(), 2, "of one kind the last counts");
        let twice = Batch { ends: [batch.ends.clone(), batch.ends.clone()].concat(), ..batch };
        // A clash of another key than an attempt's is not mended by drawing another id.
        assert!(matches!(ledger.commit(run, &twice).await, Err(LedgerError::Database { .. })));
        let letters = async || ledger.unannounced_letters("creditsafe", "sandbox").await.unwrap();
        assert!(letters().await.is_empty());
        let once = Batch { ends: vec![answered(10, Outcome::Hit)], ..twice };
        ledger.commit(run, &once).await.unwrap();
        assert_eq!(letters().await, ["getdata:Basic"]);
        let memory = ledger.account("creditsafe", "sandbox", 0).await.unwrap();
        assert_eq!((memory.cool_down_until, memory.cool_down_level), (LATER + 3, 3));
    }

    /// Where no stored answer may be used, others are not waited for either.
    #[tokio::test]
    async fn a_call_whose_process_waits_for_its_answer_is_not_a_lost_one() {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, first) = run_of(folder.path(), 1).await;
        let (second, third) = (begin(&ledger, "second", 1).await, begin(&ledger, "third", 1).await);
        let keys = ids(&ledger).await;
        let asks = async |run, id| {
            let batch = Batch { intents: vec![intent(keys, 1, id, 1, false)], ..Batch::default() };
            let Committed { refused, again, .. } = ledger.commit(run, &batch).await.unwrap();
            (refused.len(), again.calls)
        };
        let lock = JobLock::take(ledger.path(), "nightly", "now").unwrap();
        assert_eq!(asks(first, 10).await, (0, 0));
        assert_eq!(asks(second, 11).await, (0, 0), "its process waits for it");
        drop(lock);
        assert_eq!(asks(third, 12).await, (0, 1));
    }
}
