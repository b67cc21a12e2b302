//! The one that writes a run's state: what ended and what begins, a batch at a time, each in one transaction.
//!
//! A batch grows from turn to turn until it is handed over with the intents of what may go. Whoever commits it gives back what
//! came of it: written, it is over; unwritten, it is put back before whatever has come since. So whether the loop waits for a
//! commit or goes on meanwhile is the loop's affair, and what depends on durability depends on [`Writer::written`].

use super::ledger_availability::{LedgerAvailability, LedgerUse};
use crate::ledger::{
    AccountUpdate, AttemptEnd, AttemptIds, Batch, Cap, Change, Committed, Intent, Ledger, LedgerError,
    transactionid,
};
use crate::time::now_ms;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often another tag is drawn for attempt ids before it is a fault: even one collision is unlikely.
const MOST_DRAWS: u32 = 8;

/// What a run has to write.
pub(super) struct Writer {
    ledger: Arc<Ledger>,
    run: i64,
    batch: Batch,
    /// Away with a batch that was handed over.
    ids: Option<AttemptIds>,
    availability: LedgerAvailability,
}

/// A batch on its way to the ledger.
pub(super) struct SubmittedBatch {
    ledger: Arc<Ledger>,
    run: i64,
    batch: Batch,
    ids: AttemptIds,
    began: Instant,
}

/// What came of it.
pub(super) struct BatchResult {
    batch: Batch,
    ids: AttemptIds,
    began: Instant,
    came: Result<Committed, LedgerError>,
}

/// What is on disk now.
pub(super) struct Written {
    pub(super) changes: Vec<Change>,
    pub(super) intents: Vec<Intent>,
    pub(super) committed: Committed,
    /// Whether the ledger could not be written before.
    pub(super) resumes: bool,
}

/// A commit that failed; nothing of its batch is lost.
pub(super) struct Unwritten {
    /// When it began.
    pub(super) began: Instant,
    pub(super) error: LedgerError,
}

impl Writer {
    pub(super) fn new(ledger: Arc<Ledger>, run: i64) -> Self {
        Self { ledger, run, batch: Batch::default(), ids: None, availability: LedgerAvailability::default() }
    }

    /// Writes a lookup's new state with the next commit, together with what it has come to in this very batch: one statement
    /// must not change a lookup twice.
    pub(super) fn change(&mut self, change: Change) {
        let earlier = self.batch.changes.iter().position(|earlier| earlier.at == change.at);
        let earlier = earlier.map(|place| self.batch.changes.swap_remove(place));
        self.batch.changes.push(match earlier {
            Some(earlier) => change.after(&earlier),
            None => change,
        });
    }

    /// Writes how an attempt ended.
    pub(super) fn end(&mut self, end: AttemptEnd) {
        self.batch.ends.push(end);
    }

    /// Keeps in mind what was learned of an account: it is written with what it was learned by, so that neither is without
    /// the other.
    pub(super) fn update_account(&mut self, account_update: AccountUpdate) {
        self.batch.update_account(account_update);
    }

    /// Whether everything that ended is on disk.
    pub(super) fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// How the attempts ended that are not written.
    pub(super) fn unwritten(&self) -> &[AttemptEnd] {
        &self.batch.ends
    }

    /// Hands the batch over with the intents of what is to go, and what they may cost. Their ids are drawn as it is committed.
    pub(super) fn submit(&mut self, intents: Vec<Intent>, caps: Vec<Cap>) -> SubmittedBatch {
        let mut batch = std::mem::take(&mut self.batch);
        (batch.intents, batch.caps) = (intents, caps);
        let ids = self.ids.take().unwrap_or_else(|| self.ledger.attempt_ids());
        let ledger = Arc::clone(&self.ledger);
        SubmittedBatch { ledger, run: self.run, batch, ids, began: Instant::now() }
    }

