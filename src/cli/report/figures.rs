//! Numbers as people read them.

pub use crate::domain::counted::count;
pub(super) use crate::domain::counted::counted;

use super::table::Cell;
use crate::domain::money::Ore;
use std::time::Duration;

/// An amount in SEK: `12 431.20 SEK`.
pub fn money(amount: Ore) -> String {
    format!("{}.{:02} SEK", count(amount.get() / 100), amount.get() % 100)
}

/// An amount in SEK, and whether calls that nobody has given a price come on top of it: `12.80 SEK + price unknown`.
pub(super) fn cost(amount: Ore, unknown: bool) -> String {
    match (amount, unknown) {
        (amount, false) => money(amount),
        (Ore::ZERO, true) => "price unknown".to_owned(),
        (amount, true) => format!("{} + price unknown", money(amount)),
    }
}

/// The same in a table, whose heading says SEK where room is scarce.
pub(super) fn amount(sum: Ore, unknown: bool) -> Cell {
    let text = cost(sum, unknown);
    let short = text.replace(" SEK", "");
    Cell::from(text).short(short)
}

/// A span of time in its two largest units: `13 d 21 h`, `4 h 12 min`, `2 min 5 s`, `38 s`.
pub fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) if seconds == 0 && !duration.is_zero() => "less than 1 s".to_owned(),
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{} d {hours} h", count(days)),
    }
}

/// A rate in the unit in which it is a number worth reading: `52/s`, `1.5/s`, `30/min`, `12/h`.
pub fn per_second(rate: f64) -> String {
    if !rate.is_finite() || rate <= 0.0 {
        return "0/s".to_owned();
    }
    let (number, unit) = match rate {
        rate if rate >= 1.0 => (rate, "s"),
        rate if rate * 60.0 >= 1.0 => (rate * 60.0, "min"),
        rate => (rate * 3_600.0, "h"),
    };
    if number < 9.95 { format!("{number:.1}/{unit}") } else { format!("{}/{unit}", whole(number)) }
}

/// A part of a whole in percent, never 100 before it is all.
pub(super) fn percent(part: u64, whole: u64) -> u64 {
    if whole == 0 { 100 } else { u64::try_from(u128::from(part) * 100 / u128::from(whole)).unwrap_or(100) }
}

fn whole(number: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and a cast saturates"
    )]
    count(number.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counts() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1_000, "1 000"), (12_000, "12 000"), (1_204_331, "1 204 331")]
        {
            assert_eq!(count(number), text);
        }
        assert_eq!(count(u64::MAX), "18 446 744 073 709 551 615");
        assert_eq!((counted(1, "row", "rows"), counted(0, "row", "rows")), ("1 row".into(), "0 rows".into()));
    }

    #[test]
    fn amounts() {
        for (ore, text) in [(0, "0.00 SEK"), (5, "0.05 SEK"), (320, "3.20 SEK"), (1_243_120, "12 431.20 SEK")]
        {
            assert_eq!(money(Ore::new(ore)), text);
        }
    }

    #[test]
    fn spans() {
        let table = [
            (0, "0 s"),
            (38, "38 s"),
            (60, "1 min 0 s"),
            (125, "2 min 5 s"),
            (3_599, "59 min 59 s"),
            (15_120, "4 h 12 min"),
            (86_399, "23 h 59 min"),
            (86_400, "1 d 0 h"),
            (1_198_800, "13 d 21 h"),
        ];
        for (seconds, text) in table {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
        assert_eq!(span(Duration::from_millis(300)), "less than 1 s");
        assert_eq!(span(Duration::from_millis(1_900)), "1 s");
    }

    #[test]
    fn rates() {
        let table = [
            (0.0, "0/s"),
            (f64::NAN, "0/s"),
            (1_204.3, "1 204/s"),
            (52.2, "52/s"),
            (9.96, "10/s"),
            (1.5, "1.5/s"),
            (0.5, "30/min"),
            (0.02, "1.2/min"),
            (0.01, "36/h"),
        ];
        for (rate, text) in table {
            assert_eq!(per_second(rate), text);
        }
    }

    #[test]
    fn percents() {
        assert_eq!((percent(0, 0), percent(1, 3), percent(199, 200), percent(200, 200)), (100, 33, 99, 100));
    }

    proptest! {
        #[test]
        fn grouping_only_adds_spaces(number: u64) {
            prop_assert_eq!(count(number).replace(' ', ""), number.to_string());
            prop_assert!(count(number).split(' ').skip(1).all(|group| group.len() == 3));
        }
    }
}
