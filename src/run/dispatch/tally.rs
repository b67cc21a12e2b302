//! The counts of a run while it goes on, and how fast it goes.

use crate::domain::outcome::Source;
use crate::ledger::{Change, Totals};
use crate::run::event::Progress;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// The span over which the rate is taken.
const SPAN: Duration = Duration::from_secs(10);

/// Counts, kept in step with what the ledger has committed.
pub(crate) struct Tally {
    totals: Totals,
    samples: VecDeque<(Instant, u64)>,
}

impl Tally {
    pub(crate) fn new(totals: Totals, now: Instant) -> Self {
        let done = totals.lookups - totals.pending;
        Self { totals, samples: VecDeque::from([(now, done)]) }
    }

    /// Counts a committed change of a lookup.
    pub(super) fn change(&mut self, change: &Change) {
        let totals = &mut self.totals;
        if let Some(outcome) = change.outcome {
            totals.outcomes[outcome.index()] += 1;
            totals.pending = totals.pending.saturating_sub(1);
            totals.reused += u64::from(change.source == Some(Source::Reused));
        }
        totals.cost = totals.cost.checked_add(change.cost).unwrap_or(totals.cost);
        if change.attempts < 0 {
            totals.calls = totals.calls.saturating_sub(u64::from(change.attempts.unsigned_abs()));
        }
    }

    /// Counts requests about to be sent.
    pub(super) fn sent(&mut self, count: usize) {
        self.totals.calls += count as u64;
    }

    /// Notes a service that was asked without a price.
    pub(super) fn unpriced(&mut self, service: &str) {
        if let Err(at) = self.totals.unpriced.binary_search_by(|known| known.as_str().cmp(service)) {
            self.totals.unpriced.insert(at, service.to_owned());
        }
    }

    /// Where the run stands.
    pub(super) fn progress(&mut self, now: Instant, in_flight: usize, pause: Option<String>) -> Progress {
        let done = self.totals.lookups - self.totals.pending;
        self.samples.push_back((now, done));
        while self.samples.len() > 2 && now.duration_since(self.samples[1].0) >= SPAN {
            self.samples.pop_front();
        }
        let (since, before) = self.samples[0];
        let seconds = now.duration_since(since).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no 53 bits")]
        let (rate, left) = if seconds > 0.0 {
            let rate = done.saturating_sub(before) as f64 / seconds;
            let left = (rate > 0.0).then(|| self.totals.pending as f64 / rate);
            (rate, left.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()))
        } else {
            (0.0, None)
        };
        Progress {
            lookups: self.totals.lookups,
            done,
            outcomes: self.totals.outcomes,
            calls: self.totals.calls,
            reused: self.totals.reused,
            cost: self.totals.cost,
            unpriced: self.totals.unpriced.clone(),
            rate,
            left,
            in_flight: in_flight as u64,
            pause,
        }
    }
}
