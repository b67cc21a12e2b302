//! What the upstream knows of the calls it got: the bill, entry by entry, and the counters that stay when the bill is
//! switched off.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Serialize, Serializer};
use tokio::sync::Notify;
use tokio::time::Instant;

/// One data call, in the order of arrival. Its number is somebody's: `Debug` does not show it.
#[derive(Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Position among all data calls, from 1.
    pub sequence: u64,
    /// Since the simulator started; in JSON milliseconds with three decimals.
    #[serde(rename = "at_ms", serialize_with = "as_ms")]
    pub at: Duration,
    /// The service's name, such as `getdata`.
    pub service: &'static str,
    /// `searchnumber` as it was sent, empty where it was not.
    pub number: String,
    /// `transactionid` as it was sent.
    pub transactionid: Option<String>,
    /// `blockname` as it was sent.
    pub block: Option<String>,
    /// The status of the answer; `None` if the connection was ended without one, or never will have one.
    pub status: Option<u16>,
    /// The code of the answer.
    pub code: Option<String>,
    /// Whether it costs money.
    pub billed: bool,
    /// Whether it sent a letter of disclosure.
    pub letter: bool,
    /// `apiLogId` of the answer.
    pub log_id: u64,
    /// What the scenario did to it, by the word of the scenario file.
    pub fault: Option<&'static str>,
}

/// One login that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LoginEntry {
    /// Since the simulator started; in JSON milliseconds with three decimals.
    #[serde(rename = "at_ms", serialize_with = "as_ms")]
    pub at: Duration,
    /// The status of the answer; `None` if there is none.
    pub status: Option<u16>,
}

/// The counters, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Data calls that arrived.
    pub arrivals: u64,
    /// Of these, how many cost money.
    pub billed: u64,
    /// And how many sent a letter.
    pub letters: u64,
    /// Data calls that are being answered now.
    pub in_flight: u64,
    /// Most at once so far.
    pub most_in_flight: u64,
    /// Calls that a scenario withholds now.
    pub held: u64,
    /// Logins that arrived.
    pub logins: u64,
    /// Health calls that arrived.
    pub health: u64,
    /// Redirections that were followed; there should be none.
    pub redirects_followed: u64,
}

/// Everything that was counted and written down.
pub(super) struct Bill {
    started: Instant,
    /// Whether entries are kept. Off for benches, whose millions of calls would fill the memory.
    pub(super) keeps_entries: AtomicBool,
    entries: Mutex<Vec<Entry>>,
    logins: Mutex<Vec<LoginEntry>>,
    held: Mutex<Vec<u64>>,
    arrivals: AtomicU64,
    billed: AtomicU64,
    letters: AtomicU64,
    in_flight: AtomicU64,
    most_in_flight: AtomicU64,
    health: AtomicU64,
    redirects_followed: AtomicU64,
    watchers: AtomicU64,
    changed: Notify,
}

impl Bill {
    /// An empty one, whose time starts now.
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            keeps_entries: AtomicBool::new(true),
            entries: Mutex::default(),
            logins: Mutex::default(),
            held: Mutex::default(),
            arrivals: AtomicU64::new(0),
            billed: AtomicU64::new(0),
            letters: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            most_in_flight: AtomicU64::new(0),
            health: AtomicU64::new(0),
            redirects_followed: AtomicU64::new(0),
            watchers: AtomicU64::new(0),
            changed: Notify::new(),
        }
    }

    /// A data call has arrived. It counts as in flight until the guard is dropped.
    pub(super) fn arrive(self: &Arc<Self>) -> Arrival {
        let at = self.started.elapsed();
        let sequence = self.arrivals.fetch_add(1, SeqCst) + 1;
        let now = self.in_flight.fetch_add(1, SeqCst) + 1;
        self.most_in_flight.fetch_max(now, SeqCst);
        Arrival { bill: Arc::clone(self), sequence, at }
    }

    /// Writes down what becomes of a data call.
    pub(super) fn enter(&self, billed: bool, letter: bool, entry: impl FnOnce() -> Entry) {
        self.billed.fetch_add(u64::from(billed), SeqCst);
        self.letters.fetch_add(u64::from(letter), SeqCst);
        if self.keeps_entries.load(SeqCst) {
            locked(&self.entries).push(entry());
        }
        self.tell();
    }

    /// Writes down a login.
    pub(super) fn enter_login(&self, status: Option<u16>) {
        locked(&self.logins).push(LoginEntry { at: self.started.elapsed(), status });
        self.tell();
    }

    /// Counts a health call.
    pub(super) fn enter_health(&self) {
        self.health.fetch_add(1, SeqCst);
        self.tell();
    }

    /// Counts a redirection that was followed.
    pub(super) fn enter_redirect_followed(&self) {
        self.redirects_followed.fetch_add(1, SeqCst);
    }

    /// A call is withheld from here until the guard is dropped.
    pub(super) fn hold(self: &Arc<Self>, sequence: u64) -> Held {
        locked(&self.held).push(sequence);
        self.tell();
        Held { bill: Arc::clone(self), sequence }
    }

    /// The entries in order of arrival.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let mut entries = locked(&self.entries).clone();
        entries.sort_by_key(|entry| entry.sequence);
        entries
    }

    /// The logins in order of arrival.
    pub(super) fn logins(&self) -> Vec<LoginEntry> {
        locked(&self.logins).clone()
    }

    /// The sequence numbers of the calls that are withheld.
    pub(super) fn held(&self) -> Vec<u64> {
        locked(&self.held).clone()
    }

    /// The counters.
    pub(super) fn stats(&self) -> Stats {
        Stats {
            arrivals: self.arrivals.load(SeqCst),
            billed: self.billed.load(SeqCst),
            letters: self.letters.load(SeqCst),
            in_flight: self.in_flight.load(SeqCst),
            most_in_flight: self.most_in_flight.load(SeqCst),
            held: locked(&self.held).len() as u64,
            logins: locked(&self.logins).len() as u64,
            health: self.health.load(SeqCst),
            redirects_followed: self.redirects_followed.load(SeqCst),
        }
    }

    /// Waits until the counters are as wanted. Waits for a level, so that nothing is missed between two looks.
    pub(super) async fn until(&self, wanted: impl Fn(&Stats) -> bool) -> Stats {
        let _watching = Watching::new(&self.watchers);
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let stats = self.stats();
            if wanted(&stats) {
                return stats;
            }
            changed.await;
        }
    }

    /// Nobody watches a bench, and a notification takes a lock.
    fn tell(&self) {
        if self.watchers.load(SeqCst) > 0 {
            self.changed.notify_waiters();
        }
    }
}

