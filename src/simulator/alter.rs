//! Answers in shapes that the manuals allow and that clients trip over. Off the hot path: here a body may be parsed.

use std::mem;

use serde_json::{Value, json};

use super::reply::Reply;
use super::scenario::Alteration;

/// The reply with these changes made to its body. A body that is no JSON object stays as it is.
pub(super) fn alter(reply: Reply, alterations: &[Alteration]) -> Reply {
    let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body) else { return reply };
    for alteration in alterations {
        change(&mut body, *alteration);
    }
    Reply { body: body.to_string().into(), ..reply }
}

fn change(body: &mut Value, alteration: Alteration) {
    match alteration {
        Alteration::ReportList => {
            if let Some(report) = body.get_mut("report") {
                *report = json!([mem::take(report)]);
            }
        }
        Alteration::NullReport => body["report"] = Value::Null,
        Alteration::NoReport => remove(body, "report"),
        Alteration::NoMetadata => remove(body, "metaData"),
        Alteration::LogIdText => {
            let text = body["metaData"]["apiLogId"].to_string();
            body["metaData"]["apiLogId"] = text.into();
        }
        Alteration::NoLogId => remove(&mut body["metaData"], "apiLogId"),
        Alteration::AddedFields => add_fields(body),
        Alteration::MissingFields => keep_every_second(body.get_mut("report")),
        Alteration::NullFields => {
            let fields = body.get_mut("report").and_then(Value::as_object_mut);
            for value in fields.into_iter().flat_map(|fields| fields.values_mut()) {
                *value = Value::Null;
            }
        }
    }
}

fn remove(value: &mut Value, key: &str) {
    if let Some(fields) = value.as_object_mut() {
        fields.remove(key);
    }
}

fn add_fields(body: &mut Value) {
    let added = json!({ "since": 2027, "list": [1, null, "two"], "nested": { "deep": { "deeper": true } } });
    for place in ["/report", "/metaData", ""] {
        if let Some(fields) = body.pointer_mut(place).and_then(Value::as_object_mut) {
            fields.insert("neverSeenBefore".to_owned(), added.clone());
        }
    }
}

fn keep_every_second(report: Option<&mut Value>) {
    let mut keep = false;
    if let Some(fields) = report.and_then(Value::as_object_mut) {
        fields.retain(|_, _| {
            keep = !keep;
            keep
        });
    }
}

/// The reply with a `padding` member of that many bytes.
pub(super) fn enlarge(reply: Reply, size: usize) -> Reply {
    let Some(open) = reply.body.strip_suffix(b"}") else { return reply };
    let mut body = Vec::with_capacity(open.len() + size + 16);
    body.extend_from_slice(open);
    body.extend_from_slice(b",\"padding\":\"");
    body.resize(body.len() + size, b'x');
    body.extend_from_slice(b"\"}");
    Reply { body: body.into(), ..reply }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn altered(alterations: &[Alteration]) -> Value {
        let body = r#"{"metaData":{"apiLogId":12,"method":"GET"},"report":{"a":1,"b":2,"c":3}}"#;
        serde_json::from_slice(&alter(Reply::json(200, body), alterations).body).expect("JSON")
    }

    #[test]
    fn each_alteration_changes_what_it_names() {
        assert_eq!(altered(&[Alteration::ReportList])["report"][0]["a"], json!(1));
        assert_eq!(altered(&[Alteration::NullReport]).get("report"), Some(&Value::Null));
        assert_eq!(altered(&[Alteration::NoReport]).get("report"), None);
        assert_eq!(altered(&[Alteration::NoMetadata]).get("metaData"), None);
        assert_eq!(altered(&[Alteration::LogIdText])["metaData"]["apiLogId"], json!("12"));
        assert_eq!(altered(&[Alteration::NoLogId])["metaData"], json!({ "method": "GET" }));
        assert_eq!(altered(&[Alteration::MissingFields])["report"], json!({ "a": 1, "c": 3 }));
        assert_eq!(altered(&[Alteration::NullFields])["report"], json!({ "a": null, "b": null, "c": null }));
        let added = altered(&[Alteration::AddedFields]);
        for place in
            ["/neverSeenBefore/since", "/metaData/neverSeenBefore/since", "/report/neverSeenBefore/since"]
        {
            assert_eq!(added.pointer(place), Some(&json!(2027)), "{place}");
        }
    }

    #[test]
    fn an_enlarged_answer_is_still_json() {
        let reply = enlarge(Reply::json(200, r#"{"report":{}}"#), 1_000);
        let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
        assert_eq!(body["padding"].as_str().map(str::len), Some(1_000));
    }
}
