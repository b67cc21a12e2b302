use super::*;
use proptest::prelude::*;
use serde_json::json;

fn text(text: &str) -> Option<String> {
    Json::read(text).map(|value| String::from_utf8(value.bytes()).unwrap())
}

#[test]
fn numbers_and_order_are_kept_exactly() {
    for kept in [
        r#"{"z":1.10,"a":123456789012345678901234567890,"m":[0.1e+2,-0]}"#,
        r#"["",{},[],null,true,false,"å\n"]"#,
        "7",
    ] {
        assert_eq!(text(kept).as_deref(), Some(kept));
    }
    assert_eq!(text(" { \"a\" :\r\n[ 1.50 , 2 ]\t} ").as_deref(), Some(r#"{"a":[1.50,2]}"#));
}

#[test]
fn what_has_one_meaning_is_read_though_it_is_no_json_by_the_letter() {
    for (body, read) in [
        ("\u{feff}{}", "{}"),
        ("{}\0\0", "{}"),
        ("{}\n\0 \u{a0}\0\r\n", "{}"),
        (r#"["\ud800"]"#, "[\"\u{fffd}\"]"),
        (r#"["\uDC00x\uD83D\uDE00\\ud800\uD83D"]"#, "[\"\u{fffd}x😀\\\\ud800\u{fffd}\"]"),
        (r#"["\ud83d\ud83d\ude00"]"#, "[\"\u{fffd}😀\"]"),
        (r#"{"\udfff":1}"#, "{\"\u{fffd}\":1}"),
        (r#"{"a":1,"b":2,"a":[[3]]}"#, r#"{"a":[[3]],"b":2}"#),
    ] {
        assert_eq!(text(body).as_deref(), Some(read), "{body}");
    }
}

#[test]
fn what_would_have_to_be_guessed_is_not_read() {
    for body in [
        "",
        " ",
        "\0",
        "\0{}",
        "{",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,}",
        "{,}",
        "[,1]",
        "[1 2]",
        "{\"a\" 1}",
        "{a:1}",
        "{'a':1}",
        "{1:1}",
        "]",
        "}",
        "[}",
        "{]",
        "[1}",
        "{\"a\":1]",
        "{}{}",
        "{} x",
        "[NaN]",
        "NaN",
        "Infinity",
        "-",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "0x10",
        "tru",
        "True",
        "nul",
        "\"a",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u+123\"",
        "\"a\tb\"",
        "\"a\nb\"",
        "\"\u{1}\"",
        "\"\0\"",
        "[\"\\ud800\\\"]",
        "/* */ {}",
        "{}//",
        "[1]\u{1a}",
    ] {
        assert_eq!(text(body), None, "{body:?}");
    }
}

#[test]
fn no_depth_costs_the_stack() {
    const DEPTH: usize = 200_000;
    let lists = "[".repeat(DEPTH) + &"]".repeat(DEPTH);
    let objects = "{\"a\":".repeat(DEPTH) + "1" + &"}".repeat(DEPTH);
    let halves = ["[".repeat(DEPTH), lists.clone() + "x", format!("[{lists},"), format!("{{\"a\":{lists},b")];
    let small = std::thread::Builder::new().stack_size(64 << 10).spawn(move || {
        for whole in [lists, objects] {
            let (mut one, other) = (Json::read(&whole).unwrap(), Json::read(&whole).unwrap());
            assert!(one.bytes() == whole.as_bytes() && one == other);
            one.drop_members("requestUrl");
            one.drop_members("a");
            let twice = Json::read(&format!("{{\"a\":{whole},\"a\":1}}")).unwrap();
            assert_eq!(twice.bytes(), b"{\"a\":1}");
        }
        assert!(halves.iter().all(|half| Json::read(half).is_none()));
    });
    small.unwrap().join().unwrap();
}

#[test]
fn what_would_take_too_much_memory_is_not_read() {
    let many =
        |item: &str, count: usize| format!("{{\"report\":[{}{item}]}}", format!("{item},").repeat(count));
    for item in [r#"{"":0}"#, "[]"] {
        // As many as fit into what the HTTP room takes.
        assert_eq!(text(&many(item, (16 << 20) / (item.len() + 1) - 10)), None, "{item}");
        assert!(text(&many(item, 20_000)).is_some(), "{item}");
    }
    let long = format!("[\"{}\"]", "x".repeat(16 << 20));
    assert!(text(&long).is_some());
}

#[test]
fn members_are_dropped_at_any_depth_and_in_any_case() {
    let mut value =
        Json::read(r#"{"requestUrl":"a","x":[{"REQUESTURL":[["b"]],"y":{"request\u0055rl":"c","k":1}}]}"#)
            .unwrap();
    value.drop_members("requestUrl");
    assert_eq!(value.bytes(), br#"{"x":[{"y":{"k":1}}]}"#);
}

#[test]
fn order_is_no_difference_and_everything_else_is() {
    let same = |one: Value, other: Value| same(&one, &other, |one, other| one == other);
    assert!(same(json!({"a": [1, {"b": 2, "c": 3}]}), json!({"a": [1, {"c": 3, "b": 2}]})));
    for (one, other) in [
        (json!([1, 2]), json!([2, 1])),
        (json!([1]), json!([1, 1])),
        (json!({"a": 1}), json!({"b": 1})),
        (json!({"a": 1}), json!({"a": 1, "b": 1})),
        (json!({"a": null}), json!({"b": 1})),
        (json!([]), json!({})),
        (json!(1), json!("1")),
        (json!([1]), json!(1)),
    ] {
        assert!(!same(one, other));
    }
}

fn tree() -> impl Strategy<Value = Value> {
    let name = prop_oneof!["requestUrl", "[a-c]", ".{0,3}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        "(?s).{0,6}".prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
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
    /// Held against serde_json, for what both take.
    #[test]
    fn it_reads_and_writes_as_serde_json_does(value in tree(), noise in "[\\[\\]{}:,\"\\\\a1 .eE+-]{0,12}") {
        for text in [value.to_string(), format!("{value:#}"), noise] {
            let theirs = serde_json::from_str::<Value>(&text).ok();
            let ours = Json::read(&text);
            prop_assert_eq!(ours.is_some(), theirs.is_some(), "{}", text);
            if let (Some(ours), Some(theirs)) = (ours, theirs) {
                prop_assert_eq!(&*ours, &theirs);
                prop_assert_eq!(String::from_utf8(ours.bytes()).unwrap(), theirs.to_string());
                prop_assert!(same(&ours, &theirs, |one, other| one == other));
            }
        }
    }

    #[test]
    fn any_text_has_an_end(text in "\\PC*", escapes in "\"([a\\\\u0-9dD8cCeE\"]|\\\\u[dD][89a-fA-F]..){0,20}\"") {
        let _ = Json::read(&text);
        if let Some(read) = Json::read(&escapes) {
            prop_assert!(Json::read(&String::from_utf8(read.bytes()).unwrap()).is_some());
        }
    }

    #[test]
    fn what_is_dropped_never_survives(value in tree()) {
        let mut value = Json::from(value);
        value.drop_members("requestUrl");
        prop_assert!(!String::from_utf8(value.bytes()).unwrap().contains("\"requestUrl\":"));
    }
}
