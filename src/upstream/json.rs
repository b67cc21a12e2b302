//! Bodies as JSON, read once: lenient towards everything that is not ours to decide.

use serde_json::Value;

/// The member that echoes the whole query, the number in it included. It is kept nowhere.
const ECHO: &str = "requestUrl";

/// A body as JSON, freed of every `requestUrl` at any depth and in any case. Nothing where it is no JSON at all.
/// Numbers keep their digits and members their order.
pub(super) fn parse(body: &[u8]) -> Option<Value> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let mut value = serde_json::from_slice(body).ok()?;
    drop_member(&mut value, ECHO);
    Some(value)
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

/// The compact text of a value.
pub(super) fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// Drops every member of this name, at any depth and in any case. Recursion is bounded by the parser, which refuses more
/// than 128 levels.
pub(super) fn drop_member(value: &mut Value, echo: &str) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !name.eq_ignore_ascii_case(echo));
            members.values_mut().for_each(|member| drop_member(member, echo));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| drop_member(item, echo)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(body: &str) -> String {
        String::from_utf8(bytes(&parse(body.as_bytes()).unwrap())).unwrap()
    }

    #[test]
    fn numbers_and_order_are_kept_exactly() {
        let body = r#"{"z":1.10,"a":123456789012345678901234567890,"m":[0.1e+2,-0]}"#;
        assert_eq!(text(body), body);
        assert_eq!(text("\u{feff} { \"a\" : 1.50 } "), r#"{"a":1.50}"#);
    }

    #[test]
    fn the_echo_goes_at_any_depth_case_and_spelling() {
        let body = r#"{"requestUrl":"a","x":[{"REQUESTURL":"b","y":{"request\u0055rl":"c","k":1}}]}"#;
        assert_eq!(text(body), r#"{"x":[{"y":{"k":1}}]}"#);
    }

    #[test]
    fn what_is_too_deep_is_no_json() {
        assert_eq!(parse("[".repeat(100_000).as_bytes()), None);
    }

    fn tree() -> impl Strategy<Value = Value> {
        let name = prop_oneof!["requestUrl", "RequestURL", "[a-c]"];
        let leaf = prop_oneof![
            Just(Value::Null),
            "[a-z]{0,4}".prop_map(Value::from),
            any::<i64>().prop_map(Value::from)
        ];
        leaf.prop_recursive(6, 48, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((name.clone(), inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_echo_never_survives(value in tree()) {
            let kept = bytes(&parse(value.to_string().as_bytes()).unwrap());
            prop_assert!(!String::from_utf8(kept).unwrap().to_ascii_lowercase().contains("requesturl"));
        }
    }
}
