//! Budgets: caps on calls and money, and what they still admit. Over which calls they are summed is not decided here.

use super::money::Ore;
use std::fmt;

/// A cap on calls, on money, on both, or on nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limit {
    /// Calls at most, repeats included.
    pub max_calls: Option<u64>,
    /// SEK at most, with what lost answers may have cost and what is reserved for calls under way.
    pub max_cost: Option<Ore>,
}

/// What was spent: calls that were sent or are about to be, and their cost, reservations included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spend {
    /// Calls.
    pub calls: u64,
    /// Their cost.
    pub cost: Ore,
    /// How many of them have no price: they count as nothing, and what they cost is not known.
    pub unpriced: u64,
}

impl Spend {
    /// With so many more calls at so much in all; the largest amount where the sum does not fit.
    #[must_use]
    pub fn and(self, calls: u64, cost: Ore) -> Self {
        Self {
            calls: self.calls.saturating_add(calls),
            cost: self.cost.checked_add(cost).unwrap_or(Ore::new(u64::MAX)),
            ..self
        }
    }

    /// With one more call at this price; `None` if nobody has given one.
    #[must_use]
    pub fn and_call(self, price: Option<Ore>) -> Self {
        let unpriced = self.unpriced.saturating_add(u64::from(price.is_none()));
        Self { unpriced, ..self.and(1, price.unwrap_or_default()) }
    }

    /// The two together.
    #[must_use]
    pub fn and_all(self, more: Self) -> Self {
        let unpriced = self.unpriced.saturating_add(more.unpriced);
        Self { unpriced, ..self.and(more.calls, more.cost) }
    }

    /// What came on top of `before`.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(before.calls),
            cost: self.cost.saturating_sub(before.cost),
            unpriced: self.unpriced.saturating_sub(before.unpriced),
        }
    }
}

const fn call(calls: u64) -> &'static str {
    if calls == 1 { "call" } else { "calls" }
}

/// `12 calls, 38.40 SEK`; `12 calls, price unknown`.
impl fmt::Display for Spend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}, ", self.calls, call(self.calls))?;
        match (self.cost, self.unpriced) {
            (cost, 0) => write!(f, "{cost} SEK"),
            (Ore::ZERO, _) => f.write_str("price unknown"),
            (cost, _) => write!(f, "{cost} SEK and price unknown"),
        }
    }
}

/// `1000 calls and 3200.00 SEK`.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.max_calls, self.max_cost) {
            (Some(calls), None) => write!(f, "{calls} {}", call(calls)),
            (Some(calls), Some(cost)) => write!(f, "{calls} {} and {cost} SEK", call(calls)),
            (None, Some(cost)) => write!(f, "{cost} SEK"),
            (None, None) => f.write_str("no limit"),
        }
    }
}

impl Limit {
    /// Whether it caps nothing.
    pub const fn is_none(self) -> bool {
        self.max_calls.is_none() && self.max_cost.is_none()
    }

    /// What stands against it. Beside a cap on calls alone, money that nobody knows is not spoken of.
    pub fn told(self, spent: Spend) -> String {
        match (self.max_cost, spent.unpriced, spent.calls) {
            (Some(_), ..) | (None, 0, _) => spent.to_string(),
            (None, _, calls) => format!("{calls} {}", call(calls)),
        }
    }

    /// Whether one more call at this price still fits.
    pub fn admits(self, spent: Spend, price: Ore) -> bool {
        let calls = self.max_calls.is_none_or(|most| spent.calls < most);
        let cost = |most: Ore| spent.cost.checked_add(price).is_some_and(|sum| sum <= most);
        calls && self.max_cost.is_none_or(cost)
    }

    /// Whether more is spent than it allows: it was lowered since.
    pub fn is_passed_by(self, spent: Spend) -> bool {
        self.max_calls.is_some_and(|most| spent.calls > most)
            || self.max_cost.is_some_and(|most| spent.cost > most)
    }

    /// The same cap for what comes on top of `before`.
    #[must_use]
    pub fn beyond(self, before: Spend) -> Self {
        Self {
            max_calls: self.max_calls.map(|most| most.saturating_add(before.calls)),
            max_cost: self.max_cost.map(|most| before.cost.checked_add(most).unwrap_or(Ore::new(u64::MAX))),
        }
    }

    /// What is left of it after `spent`.
    #[must_use]
    pub fn less(self, spent: Spend) -> Self {
        Self {
            max_calls: self.max_calls.map(|most| most.saturating_sub(spent.calls)),
            max_cost: self.max_cost.map(|most| most.saturating_sub(spent.cost)),
        }
    }

