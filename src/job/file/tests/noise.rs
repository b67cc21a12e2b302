//! Whatever stands in the file, reading it ends with a job or with problems.

use super::*;
use proptest::prelude::*;

/// Any tree of keys that the shapes know, with values of any type.
fn any_toml() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "name",
        "input",
        "path",
        "numbers",
        "carry",
        "max_bad",
        "lookup",
        "id",
        "service",
        "params",
        "blockname",
        "output",
        "columns",
        "pointer",
        "format",
        "budget",
        "x",
        "providers",
        "creditsafe",
        "prices",
        "letters",
        "username",
        "env",
        "environment",
        "base_url",
        "param",
        "choices",
        "pattern",
        "rate",
        "reuse",
    ]);
    let leaf = prop_oneof![
        Just("1".to_owned()),
        Just("-9223372036854775808".to_owned()),
        Just("1.5".to_owned()),
        Just("true".to_owned()),
        Just("2026-01-01".to_owned()),
        "[ -!#-\\[\\]-~åäö]{0,12}".prop_map(|text| format!("\"{text}\"")),
        Just("\"creditsafe.getdata\"".to_owned()),
        Just("\"{today-99d}\"".to_owned()),
    ];
    let value = leaf.prop_recursive(3, 24, 4, |inner| {
        let keys = prop::sample::subsequence(
            vec!["id", "name", "path", "creditsafe", "env", "blockname", "x"],
            0..4,
        );
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|values| format!("[{}]", values.join(", "))),
            (keys, prop::collection::vec(inner, 4)).prop_map(|(keys, values)| {
                let pairs: Vec<_> =
                    keys.iter().zip(values).map(|(key, value)| format!("{key} = {value}")).collect();
                format!("{{ {} }}", pairs.join(", "))
            }),
        ]
    });
    prop::collection::btree_map(key, value, 0..8).prop_map(|pairs| {
        pairs.iter().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join("\n")
    })
}

proptest! {
    #[test]
    fn reading_never_panics(text in any_toml()) {
        prop_assert!(toml::de::DeTable::parse(&text).is_ok(), "{}", text);
        let path = Path::new("/a.toml");
        if let Err(problems) = read(&text) {
            prop_assert_eq!(problems.render().matches("--> ").count(), problems.list.len());
        }
        let _ = crate::config::parse(path, &text, Catalogue::built_in());
        let _ = crate::config::provider::check(path, &text);
    }

    #[test]
    fn reading_noise_never_panics(text in "[\\[\\]{}a-c=\"'.,# \r\n\\\\0-9åé-]{0,60}") {
        if let Err(problems) = read(&text) {
            prop_assert!(problems.render().contains("--> "));
        }
    }
}