/// A data call under way.
pub(super) struct Arrival {
    bill: Arc<Bill>,
    /// Its position among all.
    pub(super) sequence: u64,
    /// When it came.
    pub(super) at: Duration,
}

impl Drop for Arrival {
    fn drop(&mut self) {
        self.bill.in_flight.fetch_sub(1, SeqCst);
        self.bill.tell();
    }
}

/// A withheld call. Dropped when it is released, and when its client goes away.
pub(super) struct Held {
    bill: Arc<Bill>,
    sequence: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        locked(&self.bill.held).retain(|sequence| *sequence != self.sequence);
        self.bill.tell();
    }
}

struct Watching<'a>(&'a AtomicU64);

impl<'a> Watching<'a> {
    fn new(watchers: &'a AtomicU64) -> Self {
        watchers.fetch_add(1, SeqCst);
        Self(watchers)
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("sequence", &self.sequence)
            .field("service", &self.service)
            .field("status", &self.status)
            .field("code", &self.code)
            .field("billed", &self.billed)
            .field("letter", &self.letter)
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}

/// The bill is no worse for a handler that panicked while it held the lock.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn as_ms<S: Serializer>(at: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    // Whole microseconds stay below 2^53 for 285 years.
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a simulator's life fit a double exactly")]
    serializer.serialize_f64(at.as_micros() as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(sequence: u64) -> Entry {
        Entry {
            sequence,
            at: Duration::from_micros(1_234_567),
            service: "getdata",
            number: "5565144408".to_owned(),
            transactionid: None,
            block: None,
            status: Some(200),
            code: None,
            billed: true,
            letter: false,
            log_id: 1,
            fault: None,
        }
    }

    #[test]
    fn entries_come_in_order_of_arrival_and_hide_their_number() {
        let bill = Bill::new();
        for sequence in [2, 1] {
            bill.enter(true, false, || entry(sequence));
        }
        let entries = bill.entries();
        assert_eq!(entries.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [1, 2]);
        assert!(!format!("{entries:?}").contains("5565144408"));
        assert!(serde_json::to_string(&entries[0]).expect("JSON").contains("\"at_ms\":1234.567"));
    }

    #[test]
    fn a_bill_that_is_off_still_counts() {
        let bill = Bill::new();
        bill.keeps_entries.store(false, SeqCst);
        bill.enter(true, true, || entry(1));
        let stats = bill.stats();
        assert_eq!((stats.billed, stats.letters, bill.entries().len()), (1, 1, 0));
    }

    #[tokio::test]
    async fn a_watcher_wakes_when_a_call_is_held_and_when_it_is_gone() {
        let bill = Arc::new(Bill::new());
        let watcher = tokio::spawn({
            let bill = Arc::clone(&bill);
            async move { bill.until(|stats| stats.held == 1).await }
        });
        let held = bill.hold(7);
        assert_eq!(watcher.await.expect("no panic").held, 1);
        assert_eq!(bill.held(), [7]);
        drop(held);
        assert_eq!(bill.until(|stats| stats.held == 0).await.held, 0);
    }
}
