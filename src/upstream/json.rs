//! Bodies as JSON, read once: lenient towards everything that is not ours to decide.

use super::charset;
use crate::domain::json::Json;
use serde_json::Value;

/// A body as JSON, by the charset that comes with it. Nothing where it is no JSON at all.
pub(super) fn parse(content_type: Option<&str>, body: &[u8]) -> Option<Json> {
    Json::read(&charset::text(content_type, body)?)
}

/// A scalar as text: trimmed, and nothing where it is empty, null or not a scalar.
pub(super) fn scalar(value: Option<&Value>) -> Option<String> {
    let text = match value? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.is_empty()).then_some(text)
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
