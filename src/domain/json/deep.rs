//! How much of JSON is read, and how what nests deep is let go of.

use serde_json::Value;

/// A JSON value that may be nested however deep.
#[derive(Default)]
pub struct Json(pub(super) Value);

impl Drop for Json {
    fn drop(&mut self) {
        let_go(std::mem::take(&mut self.0));
    }
}

/// Drops a value level by level.
pub(super) fn let_go(value: Value) {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items.into_iter().filter(is_nested)),
            Value::Object(members) => {
                open.extend(members.into_iter().map(|(_, value)| value).filter(is_nested));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

/// Whether there is something below it.
pub(super) fn is_nested(value: &Value) -> bool {
    match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// The most memory that a value may take once it is read, in bytes, as [`Json::read`] estimates it. Five thousand
/// combinations of signatories are some fifty megabytes; twenty-four kilobytes of compressed `{"":0}` would be gigabytes.
pub const LARGEST: usize = 128 << 20;
