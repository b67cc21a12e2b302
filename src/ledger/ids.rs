//! Ids: short words for runs, and attempt ids that are at once the primary key and our reference on the wire.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Crockford's alphabet in lower case: no i, l, o or u, so that an id can be read over the telephone.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 2020-01-01 in milliseconds since 1970; forty bits of milliseconds from there last until 2054.
const EPOCH: i64 = 1_577_836_800_000;

/// Bits below the milliseconds: twelve drawn by each process, eight counted within a millisecond.
const COUNTER_BITS: u32 = 8;
const TAG_BITS: u32 = 12;

/// The highest id that is known to stand in a ledger: what is drawn for it is above, as in a hybrid logical clock, so that ids
/// rise also after a clock that was ahead. One of an open ledger, for all runs that share it.
#[derive(Debug, Clone, Default)]
pub(super) struct NewestId(Arc<AtomicI64>);

impl NewestId {
    /// Takes note of an id that stands in the ledger.
    pub(super) fn observe(&self, id: i64) {
        self.0.fetch_max(id, Ordering::Relaxed);
    }
}

/// Draws attempt ids that rise with time, above those that are known to stand in the ledger, and that two processes are very
/// unlikely to share; where they do, or where another process has drawn a higher one for the same question, the ledger refuses
/// the second one before anything is sent, and [`AttemptIds::redraw`] takes another tag.
#[derive(Debug)]
pub struct AttemptIds {
    tag: i64,
    last: i64,
    newest: NewestId,
}

impl AttemptIds {
    /// For a ledger of which this is the newest id.
    pub(super) fn above(newest: NewestId) -> Self {
        Self { tag: drawn_tag(), last: 0, newest }
    }

    /// The next id at `now_ms`, larger than every one before it.
    pub fn next(&mut self, now_ms: i64) -> i64 {
        let floor = ((now_ms - EPOCH).max(0) << (TAG_BITS + COUNTER_BITS)) | (self.tag << COUNTER_BITS);
        let following = self.last + 1;
        // After 256 ids in one millisecond the count runs into the next millisecond's, still under this tag.
        let overflowed = following & ((1 << COUNTER_BITS) - 1) == 0;
        let carried = (((self.last >> (TAG_BITS + COUNTER_BITS)) + 1) << (TAG_BITS + COUNTER_BITS))
            | (self.tag << COUNTER_BITS);
        let next = if overflowed { carried } else { following };
        let seen = self.newest.0.load(Ordering::Relaxed);
        // In the millisecond after it, under this tag: others may be above it too.
        let above = (((seen >> (TAG_BITS + COUNTER_BITS)) + 1) << (TAG_BITS + COUNTER_BITS))
            | (self.tag << COUNTER_BITS);
        self.last = floor.max(next).max(if seen < floor.max(next) { 0 } else { above });
        self.last
    }

    /// Takes another tag, after another process drew the same one or the ids were not above its own.
    pub fn redraw(&mut self) {
        self.tag = drawn_tag();
    }
}

/// The lowest id that is drawn at or after an instant (milliseconds since 1970).
pub(super) const fn lowest_id(at_ms: i64) -> i64 {
    let since = at_ms - EPOCH;
    if since < 0 { 0 } else { since << (TAG_BITS + COUNTER_BITS) }
}

fn drawn_tag() -> i64 {
    i64::from(fastrand::u16(..)) & ((1 << TAG_BITS) - 1)
}

/// The id as it goes over the wire and onto the provider's invoice: 14 characters, the most that Creditsafe takes.
pub fn transactionid(id: i64) -> String {
    let mut text = String::with_capacity(14);
    text.push_str("op");
    for place in (0..12).rev() {
        text.push(letter(id >> (5 * place)));
    }
    text
}

/// The id of a [`transactionid`], whatever its case; `None` for a text that is none of ours.
pub(super) fn attempt_id(text: &str) -> Option<i64> {
    let text = text.to_ascii_lowercase();
    let places = text.strip_prefix("op").filter(|places| places.len() == 12)?;
    places.bytes().try_fold(0, |id, letter| {
        let place = ALPHABET.iter().position(|known| *known == letter)?;
        Some(id << 5 | i64::try_from(place).ok()?)
    })
}

/// A new run's id: fifty random bits.
pub fn run_id() -> String {
    let bits = fastrand::i64(0..1 << 50);
    (0..10).rev().map(|place| letter(bits >> (5 * place))).collect()
}

fn letter(bits: i64) -> char {
    char::from(ALPHABET[usize::try_from(bits & 31).unwrap_or(0)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_rise_and_never_repeat() {
        let mut ids = AttemptIds::above(NewestId::default());
        let mut last = 0;
        for at in 0..100_000_i64 {
            // Five hundred in a millisecond, and a clock that steps back now and then.
            let now = EPOCH + 40_000_000_000 + at / 500 - if at % 1_000 == 0 { 5 } else { 0 };
            let id = ids.next(now);
            assert!(id > last);
            last = id;
        }
    }

    /// A clock that was ahead has drawn one: the next stands above it, and so does every other.
    #[test]
    fn ids_rise_above_what_was_seen() {
        let newest = NewestId::default();
        let mut ids = AttemptIds::above(newest.clone());
        let now = EPOCH + 60_000_000_000;
        let ahead = (60_000_000_005_i64 << (TAG_BITS + COUNTER_BITS)) | 0xf_ffff;
        let before = ids.next(now);
        newest.observe(ahead);
        newest.observe(before);
        let mut last = ahead;
        for at in 0..2_000 {
            let id = ids.next(now + at / 300);
            assert!(id > last);
            last = id;
        }
    }

    #[test]
    fn two_tags_never_meet() {
        let of = |tag| AttemptIds { tag, ..AttemptIds::above(NewestId::default()) };
        let (mut one, mut two) = (of(7), of(8));
        let of_one: HashSet<i64> = (0..2_000).map(|at| one.next(EPOCH + 1_000 + at / 300)).collect();
        assert!((0..2_000).all(|at| !of_one.contains(&two.next(EPOCH + 1_000 + at / 300))));
    }

    #[test]
    fn references_have_fourteen_characters_and_tell_ids_apart() {
        let mut ids = AttemptIds::above(NewestId::default());
        let references: HashSet<String> =
            (0..1_000).map(|_| transactionid(ids.next(1_800_000_000_000))).collect();
        assert_eq!(references.len(), 1_000);
        assert!(references.iter().all(|text| attempt_id(text).map(transactionid).as_ref() == Some(text)));
        assert_eq!(attempt_id("OP000000000010"), Some(32));
        assert!(["", "op", "op00000000001", "op00000000001u", "xx000000000010"].map(attempt_id) == [None; 5]);
        assert!(references.iter().all(|text| text.len() == 14 && text.is_ascii()));
        assert_eq!(run_id().len(), 10);
    }
}
