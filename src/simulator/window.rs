//! The account's limit: so many calls in a fixed window, and a lock-out until the window is over.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::reply::RetryAfter;

/// The rules of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WindowRule {
    /// Calls that one window takes.
    pub(super) calls: u64,
    /// How long it is, from its first call.
    pub(super) per: Duration,
    /// What 429 says in `Retry-After`.
    pub(super) retry_after: Option<RetryAfter>,
    /// Whether a call during the lock-out starts the lock-out again (apis.md section 1: resuming early prolongs it).
    pub(super) prolong: bool,
}

/// A rule and where its window stands.
pub(super) struct Window {
    rule: WindowRule,
    now: Mutex<Option<Current>>,
}

#[derive(Clone, Copy)]
struct Current {
    ends: Instant,
    calls: u64,
}

impl Window {
    /// A window that starts with the first call.
    pub(super) fn new(rule: WindowRule) -> Self {
        Self { rule, now: Mutex::new(None) }
    }

    /// Counts a call; an error is what its 429 is to say.
    pub(super) fn admit(&self, at: Instant) -> Result<(), Option<RetryAfter>> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Current { ends: at + self.rule.per, calls: 0 };
        let mut current = now.filter(|current| at < current.ends).unwrap_or(fresh);
        let full = current.calls >= self.rule.calls;
        if full && self.rule.prolong {
            current.ends = at + self.rule.per;
        }
        current.calls += u64::from(!full);
        *now = Some(current);
        if full { Err(self.rule.retry_after) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PER: Duration = Duration::from_mins(1);

    fn admitted(prolong: bool, seconds: &[u64]) -> Vec<bool> {
        let window = Window::new(WindowRule { calls: 2, per: PER, retry_after: None, prolong });
        let start = Instant::now();
        seconds.iter().map(|second| window.admit(start + Duration::from_secs(*second)).is_ok()).collect()
    }

    #[test]
    fn a_fixed_window_opens_again_when_it_is_over() {
        assert_eq!(
            admitted(false, &[0, 1, 2, 59, 60, 61, 62]),
            [true, true, false, false, true, true, false]
        );
    }

    #[test]
    fn calling_during_the_lock_out_prolongs_it_where_the_scenario_says_so() {
        assert_eq!(admitted(true, &[0, 1, 2, 60, 119, 179]), [true, true, false, false, false, true]);
    }
}
