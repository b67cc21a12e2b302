//! A lookup that may go, and one that is on its way.

use super::queue::Ready;
use crate::http::throttle::Token;
use std::sync::Arc;
use std::time::Duration;
use tokio::task;
use tokio::time::Instant;

/// A lookup whose request is on its way.
pub(super) struct Flight {
    pub(super) ready: Ready,
    pub(super) attempt: i64,
    /// The task that waits for its answer.
    pub(super) task: task::Id,
    /// How long it was under way, once that is over; `None` if it did not leave, or if nobody knows.
    pub(super) took: Option<Duration>,
}

/// A lookup that may go.
pub(super) struct GrantedCall {
    pub(super) account: usize,
    pub(super) ready: Ready,
    pub(super) token: Arc<Token>,
    pub(super) granted: Instant,
}
