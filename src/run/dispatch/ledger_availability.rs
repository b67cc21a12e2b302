//! What cannot be done to the ledger now, since when, and when it is tried again.

use std::time::Duration;
use tokio::time::Instant;

/// How soon it is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// What cannot be done to the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LedgerUse {
    Write,
    Read,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    since: Instant,
    again: Instant,
}

/// What is held, and until when.
#[derive(Debug, Default)]
pub(super) struct LedgerAvailability {
    writing: Option<Held>,
    reading: Option<Held>,
}

impl LedgerAvailability {
    fn of(&mut self, what: LedgerUse) -> &mut Option<Held> {
        match what {
            LedgerUse::Write => &mut self.writing,
            LedgerUse::Read => &mut self.reading,
        }
    }

    /// It has failed, in an attempt that began at `began`, and is tried again in a moment. Whether that is new; `None` if
    /// it was waited for long enough.
    pub(super) fn failed(&mut self, what: LedgerUse, began: Instant, patience: Duration) -> Option<bool> {
        let now = Instant::now();
        let held = self.of(what);
        let since = held.map_or(began, |held| held.since);
        let goes_on = now.duration_since(since) <= patience;
        goes_on.then(|| held.replace(Held { since, again: now + RETRY }).is_none())
    }

    /// It takes no writes, and is tried again in a moment.
    pub(super) fn refuse_writes(&mut self) {
        let now = Instant::now();
        self.writing = Some(Held { since: now, again: now + RETRY });
    }

    /// It has worked. Whether that is new.
    pub(super) fn worked(&mut self, what: LedgerUse) -> bool {
        self.of(what).take().is_some()
    }

    /// Whether it is not known that the ledger takes writes again.
    pub(super) fn writing(&self) -> bool {
        self.writing.is_some()
    }

    /// Whether it is not known that the ledger can be used again.
    pub(super) fn any(&self) -> bool {
        self.writing.is_some() || self.reading.is_some()
    }

    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        let held = self.writing.iter().chain(&self.reading).map(|held| held.again);
        held.filter(|again| *again > now).max()
    }

    /// What the run waits for, in words.
    pub(super) fn pause(&self) -> Option<&'static str> {
        match self {
            Self { writing: Some(_), .. } => Some("the ledger takes no writes"),
            Self { reading: Some(_), .. } => Some("the ledger cannot be read"),
            Self { writing: None, reading: None } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn writing_and_reading_are_waited_for_each_by_itself() {
        let (mut holds, patience, began) =
            (LedgerAvailability::default(), Duration::from_mins(1), Instant::now());
        assert_eq!(holds.failed(LedgerUse::Write, began, patience), Some(true));
        tokio::time::advance(Duration::from_secs(50)).await;
        let now = Instant::now();
        assert_eq!((holds.until(now), holds.pause()), (None, Some("the ledger takes no writes")));
        assert_eq!(holds.failed(LedgerUse::Read, now, patience), Some(true));
        assert_eq!(holds.until(now), Some(now + RETRY));
        assert!(holds.worked(LedgerUse::Read) && !holds.worked(LedgerUse::Read));
        assert_eq!(holds.until(now), None, "of the one that failed last nothing is left");
        assert!(holds.writing() && holds.any(), "that it was read says nothing of writing");
        assert_eq!(holds.failed(LedgerUse::Write, now, patience), Some(false));
        assert_eq!(holds.failed(LedgerUse::Read, now, patience), Some(true));
        tokio::time::advance(Duration::from_secs(11)).await;
        let now = Instant::now();
        assert_eq!(holds.failed(LedgerUse::Write, now, patience), None, "since it first failed");
        assert_eq!(holds.failed(LedgerUse::Read, now, patience), Some(false));
        assert!(holds.worked(LedgerUse::Write));
        assert_eq!((holds.writing(), holds.pause()), (false, Some("the ledger cannot be read")));
    }
}
