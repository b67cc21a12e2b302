//! Money as whole öre, in checked arithmetic. A price never passes through a float.

use std::fmt;

/// An amount in öre (a hundredth of a Swedish krona), never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ore(u64);

/// Why a text is not an amount in SEK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not digits with at most two decimals after a point.
    #[error("an amount in SEK is digits with at most two decimals, such as \"3.20\"")]
    NotMoney,
    /// More than the ledger can add up.
    #[error("the amount is larger than any price")]
    TooLarge,
}

/// The largest amount that may be written down: a billion SEK, so that a million of them still add up in 64 bits.
const LARGEST: u64 = 100_000_000_000;

impl Ore {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount of whole öre.
    pub const fn new(ore: u64) -> Self {
        Self(ore)
    }

    /// The amount in öre.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Reads `3`, `3.2` or `3.20` as SEK.
    pub fn parse_sek(text: &str) -> Result<Self, MoneyError> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 2 {
            return Err(MoneyError::NotMoney);
        }
        let whole: u64 = whole.parse().map_err(|_| MoneyError::TooLarge)?;
        let mut part_ore: u64 = part.parse().map_err(|_| MoneyError::NotMoney)?;
        if part.len() == 1 {
            part_ore *= 10;
        }
        let ore = whole.checked_mul(100).and_then(|ore| ore.checked_add(part_ore));
        ore.filter(|ore| *ore <= LARGEST).map(Self).ok_or(MoneyError::TooLarge)
    }

    /// What is left when `other` is taken away; nothing is the least.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The sum, or `None` if it does not fit.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }
}

/// SEK with two decimals and a point, as in every file that we write.
impl fmt::Display for Ore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_two_decimals() {
        for (text, ore) in
            [("0", 0), ("3", 300), ("3.2", 320), ("3.20", 320), ("14.05", 1405), ("40000", 4_000_000)]
        {
            assert_eq!(Ore::parse_sek(text), Ok(Ore::new(ore)), "{text}");
        }
        assert_eq!(Ore::new(1405).to_string(), "14.05");
        assert_eq!(Ore::ZERO.to_string(), "0.00");
    }

    #[test]
    fn refuses_what_is_not_money() {
        for text in ["", "-1", "1,50", "1.505", "1e3", " 1", "SEK 1", ".5", "5.", "0x10"] {
            assert_eq!(Ore::parse_sek(text), Err(MoneyError::NotMoney), "{text}");
        }
        assert_eq!(Ore::parse_sek("99999999999999999999"), Err(MoneyError::TooLarge));
        assert_eq!(Ore::new(u64::MAX).checked_add(Ore::new(1)), None);
    }
}
