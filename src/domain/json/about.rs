//! What an answer says about a person who is named in it: the innermost object in which their number stands.

use super::Json;
use crate::domain::number::persons_in;
use serde_json::Value;

/// Whether a scalar holds the number that ends in these ten digits.
fn names(value: &Value, ten: &[u8; 10]) -> bool {
    match value {
        Value::String(text) => persons_in(text.as_bytes()).contains(ten),
        Value::Number(number) => persons_in(number.to_string().as_bytes()).contains(ten),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

impl Json {
    /// Empties what is said about the person whose number ends in these ten digits: every scalar, and every list of scalars, of
    /// each object in which it stands, and it alone in a list. Whether there was any.
    pub fn forget(&mut self, ten: &[u8; 10]) -> bool {
        let mut found = false;
        let mut open = vec![&mut self.0];
        while let Some(value) = open.pop() {
            match value {
                Value::Object(members) => {
                    if members.values().any(|member| names(member, ten)) {
                        found = true;
                        for member in members.values_mut().filter(|member| is_flat(member)) {
                            *member = Value::Null;
                        }
                    }
                    open.extend(members.values_mut());
                }
                Value::Array(items) => {
                    for item in items.iter_mut().filter(|item| names(item, ten)) {
                        (*item, found) = (Value::Null, true);
                    }
                    open.extend(items);
                }
                scalar if names(scalar, ten) => (*scalar, found) = (Value::Null, true),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        found
    }

    /// What is said about them: each object in which their number stands, without what is nested in it.
    pub fn about(&self, ten: &[u8; 10]) -> Vec<Value> {
        let (mut found, mut open) = (Vec::new(), vec![&self.0]);
        while let Some(value) = open.pop() {
            match value {
                Value::Object(members) => {
                    if members.values().any(|member| names(member, ten)) {
                        let flat = members.iter().filter(|(_, member)| is_flat(member));
                        let flat = flat.map(|(key, member)| (key.clone(), member.clone()));
                        found.push(Value::Object(flat.collect()));
                    }
                    open.extend(members.values());
                }
                Value::Array(items) => {
                    found.extend(items.iter().filter(|item| names(item, ten)).cloned());
                    open.extend(items);
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        found
    }
}

/// Whether it is a scalar, or a list of nothing else.
fn is_flat(value: &Value) -> bool {
    match value {
        Value::Object(_) => false,
        Value::Array(items) => items.iter().all(|item| !item.is_array() && !item.is_object()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TEN: &[u8; 10] = b"8001019804";

    #[test]
    fn what_is_said_about_a_person_goes_and_the_rest_stays() {
        let answer = json!({ "report": {
            "companyName": "Bolaget AB",
            "signatories": [
                { "name": "Anna Andersson", "ssn": "19800101-9804", "roles": ["chair"], "address": { "city": "Umeå" } },
                { "name": "Bo Berg", "ssn": "198001019812" },
            ],
            "numbers": ["8001019804", "8001019812"],
            "rule": { "text": "firman tecknas av 800101-9804 ensam", "of": 1 },
        }});
        let mut json = Json::from(answer);
        let about = json.about(TEN);
        assert_eq!(about.len(), 2 + 1, "{about:?}");
        assert!(
            about.contains(&json!({ "name": "Anna Andersson", "ssn": "19800101-9804", "roles": ["chair"] }))
        );
        assert!(json.forget(TEN));
        assert!(persons_in(&json.bytes()) == [*b"8001019812"] && json.about(TEN).is_empty());
        let text = String::from_utf8(json.bytes()).unwrap();
        assert!(text.contains("Bolaget AB") && !text.contains("Anna") && !text.contains("ensam"), "{text}");
        assert!(text.contains("Bo Berg") && text.contains("Umeå"), "{text}");
        assert!(!json.forget(TEN), "and is not there any more");
    }

    #[test]
    fn a_number_alone_and_deep_nesting_are_no_trouble() {
        for mut json in [Json::from(json!("800101-9804")), Json::from(json!([[198_001_019_804_u64]]))] {
            assert!(json.forget(TEN) && persons_in(&json.bytes()).is_empty());
        }
        let deep = format!("{}\"8001019804\"{}", "[".repeat(20_000), "]".repeat(20_000));
        let mut json = Json::read(&deep).unwrap();
        assert!(json.forget(TEN) && !json.forget(TEN));
    }
}
