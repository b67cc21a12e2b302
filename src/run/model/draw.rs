//! Drawing lots, the same for the same seed.

use std::ops::Range;

#[derive(Debug)]
pub(super) struct Draw(fastrand::Rng);

impl Draw {
    pub(super) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    pub(super) fn seed(&mut self) -> u64 {
        self.0.u64(..)
    }

    pub(super) fn within(&mut self, range: Range<u64>) -> u64 {
        if range.is_empty() { range.start } else { self.0.u64(range) }
    }

    /// Of a list, one.
    pub(super) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.0.usize(..of.len())]
    }

    /// In `share` of a hundred cases.
    pub(super) fn percent(&mut self, share: u32) -> bool {
        self.0.u32(..100) < share
    }

    /// In `share` of a thousand cases.
    pub(super) fn of_thousand(&mut self, share: u32) -> bool {
        share > 0 && self.0.u32(..1_000) < share
    }
}
