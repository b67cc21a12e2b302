//! How long a lookup waits before it is repeated: the `backoff` crate's sequence, its own clock and randomness unused.

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_mins(1);
/// The wait is spread by as much to either side, so that what failed together is not repeated together.
const SPREAD: f64 = 0.2;
/// Attempts after which the wait no longer grows.
const GROWTH: u32 = 16;

/// The wait after the `attempt`-th attempt (from 1): 500 ms, doubled each time up to a minute, a fifth more or less; never
/// less than a `Retry-After` that came with a 503.
pub fn back_off(attempt: u32, retry_after: Option<Duration>, rng: &mut fastrand::Rng) -> Duration {
    let mut sequence = ExponentialBackoff {
        current_interval: FIRST,
        initial_interval: FIRST,
        randomization_factor: 0.0,
        multiplier: 2.0,
        max_interval: LONGEST,
        max_elapsed_time: None,
        ..ExponentialBackoff::default()
    };
    let attempts = attempt.clamp(1, GROWTH);
    let wait = (0..attempts).filter_map(|_| sequence.next_backoff()).last().unwrap_or(LONGEST);
    let spread = wait.mul_f64(1.0 - SPREAD + 2.0 * SPREAD * rng.f64());
    spread.max(retry_after.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_a_minute_a_fifth_to_either_side() {
        let mut rng = fastrand::Rng::with_seed(1);
        for (attempt, middle) in
            [(0, 500), (1, 500), (2, 1_000), (3, 2_000), (7, 32_000), (8, 60_000), (u32::MAX, 60_000)]
        {
            for _ in 0..50 {
                let wait = back_off(attempt, None, &mut rng);
                let middle = Duration::from_millis(middle);
                assert!(
                    wait >= middle.mul_f64(0.799) && wait <= middle.mul_f64(1.201),
                    "{attempt}: {wait:?}"
                );
            }
        }
        assert_ne!(back_off(3, None, &mut rng), back_off(3, None, &mut rng));
    }

    #[test]
    fn retry_after_is_the_least() {
        let mut rng = fastrand::Rng::with_seed(1);
        assert_eq!(back_off(1, Some(LONGEST * 5), &mut rng), LONGEST * 5);
        assert!(back_off(3, Some(FIRST), &mut rng) > FIRST);
    }
}
