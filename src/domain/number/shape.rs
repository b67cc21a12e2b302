//! What ten digits are by themselves: whether of a firm or of a person, and whether they could stand in a register.

use super::birth::Birth;

/// Why a text is not a number that this job takes. The message never holds a digit of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NumberError(pub String);

/// Whether ten ASCII digits end in their check digit: weights two and one in turn over the first nine.
pub(crate) fn luhn(ten: &[u8; 10]) -> bool {
    let sum: u32 = ten
        .iter()
        .enumerate()
        .map(|(at, digit)| {
            let product = u32::from(digit - b'0') * if at % 2 == 0 { 2 } else { 1 };
            product / 10 + product % 10
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether ten digits could stand in a register: the shape, a day of the calendar where it is one, and the check digit.
pub(super) fn is_number(ten: &[u8; 10]) -> bool {
    let shape = match Shape::of(ten) {
        Shape::Legal => true,
        Shape::Personal => Birth::of(ten).exists(),
        Shape::Neither => false,
    };
    shape && luhn(ten)
}

pub(super) fn refuse<T>(reason: &str) -> Result<T, NumberError> {
    Err(NumberError(reason.to_owned()))
}

/// What digits three and four tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// 20 or more, which no month can be.
    Legal,
    /// A month, or none in a samordningsnummer.
    Personal,
    /// Neither.
    Neither,
}

impl Shape {
    pub(super) fn of(ten: &[u8; 10]) -> Self {
        match [ten[2], ten[3]] {
            [b'2'..=b'9', _] => Self::Legal,
            [b'0', b'1'..=b'9'] | [b'1', b'0'..=b'2'] => Self::Personal,
            // A samordningsnummer whose month is not known.
            [b'0', b'0'] if ten[4] >= b'6' => Self::Personal,
            _ => Self::Neither,
        }
    }
}
