//! A day or a whole month, as people say from when and until when.

use jiff::civil::Date;
use std::str::FromStr;

/// A day, or the days of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The first of them.
    pub first: Date,
    /// The last of them.
    pub last: Date,
}

impl FromStr for Days {
    type Err = String;

    /// Reads `2026-03-01`, or `2026-03` for all of March.
    fn from_str(text: &str) -> Result<Self, String> {
        let month = || {
            let (year, month) =
                text.split_once('-').filter(|(year, month)| (year.len(), month.len()) == (4, 2))?;
            Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()
        };
        if let Some(first) = month() {
            return Ok(Self { first, last: first.last_of_month() });
        }
        let day: Result<Date, _> = text.parse();
        day.map(|day| Self { first: day, last: day })
            .map_err(|_| "a day such as 2026-03-01, or a month such as 2026-03".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn days_and_months() {
        for (text, first, last) in [
            ("2026-03-01", date(2026, 3, 1), date(2026, 3, 1)),
            ("2026-03", date(2026, 3, 1), date(2026, 3, 31)),
            ("2028-02", date(2028, 2, 1), date(2028, 2, 29)),
            ("2026-12", date(2026, 12, 1), date(2026, 12, 31)),
        ] {
            assert_eq!(text.parse(), Ok(Days { first, last }), "{text}");
        }
        for text in ["", "2026", "2026-13", "2026-3", "03-2026", "2026-02-30", "yesterday"] {
            assert!(text.parse::<Days>().unwrap_err().contains("a month such as"), "{text}");
        }
    }
}
