//! The latch that closes the moment a 429 is seen, before anybody has decided anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// A shared handle. The transport's head hook closes it, each worker looks at it right before sending, and the
/// throttle opens it when the cool-down is over: so nothing leaves between a 429's arrival and the throttle's knowing.
#[derive(Debug, Clone, Default)]
pub struct Latch(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Heads with 429 that the throttle has not been told of.
    heads: AtomicU32,
    cooling: AtomicBool,
}

impl Latch {
    /// Notes the status of an answer's head: a 429 closes the latch. To be followed by `Throttle::throttled` for the same answer.
    pub fn on_head(&self, status: u16) {
        if status == 429 {
            self.0.heads.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Whether nothing may be sent now. A worker that finds it closed gives its call back unsent.
    pub fn is_closed(&self) -> bool {
        self.0.cooling.load(Ordering::SeqCst) || self.0.heads.load(Ordering::SeqCst) > 0
    }

    /// The throttle has heard of one more 429 and is cooling down.
    pub(super) fn acknowledge(&self) {
        self.close();
        let less = |heads: u32| heads.checked_sub(1);
        // Without a head before it (a transport that does not tell) there is nothing to take off.
        let _ = self.0.heads.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
    }

    /// Another process was told to wait.
    pub(super) fn close(&self) {
        self.0.cooling.store(true, Ordering::SeqCst);
    }

    /// The cool-down is over.
    pub(super) fn open(&self) {
        self.0.cooling.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_from_the_head_to_the_end_of_the_cool_down() {
        let latch = Latch::default();
        let worker = latch.clone();
        latch.on_head(200);
        assert!(!worker.is_closed());
        latch.on_head(429);
        latch.on_head(429);
        assert!(worker.is_closed());
        latch.acknowledge();
        latch.open();
        assert!(worker.is_closed(), "the second is not told yet");
        latch.acknowledge();
        latch.acknowledge();
        assert!(worker.is_closed());
        latch.open();
        assert!(!worker.is_closed());
    }
}