    /// Whether so many of a hundred parts of it are spent.
    pub fn is_spent_to(self, percent: u8, spent: Spend) -> bool {
        let to = |part: u64, whole: u64| u128::from(part) * 100 >= u128::from(whole) * u128::from(percent);
        self.max_calls.is_some_and(|most| to(spent.calls, most))
            || self.max_cost.is_some_and(|most| to(spent.cost.get(), most.get()))
    }

    /// After how many milliseconds from its beginning it is used up, if the `elapsed` milliseconds from there are like the
    /// rest; `None` if nothing was spent yet. The first of its two caps counts.
    pub fn lasts(self, spent: Spend, elapsed: i64) -> Option<i64> {
        let of = |part: u64, whole: u64| {
            let whole = u128::from(whole) * u128::from(elapsed.max(0).unsigned_abs());
            whole.checked_div(u128::from(part)).map(|span| i64::try_from(span).unwrap_or(i64::MAX))
        };
        let calls = self.max_calls.and_then(|most| of(spent.calls, most));
        let cost = self.max_cost.and_then(|most| of(spent.cost.get(), most.get()));
        calls.into_iter().chain(cost).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limit(calls: Option<u64>, ore: Option<u64>) -> Limit {
        Limit { max_calls: calls, max_cost: ore.map(Ore::new) }
    }

    fn spend(calls: u64, ore: u64) -> Spend {
        Spend { calls, cost: Ore::new(ore), unpriced: 0 }
    }

    #[test]
    fn the_last_call_and_the_last_ore_fit() {
        for (limit, spent, price, fits) in [
            (limit(None, None), spend(u64::MAX, u64::MAX), 1, true),
            (limit(Some(3), None), spend(2, 9), 1, true),
            (limit(Some(3), None), spend(3, 0), 0, false),
            (limit(Some(0), None), spend(0, 0), 0, false),
            (limit(None, Some(640)), spend(1, 320), 320, true),
            (limit(None, Some(639)), spend(1, 320), 320, false),
            (limit(None, Some(320)), spend(1, 320), 0, true),
            (limit(None, Some(320)), spend(1, 321), 0, false),
            (limit(Some(9), Some(100)), spend(1, 100), 1, false),
            (limit(Some(1), Some(100)), spend(1, 0), 1, false),
            (limit(None, Some(u64::MAX)), spend(1, u64::MAX), 1, false),
        ] {
            assert_eq!(limit.admits(spent, Ore::new(price)), fits, "{limit} after {spent}, {price} more");
        }
    }

    #[test]
    fn how_far_it_is_spent_and_how_long_it_lasts() {
        let both = limit(Some(100), Some(10_000));
        assert!(!both.is_spent_to(80, spend(79, 7_999)));
        assert!(both.is_spent_to(80, spend(80, 0)) && both.is_spent_to(80, spend(0, 8_000)));
        assert_eq!(both.lasts(spend(0, 0), 1_000), None);
        assert_eq!(both.lasts(spend(10, 0), 1_000), Some(10_000));
        assert_eq!(both.lasts(spend(10, 5_000), 1_000), Some(2_000), "money ends first");
        assert_eq!(both.beyond(spend(7, 50)), limit(Some(107), Some(10_050)));
        assert!(both.is_passed_by(spend(101, 0)) && !both.is_passed_by(spend(100, 10_000)));
        assert_eq!(both.to_string(), "100 calls and 100.00 SEK");
        assert_eq!(spend(1, 320).to_string(), "1 call, 3.20 SEK");
        let unpriced = spend(1, 0).and_call(None);
        assert_eq!(unpriced.to_string(), "2 calls, price unknown");
        assert_eq!(unpriced.and_call(Some(Ore::new(320))).to_string(), "3 calls, 3.20 SEK and price unknown");
        assert_eq!(spend(1, 0).and_call(Some(Ore::ZERO)).to_string(), "2 calls, 0.00 SEK", "it is free");
        let calls = limit(Some(1), None);
        assert_eq!([calls, both].map(|limit| limit.told(spend(2, 320))), ["2 calls, 3.20 SEK"; 2]);
        assert_eq!([calls, both].map(|limit| limit.told(unpriced)), ["2 calls", "2 calls, price unknown"]);
    }

    proptest! {
        /// However many calls are tried at whatever prices, what is admitted one by one never passes the cap.
        #[test]
        fn what_is_admitted_never_passes_it(
            calls in proptest::option::of(0..40_u64), ore in proptest::option::of(0..5_000_u64),
            prices in proptest::collection::vec(0..400_u64, 0..60),
        ) {
            let limit = limit(calls, ore);
            let mut spent = Spend::default();
            for price in prices {
                let after = spent.and(1, Ore::new(price));
                prop_assert_eq!(limit.admits(spent, Ore::new(price)), !limit.is_passed_by(after));
                if limit.admits(spent, Ore::new(price)) {
                    spent = after;
                }
                prop_assert!(!limit.is_passed_by(spent));
            }
        }
    }
}
