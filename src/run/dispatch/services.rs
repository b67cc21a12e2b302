//! What is known of the services that a run asks.

use super::streak::Streaks;

/// How the services of a run have answered so far.
pub(super) struct Services {
    /// Lookups of the job that were answered by an attempt of this run, as far as is known.
    pub(super) answered: Vec<bool>,
    pub(super) streaks: Streaks,
}

impl Services {
    /// Of a job of so many lookups, of which nothing is known yet.
    pub(super) fn new(steps: usize) -> Self {
        Self { answered: vec![false; steps], streaks: Streaks::default() }
    }
}
