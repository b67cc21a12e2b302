//! Drawing made-up facts: the same seed and the same words always draw the same.

/// A small generator (SplitMix64), started from the seed and whatever else the answer may depend on.
///
/// It is written out here because the answers must stay the same over versions of any crate: tests and benches
/// compare them from one build to the next.
#[derive(Debug, Clone)]
pub(super) struct Draw(u64);

impl Draw {
    /// A generator for `seed` and these words. The order of the words matters, and so do their boundaries.
    pub(super) fn new(seed: u64, words: &[&str]) -> Self {
        // FNV-1a, with a byte that is never in UTF-8 after each word.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut eat = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        for word in words {
            word.bytes().for_each(&mut eat);
            eat(0xff);
        }
        Self(hash)
    }

    /// The next 64 bits.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `bound`, which is at least one. The bias of the remainder does not matter here.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// A number from `low` up to `high`, both included.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// One of these. The list is never empty: they are all constants of this room.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        let index = usize::try_from(self.below(choices.len() as u64)).unwrap_or(0);
        choices[index]
    }

    /// True in `percent` of a hundred draws.
    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A day between the first days of two years, as `yyyy-MM-dd`. Days end at 28, so that every one exists.
    pub(super) fn day(&mut self, from_year: u64, before_year: u64) -> String {
        let year = self.between(from_year, before_year - 1);
        let (month, day) = (self.between(1, 12), self.between(1, 28));
        format!("{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_seed_decide() {
        let first = |seed, words: &[&str]| Draw::new(seed, words).next();
        assert_eq!(first(1, &["a", "b"]), first(1, &["a", "b"]));
        assert_ne!(first(1, &["a", "b"]), first(2, &["a", "b"]));
        assert_ne!(first(1, &["a", "b"]), first(1, &["ab"]));
        assert_ne!(first(1, &["a", "b"]), first(1, &["b", "a"]));
    }

    #[test]
    fn draws_stay_in_their_bounds_and_reach_both_ends() {
        let mut draw = Draw::new(7, &[]);
        let drawn: Vec<u64> = (0..200).map(|_| draw.between(3, 5)).collect();
        assert!(drawn.iter().all(|n| (3..=5).contains(n)));
        assert!(drawn.contains(&3) && drawn.contains(&5));
    }
}
