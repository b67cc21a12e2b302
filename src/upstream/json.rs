//! Bodies as JSON, read once: lenient towards everything that is not ours to decide.

use super::charset;
use crate::domain::json::Json;
use serde_json::Value;
use std::time::Duration;

/// A body as JSON, by the charset that comes with it. `None` if it is no JSON at all.
pub(super) fn parse(content_type: Option<&str>, body: &[u8]) -> Option<Json> {
    Json::read(&charset::text(content_type, body)?)
}

/// A scalar as text: trimmed, and `None` if it is empty, null or not a scalar.
pub(super) fn scalar(value: Option<&Value>) -> Option<String> {
    let text = match value? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// What is written as text, trimmed; `None` if it is empty or no text. A gateway's `{"error": 404}` and `{"error": true}` say nothing.
pub(super) fn text(value: Option<&Value>) -> Option<&str> {
    value?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

/// The upstream's own reference as it is kept: it goes to outputs and statements, where none is longer.
pub(super) fn reference(value: Option<&Value>) -> Option<String> {
    const LONGEST: usize = 100;
    scalar(value).map(|text| text.chars().take(LONGEST).collect())
}

/// No life of a token is told longer. Nothing that an upstream writes may reach beyond the clock of the machine.
const LONGEST_LIFE: Duration = Duration::from_hours(24);

/// A life in seconds: as a number with or without decimals, or as text. `None` if none is told that is longer than 0.
pub(super) fn life(value: Option<&Value>) -> Option<Duration> {
    let seconds: f64 = scalar(value)?.parse().ok()?;
    let life = || Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_LIFE).min(LONGEST_LIFE);
    (seconds > 0.0).then(life)
}

/// A flag, also where it is written as text.
pub(super) fn flag(value: Option<&Value>) -> Option<bool> {
    match value? {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.trim().eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.trim().eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}
