//! Counting what a plan would buy, each question once: on a task of its own, since a million identities are looked up in one
//! database while the next ones are looked up in another.

use super::error::RunError;
use super::report::PlanStep;
use crate::domain::identity::Identity;
use crate::domain::money::Ore;
use crate::domain::number::Kind;
use crate::ledger::{LedgerError, SeenIdentities};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Lists on their way to the task: a few, so that neither side waits for the other at every one.
const ON_THE_WAY: usize = 2;

/// Some lookups of one step, as far as their duplicates are not told apart yet.
pub(super) struct Judged {
    /// The lookup of the job.
    pub(super) step: usize,
    /// Those whose answer is in the ledger and fresh.
    pub(super) fresh: Vec<Identity>,
    /// Those whose answer is in the ledger, fresh, and cannot be read.
    pub(super) unread: Vec<Identity>,
    /// Those that would be asked.
    pub(super) buy: Vec<Purchase>,
}

/// A question that would be asked.
pub(super) struct Purchase {
    pub(super) identity: Identity,
    /// `None` if nobody has given one.
    pub(super) price: Option<Ore>,
    /// Of a call that may post a letter: what posts it, and to whom.
    pub(super) letter: Option<(Option<String>, Kind)>,
    /// Whether it depends on a condition that is not decided yet.
    pub(super) gated: bool,
    /// Whether it was bought before, and the answer purged.
    pub(super) purged: bool,
}

/// The task, and the way to it.
pub(super) struct Counter {
    sender: Option<mpsc::Sender<Judged>>,
    task: JoinHandle<Result<Vec<PlanStep>, LedgerError>>,
}

impl Counter {
    /// A counter for so many lookups of a job.
    pub(super) async fn start(steps: usize) -> Result<Self, LedgerError> {
        let (sender, receiver) = mpsc::channel(ON_THE_WAY);
        let task =
            tokio::spawn(count(receiver, SeenIdentities::new().await?, vec![PlanStep::default(); steps]));
        Ok(Self { sender: Some(sender), task })
    }

    /// Counts some lookups. What goes wrong is told by [`Counter::finish`].
    pub(super) async fn add(&self, judged: Judged) {
        if let Some(sender) = &self.sender {
            let _ = sender.send(judged).await;
        }
    }

    /// What it came to: fresh, duplicates and purchases, for each lookup of the job.
    pub(super) async fn finish(&mut self) -> Result<Vec<PlanStep>, RunError> {
        self.sender = None;
        Ok((&mut self.task).await.map_err(|_| RunError::bug("the plan's counter panicked"))??)
    }
}

async fn count(
    mut receiver: mpsc::Receiver<Judged>,
    mut seen: SeenIdentities,
    mut steps: Vec<PlanStep>,
) -> Result<Vec<PlanStep>, LedgerError> {
    while let Some(Judged { step, fresh, unread, buy }) = receiver.recv().await {
        let sums = &mut steps[step];
        for (of, taken) in [(&mut sums.fresh, fresh), (&mut sums.unknown, unread)] {
            let first = seen.first_times(&taken).await?.len();
            *of += first as u64;
            sums.duplicates += (taken.len() - first) as u64;
        }
        let asked: Vec<Identity> = buy.iter().map(|purchase| purchase.identity).collect();
        let mut first = seen.first_times(&asked).await?;
        for purchase in buy {
            if first.remove(&purchase.identity) {
                sums.add(&purchase);
            } else {
                sums.duplicates += 1;
            }
        }
    }
    Ok(steps)
}

impl PlanStep {
    fn add(&mut self, purchase: &Purchase) {
        let price = purchase.price.unwrap_or_default();
        if purchase.price.is_some() {
            let first = self.to_buy == self.unpriced;
            self.price_low = if first { price } else { self.price_low.min(price) };
            self.price_high = self.price_high.max(price);
        } else {
            self.unpriced += 1;
        }
        self.price = self.price.checked_add(price).unwrap_or(self.price);
        self.to_buy += 1;
        self.purged += u64::from(purchase.purged);
        if let Some((block, kind)) = &purchase.letter {
            self.letters += 1;
            self.letters_by_block.add(block.as_deref(), *kind);
        }
        if purchase.gated {
            self.gated += 1;
            self.gated_price = self.gated_price.checked_add(price).unwrap_or(self.gated_price);
            self.gated_unpriced += u64::from(purchase.price.is_none());
        }
    }

    /// Takes up what was counted apart.
    pub(super) fn take_up(&mut self, counted: Self) {
        self.duplicates += counted.duplicates;
        self.unknown += counted.unknown;
        let Self { id, service, skipped, invalid, duplicates, unknown, .. } =
            std::mem::replace(self, counted);
        (self.id, self.service) = (id, service);
        (self.skipped, self.invalid, self.duplicates, self.unknown) = (skipped, invalid, duplicates, unknown);
    }
}