    /// Takes back what came of a batch that was handed over.
    ///
    /// # Errors
    /// Why it is not on disk. Its ends and changes are back in the batch; its intents are gone, and their lookups are the
    /// caller's to put back.
    pub(super) fn written(&mut self, returned: BatchResult) -> Result<Written, Unwritten> {
        let BatchResult { mut batch, ids, began, came } = returned;
        self.ids = Some(ids);
        match came {
            Ok(committed) => {
                tracing::trace!(
                    ends = batch.ends.len(),
                    changes = batch.changes.len(),
                    intents = batch.intents.len(),
                    "commit"
                );
                let resumes = self.availability.worked(LedgerUse::Write);
                Ok(Written { changes: batch.changes, intents: batch.intents, committed, resumes })
            }
            Err(error) => {
                batch.intents.clear();
                let since = std::mem::replace(&mut self.batch, batch);
                since.ends.into_iter().for_each(|end| self.end(end));
                since.changes.into_iter().for_each(|change| self.change(change));
                since
                    .account_updates
                    .into_iter()
                    .for_each(|account_update| self.update_account(account_update));
                Err(Unwritten { began, error })
            }
        }
    }

    /// Writes what ended, sends nothing, and parks what is in flight as unknown: nobody will hear of it.
    pub(super) async fn give_up(&mut self) -> Result<(), LedgerError> {
        let returned = self.submit(Vec::new(), Vec::new()).commit().await;
        self.written(returned).map_err(|unwritten| unwritten.error)?;
        self.ledger.park_started(self.run, now_ms()).await?;
        Ok(())
    }

    /// Until when the ledger is not to be tried.
    pub(super) fn held_until(&self, now: Instant) -> Option<Instant> {
        self.availability.until(now)
    }

    /// What is known of whether the ledger can be used.
    pub(super) const fn availability(&self) -> &LedgerAvailability {
        &self.availability
    }

    /// It has failed, in an attempt that began at `began`. Whether that is new; `None` if it was waited for long enough.
    pub(super) fn failed(&mut self, what: LedgerUse, began: Instant, patience: Duration) -> Option<bool> {
        self.availability.failed(what, began, patience)
    }

    /// It can be read. Whether that is new.
    pub(super) fn reads(&mut self) -> bool {
        self.availability.worked(LedgerUse::Read)
    }

    /// It takes no writes, for a reason that does not pass; what is in flight is heard, and written if it can be after all.
    pub(super) fn refuse_writes(&mut self) {
        self.availability.refuse_writes();
    }
}

impl SubmittedBatch {
    #[cfg(test)]
    pub(super) fn changes(&self) -> &[Change] {
        &self.batch.changes
    }

