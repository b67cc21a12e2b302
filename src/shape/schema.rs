//! The JSON Schema of a file (draft-07, which the editors' TOML plug-ins know best), from the same shape as the check.

use super::{Key, Kind, Literal, Need, SECRET, State, Table};
use serde_json::{Map, Value, json};

/// The JSON Schema of the job file, as `orgpull schema` prints it and `jobs/job.schema.json` holds it.
pub fn job() -> String {
    // A `Value` of strings, numbers and maps always prints.
    format!("{:#}\n", of(&super::JOB))
}

/// The JSON Schema of a file. Keys and words that are not yet built are absent from it.
pub fn of(shape: &Table) -> Value {
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
    schema.insert("title".to_owned(), json!(shape.name));
    schema.insert("description".to_owned(), json!(shape.about));
    schema.extend(table(shape));
    Value::Object(schema)
}

fn table(shape: &Table) -> Map<String, Value> {
    let built = || shape.keys.iter().filter(|key| key.state == State::Built);
    let properties: Map<String, Value> = built().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> =
        built().filter(|key| matches!(key.need, Need::Required)).map(|key| key.name).collect();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    schema.insert("additionalProperties".to_owned(), json!(false));
    schema
}

fn property(key: &Key) -> Value {
    let mut schema = Map::new();
    schema.insert("description".to_owned(), json!(key.about));
    schema.extend(value(&key.kind));
    if let Need::Default(default) = key.need {
        let default = match default {
            Literal::Text(text) => json!(text),
            Literal::Integer(number) => json!(number),
            Literal::Bool(flag) => json!(flag),
        };
        schema.insert("default".to_owned(), default);
    }
    Value::Object(schema)
}

fn value(kind: &Kind) -> Map<String, Value> {
    let schema = match kind {
        Kind::Text(format) => match format.pattern() {
            Some(pattern) => json!({ "type": "string", "pattern": pattern }),
            None => json!({ "type": "string" }),
        },
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Word { built, .. } => json!({ "type": "string", "enum": built }),
        Kind::Table(shape) => return table(shape),
        Kind::Tables(shape) => json!({ "type": "array", "items": table(shape) }),
        Kind::Map(inner) => json!({ "type": "object", "additionalProperties": value(inner) }),
        Kind::Tree => json!({ "type": "object" }),
        Kind::List { item, filled } => {
            json!({ "type": "array", "items": value(item), "minItems": usize::from(*filled) })
        }
        Kind::Either(kinds) => json!({ "anyOf": kinds.iter().map(value).collect::<Vec<_>>() }),
        Kind::Secret => {
            let mut schema = table(&SECRET);
            schema.insert("minProperties".to_owned(), json!(1));
            schema.insert("maxProperties".to_owned(), json!(1));
            return schema;
        }
        // A TOML date has no JSON type; the editors' plug-ins hand it over as text.
        Kind::Date => json!({ "type": "string", "format": "date" }),
    };
    match schema {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Key;
    use std::fs;
    use std::path::Path;

    /// `UPDATE_SCHEMA=1 cargo test schema` writes the file anew.
    #[test]
    fn the_shipped_schema_is_the_one_that_is_printed() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs/job.schema.json");
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            fs::write(&path, job()).unwrap();
        }
        assert!(fs::read_to_string(&path).unwrap() == job(), "run `UPDATE_SCHEMA=1 cargo test schema`");
    }

    #[test]
    fn what_is_not_yet_built_is_not_in_it() {
        let schema: Value = serde_json::from_str(&job()).unwrap();
        assert_eq!(schema["additionalProperties"], json!(false));
        assert_eq!(schema.pointer("/properties/notify"), None);
        let lookup = &schema["properties"]["lookup"]["items"];
        assert_eq!(lookup["properties"]["reuse"]["default"], json!("20h"));
        let formats = &schema["properties"]["output"]["items"]["properties"]["format"]["enum"];
        assert_eq!(*formats, json!(["csv", "json", "jsonl"]));
    }

    /// Every key of every shape, with the kinds within its own.
    fn each_key(look: &impl Fn(&Table, &Key)) {
        fn of(shape: &Table, look: &impl Fn(&Table, &Key)) {
            for key in shape.keys {
                look(shape, key);
                if let Kind::Table(inner) | Kind::Tables(inner) | Kind::Map(&Kind::Table(inner)) = key.kind {
                    of(inner, look);
                }
            }
        }
        for shape in [&super::super::JOB, &super::super::CONFIGURATION, &super::super::PROVIDER, &SECRET] {
            of(shape, look);
        }
    }

    /// Without a description an editor has nothing to show, and the manual's table no row.
    #[test]
    fn every_key_is_described() {
        each_key(&|shape, key| {
            let line = key.about.ends_with('.') && !key.about.contains('\n');
            assert!(line && key.about.len() > 12, "{} {}", shape.name, key.name);
        });
    }

    /// A bound of ten digits would be masked in the very message that tells it.
    #[test]
    fn every_bound_can_be_shown() {
        fn look(kind: &Kind) {
            match kind {
                Kind::Integer { min, max } => assert!(min <= max && *max < 1_000_000_000, "{max}"),
                Kind::Map(inner) | Kind::List { item: inner, .. } => look(inner),
                Kind::Either(kinds) => kinds.iter().for_each(look),
                _ => {}
            }
        }
        each_key(&|_, key| look(&key.kind));
    }
}
