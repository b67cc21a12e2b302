//! The words that values of a scenario file are written in. What they refuse, serde tells with its line.

use std::time::Duration;

use serde::Deserialize;

use super::Delay;
use crate::domain::pace::{Rate, parse_span};
use crate::simulator::number::Number;

/// A span of time such as `"5s"`.
#[derive(Deserialize, Clone, Copy)]
#[serde(try_from = "String")]
pub(super) struct Span(pub(super) Duration);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse_span(&text).map(Self)
    }
}

/// A span, or two with `..` between them.
#[derive(Deserialize, Clone, Copy)]
#[serde(try_from = "String")]
pub(super) struct DelayText(pub(super) Delay);

impl TryFrom<String> for DelayText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (low, high) = text.split_once("..").unwrap_or((&text, &text));
        let (low, high) = (parse_span(low)?, parse_span(high)?);
        if high < low {
            return Err("a delay begins with the shorter span, such as \"10ms..50ms\"".to_owned());
        }
        Ok(Self(Delay { low, high }))
    }
}

/// A pace such as `"50/s"`.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct RateText(pub(super) Rate);

impl TryFrom<String> for RateText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Rate::parse(&text).map(Self)
    }
}

/// Ten or twelve digits, never repeated in an error.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct NumberText(pub(super) Number);

impl TryFrom<String> for NumberText {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Number::read(&text).map(Self).ok_or("a number is ten or twelve digits and nothing else")
    }
}

/// Bytes, as two hexadecimal digits each.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct HexText(pub(super) Vec<u8>);

impl TryFrom<String> for HexText {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
        let pairs = digits
            .filter(|digits| digits.len() % 2 == 0)
            .ok_or("hex is two digits a byte, and nothing else")?;
        let byte = |pair: &[u32]| u8::try_from(pair[0] << 4 | pair[1]).unwrap_or_default();
        Ok(Self(pairs.chunks_exact(2).map(byte).collect()))
    }
}
