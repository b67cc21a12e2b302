//! The earlier of two times at which the loop is to look again.

use tokio::time::Instant;

/// Moves `next` to `other` where that comes first.
pub(super) fn earlier(next: &mut Option<Instant>, other: Option<Instant>) {
    *next = match (*next, other) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
}