    /// Commits it: when this returns it is on disk, or nothing of it is.
    pub(super) async fn commit(self) -> BatchResult {
        let Self { ledger, run, mut batch, mut ids, began } = self;
        let mut draws = 0;
        let came = loop {
            let now = now_ms();
            for intent in &mut batch.intents {
                intent.id = ids.next(now);
                intent.transactionid = transactionid(intent.id);
            }
            match ledger.commit(run, &batch).await {
                Err(LedgerError::IdTaken) if draws < MOST_DRAWS => {
                    draws += 1;
                    ids.redraw();
                }
                came => break came,
            }
        };
        BatchResult { batch, ids, began, came }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::run_of;
    use super::*;
    use crate::domain::identity::Identity;
    use crate::domain::money::Ore;
    use crate::domain::outcome::{Outcome, Outcomes, Source, State};
    use crate::ledger::{AttemptState, Fault, LookupId};

    const PRICE: Ore = Ore::new(600);

    fn at(row: i64) -> LookupId {
        LookupId { row, step: 0 }
    }

    async fn intent(ledger: &Ledger, row: i64) -> Intent {
        Intent {
            at: at(row),
            id: 0,
            transactionid: String::new(),
            service: ledger.service_id("creditsafe", "sandbox", "getsignatory").await.unwrap(),
            purpose: ledger.purpose_ids(&[String::new()], "").await.unwrap()[0],
            identity: Identity([u8::try_from(row).unwrap(); 16]),
            letter_making: false,
            started_at: now_ms(),
            reserved: Some(PRICE),
            reuse_after: None,
            reuse_outcomes: Outcomes::default(),
            purposes: None,
            unknown_too: false,
        }
    }

    fn refused(attempt: i64) -> AttemptEnd {
        AttemptEnd {
            id: attempt,
            state: AttemptState::Refused,
            settled_at: now_ms(),
            took: None,
            cost: Some(Ore::ZERO),
            outcome: None,
            code: Some("503".to_owned()),
            text: None,
            log_id: None,
            letter: None,
            body: None,
            came: None,
            named: Vec::new(),
        }
    }

    fn spent(row: i64) -> Change {
        Change { spent: 1, ..Change::to(at(row), State::Pending, None) }
    }

    /// A writer that has written the intent of the first row, and its attempt.
    async fn begun(ledger: &Arc<Ledger>, run: i64) -> (Writer, i64) {
        let mut writer = Writer::new(Arc::clone(ledger), run);
        let returned = writer.submit(vec![intent(ledger, 1).await], Vec::new()).commit().await;
        let written = writer.written(returned).ok().unwrap();
        assert!(written.intents[0].id > 0 && written.changes.is_empty() && !written.resumes);
        (writer, written.intents[0].id)
    }

    #[tokio::test]
    async fn what_a_lookup_comes_to_in_one_batch_is_one_change() {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, run) = run_of(folder.path(), 2).await;
        let (mut writer, attempt) = begun(&ledger, run).await;
        writer.end(refused(attempt));
        writer.change(spent(1));
        writer.change(Change::to(at(2), State::Settled, Some(Outcome::Invalid)));
        let failed = Change { spent: 0, attempt: Some(attempt), source: Some(Source::Bought), ..spent(1) };
        writer.change(Change { state: State::Settled, outcome: Some(Outcome::Failed), ..failed });
        assert!(!writer.is_empty() && writer.unwritten().len() == 1);
        let returned = writer.submit(Vec::new(), Vec::new()).commit().await;
        let written = writer.written(returned).ok().unwrap();
        let first = written.changes.iter().find(|change| change.at == at(1)).unwrap();
        assert_eq!((written.changes.len(), first.spent, first.outcome), (2, 1, Some(Outcome::Failed)));
        assert!(writer.is_empty());
        let totals = ledger.totals(run).await.unwrap();
        assert_eq!((totals.pending, totals.outcomes[Outcome::Failed.index()]), (0, 1));
    }

    /// What the loop hears while a batch is away comes after it, whatever becomes of it.
    #[tokio::test]
    async fn a_batch_that_is_not_written_comes_back_before_what_has_come_since() {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, run) = run_of(folder.path(), 2).await;
        let (mut writer, attempt) = begun(&ledger, run).await;
        writer.end(refused(attempt));
        writer.change(spent(1));
        let fault = ledger.break_it(Fault::Unwritable).await;
        let submitted = writer.submit(vec![intent(&ledger, 2).await], Vec::new());
        assert!(writer.is_empty(), "it is on its way");
        writer.change(Change { spent: 0, ..Change::to(at(1), State::Settled, Some(Outcome::Failed)) });
        let returned = submitted.commit().await;
        assert!(writer.written(returned).is_err());
        assert_eq!((writer.unwritten().len(), writer.batch.changes.len()), (1, 1));
        let change = &writer.batch.changes[0];
        assert_eq!((change.spent, change.outcome), (1, Some(Outcome::Failed)), "both, the later last");
        assert!(writer.batch.intents.is_empty(), "what was to go is the loop's to put back");
        ledger.mend(fault).await;
        let returned = writer.submit(Vec::new(), Vec::new()).commit().await;
        assert!(writer.written(returned).is_ok() && writer.is_empty());
        let totals = ledger.totals(run).await.unwrap();
        assert_eq!((totals.pending, totals.outcomes[Outcome::Failed.index()]), (1, 1));
        assert_eq!(totals.calls, 1, "the second was never sent");
    }

    #[tokio::test]
    async fn whoever_gives_up_leaves_what_is_in_flight_unknown() {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, run) = run_of(folder.path(), 2).await;
        let (mut writer, _) = begun(&ledger, run).await;
        writer.change(Change::to(at(2), State::Settled, Some(Outcome::Invalid)));
        writer.give_up().await.unwrap();
        let totals = ledger.totals(run).await.unwrap();
        let counts = [Outcome::Unknown, Outcome::Invalid].map(|outcome| totals.outcomes[outcome.index()]);
        assert_eq!((counts, totals.pending, totals.cost_unknown), ([1, 1], 0, PRICE));
    }
}
