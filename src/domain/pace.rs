//! How fast: the words of the `rate` key, and spans of time as files write them.

use std::fmt;
use std::time::Duration;

/// A pace as the configuration writes it: so many calls in so long, or no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// No limit of ours.
    Unlimited,
    /// `count` calls in each `per`.
    Limited {
        /// Calls; at least one.
        count: u32,
        /// The span they are spread over.
        per: Duration,
    },
}

impl Rate {
    /// Reads `N/s`, `N/min`, `N/h`, `N/day` or `unlimited`.
    pub fn parse(text: &str) -> Result<Self, String> {
        const FORM: &str = "a rate is a whole number of calls per second, minute, hour or day, such as \"60/min\", or \"unlimited\"";
        if text == "unlimited" {
            return Ok(Self::Unlimited);
        }
        let (count, unit) = text.split_once('/').ok_or(FORM)?;
        let seconds = match unit.trim() {
            "s" => 1,
            "min" => 60,
            "h" => 3_600,
            "day" => 86_400,
            _ => return Err(FORM.to_owned()),
        };
        let count: u32 = count.trim().parse().map_err(|_| FORM)?;
        if count == 0 {
            return Err("a rate of 0 would never send anything".to_owned());
        }
        if count > 1_000_000 {
            return Err("a rate above 1000000 is no limit: write \"unlimited\"".to_owned());
        }
        Ok(Self::Limited { count, per: Duration::from_secs(seconds) })
    }

    /// The time from one call to the next, or `None` if there is no limit.
    pub fn interval(self) -> Option<Duration> {
        match self {
            Self::Unlimited => None,
            Self::Limited { count, per } => Some(per / count),
        }
    }

    /// The slower of two.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        match (self.interval(), other.interval()) {
            (Some(a), Some(b)) if b > a => other,
            (None, Some(_)) => other,
            _ => self,
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.write_str("unlimited"),
            Self::Limited { count, per } => {
                let unit = match per.as_secs() {
                    1 => "s",
                    60 => "min",
                    3_600 => "h",
                    _ => "day",
                };
                write!(f, "{count}/{unit}")
            }
        }
    }
}

/// Reads `500ms`, `30s`, `5m`, `20h`, `90d`, or `0`.
pub fn parse_span(text: &str) -> Result<Duration, String> {
    const FORM: &str = "a span of time is a whole number with a unit, such as \"500ms\", \"30s\", \"5m\", \"20h\" or \"90d\"";
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or(FORM)?;
    let (count, unit) = text.split_at(split);
    let count: u64 = count.parse().map_err(|_| FORM)?;
    let unit_ms: u64 = match unit.trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        _ => return Err(FORM.to_owned()),
    };
    let ms = count.checked_mul(unit_ms).filter(|ms| *ms <= 3_650 * 86_400_000);
    ms.map(Duration::from_millis).ok_or_else(|| "that is longer than ten years".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        assert_eq!(Rate::parse("60/min").unwrap().interval(), Some(Duration::from_secs(1)));
        assert_eq!(Rate::parse("unlimited"), Ok(Rate::Unlimited));
        assert_eq!(Rate::parse("2/s").unwrap().to_string(), "2/s");
        for text in ["", "60", "0/s", "-1/s", "1.5/s", "60/month", "2000000/s"] {
            assert!(Rate::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_slower_rate_wins() {
        let (slow, fast) = (Rate::parse("1/s").unwrap(), Rate::parse("100/min").unwrap());
        assert_eq!(slow.min(fast), slow);
        assert_eq!(fast.min(slow), slow);
        assert_eq!(Rate::Unlimited.min(fast), fast);
        assert_eq!(fast.min(Rate::Unlimited), fast);
    }

    #[test]
    fn spans() {
        assert_eq!(parse_span("20h"), Ok(Duration::from_hours(20)));
        assert_eq!(parse_span("0"), Ok(Duration::ZERO));
        assert_eq!(parse_span("250ms"), Ok(Duration::from_millis(250)));
        for text in ["", "h", "5", "5x", "-5s", "1.5h", "99999999999999999999s", "4000d"] {
            assert!(parse_span(text).is_err(), "{text}");
        }
    }
}
