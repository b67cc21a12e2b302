//! Every leaf of the answers, for CSV outputs that choose no columns.
//!
//! A leaf is a member of an object that is not itself an object: a text, a number, a truth value, a null, or a list (one
//! cell, as JSON). An empty object holds no leaf. A leaf is called by its RFC 6901 pointer. An object that is nested
//! deeper, or named longer, than any table is read stays one cell, as a list does.

use super::pairs::Pairs;
use super::reach::{LONGEST, Reach, escaped};
use serde_json::{Map, Value, map};
use std::collections::{BTreeMap, BTreeSet};

/// The most columns that leaves may make. Excel opens 16,384; thousands of columns mean that the answers hold keys that
/// are values, and nobody reads such a table.
pub const MOST_LEAVES: usize = 5_000;

/// The most bytes that the names of all leaves may have, each part of a pointer counted once.
pub(super) const MOST_BYTES: usize = 16 << 20;

/// The keys met so far, as a tree, so that an answer is laid into its cells in one walk.
#[derive(Default)]
pub(super) struct Leaves {
    below: BTreeMap<String, Leaves>,
    is_leaf: bool,
    /// The cell, once all leaves are known.
    cell: Option<usize>,
}

/// There are more leaves than [`MOST_LEAVES`], or names longer than [`MOST_BYTES`].
pub(super) struct TooMany;

/// What has been noted.
#[derive(Default)]
pub(super) struct Noted {
    /// Distinct leaves.
    pub(super) leaves: usize,
    /// Bytes of the names of their parts.
    bytes: usize,
}

impl Noted {
    fn check(&self) -> Result<(), TooMany> {
        if self.leaves > MOST_LEAVES || self.bytes > MOST_BYTES { Err(TooMany) } else { Ok(()) }
    }
}

impl Leaves {
    /// Notes the leaves of an answer.
    pub(super) fn note(&mut self, answer: &Value, noted: &mut Noted) -> Result<(), TooMany> {
        self.note_at(answer, Reach::ROOT, noted)
    }

    fn note_at(&mut self, answer: &Value, reach: Reach, noted: &mut Noted) -> Result<(), TooMany> {
        let Value::Object(members) = answer else { return Ok(()) };
        for (key, value) in members {
            if value.as_object().is_some_and(Map::is_empty) {
                continue;
            }
            let reach = reach.below(key);
            if !self.below.contains_key(key) {
                noted.bytes += key.len();
                noted.check()?;
                self.below.insert(key.clone(), Self::default());
            }
            let Some(below) = self.below.get_mut(key) else { continue };
            if reach.opens(value) {
                below.note_at(value, reach, noted)?;
            } else if !below.is_leaf {
                below.is_leaf = true;
                noted.leaves += 1;
                noted.check()?;
            }
        }
        Ok(())
    }

    /// Adds the names of all leaves, each its pointer after `prefix`.
    pub(super) fn names(&self, prefix: &str, names: &mut Vec<String>) {
        if self.is_leaf {
            names.push(prefix.to_owned());
        }
        for (key, below) in &self.below {
            below.names(&pointer(prefix, key), names);
        }
    }

    /// Gives each leaf the cell at which its name stands in `sorted`.
    pub(super) fn settle(&mut self, prefix: &str, sorted: &[String]) {
        if self.is_leaf {
            self.cell = sorted.binary_search_by(|name| name.as_str().cmp(prefix)).ok();
        }
        for (key, below) in &mut self.below {
            below.settle(&pointer(prefix, key), sorted);
        }
    }

    /// Lays the leaves of an answer into their cells.
    pub(super) fn lay<'a>(&self, answer: &'a Value, cells: &mut [Option<&'a Value>]) {
        self.lay_at(answer, Reach::ROOT, cells);
    }

    fn lay_at<'a>(&self, answer: &'a Value, reach: Reach, cells: &mut [Option<&'a Value>]) {
        let Value::Object(members) = answer else { return };
        for (key, value) in members {
            let Some(below) = self.below.get(key) else { continue };
            let reach = reach.below(key);
            if reach.opens(value) {
                below.lay_at(value, reach, cells);
            } else if let Some(cell) = below.cell.and_then(|at| cells.get_mut(at)) {
                *cell = Some(value);
            }
        }
    }
}

/// What is below an object or a list, as far as pointers are told.
enum Below<'a> {
    Members(map::Iter<'a>),
    First(Option<&'a Value>),
}

impl<'a> Below<'a> {
    fn of(value: &'a Value, reach: Reach) -> Option<Self> {
        match value {
            Value::Object(members) if reach.is_near() => Some(Self::Members(members.iter())),
            Value::Array(elements) if reach.is_near() => Some(Self::First(elements.first())),
            _ => None,
        }
    }

    fn next(&mut self) -> Option<(&'a str, &'a Value)> {
        match self {
            Self::Members(members) => members.next().map(|(key, value)| (key.as_str(), value)),
            Self::First(first) => first.take().map(|first| ("0", first)),
        }
    }
}

/// Adds the pointers of an answer, objects and lists among them and into the first element of each list, until there are so
/// many. None is longer than any that a job would choose.
pub(super) fn pointers(answer: &Value, most: usize, found: &mut BTreeSet<String>) {
    let (mut at, mut open) = (String::new(), Vec::new());
    open.extend(Below::of(answer, Reach::ROOT).map(|below| (0, Reach::ROOT, below)));
    while let Some((length, reach, below)) = open.last_mut() {
        at.truncate(*length);
        let Some((key, value)) = below.next() else {
            open.pop();
            continue;
        };
        let reach = reach.below(key);
        if value.is_null() || reach.length > LONGEST {
            continue;
        }
        if found.len() >= most {
            return;
        }
        at.push('/');
        at.push_str(&escaped(key));
        found.insert(at.clone());
        open.extend(Below::of(value, reach).map(|below| (at.len(), reach, below)));
    }
}

/// The names of an answer's first leaves that hold something, at most so many, without its metadata and without names that
/// nobody could read.
pub fn leaf_names(answer: &Value, most: usize) -> Vec<String> {
    let names = Pairs::of(Some(answer), None).map(|(name, ..)| name);
    names.filter(|name| !name.starts_with("/metaData/") && name.len() <= LONGEST).take(most).collect()
}

fn pointer(prefix: &str, key: &str) -> String {
    format!("{prefix}/{}", escaped(key))
}

#[cfg(test)]
pub(super) use tests::any_json;

#[cfg(test)]
mod tests {
    use super::super::reach::DEEPEST;
    use super::*;
    use crate::domain::json::Json;
    use proptest::prelude::*;
    use serde_json::json;

    fn names(answers: &[Value]) -> Vec<String> {
        let (mut leaves, mut known, mut names) = (Leaves::default(), Noted::default(), Vec::new());
        for answer in answers {
            assert!(leaves.note(answer, &mut known).is_ok());
        }
        leaves.names("", &mut names);
        assert_eq!(names.len(), known.leaves);
        names
    }

    #[test]
    fn what_a_leaf_is() {
        let answer =
            json!({"a": {"t": "x", "n": 1, "z": null, "l": [{"in": 1}], "e": {}, "el": []}, "q/r~s": true});
        assert_eq!(names(&[answer]), ["/a/el", "/a/l", "/a/n", "/a/t", "/a/z", "/q~1r~0s"]);
        assert_eq!(names(&[json!([1, 2]), json!("x"), json!({})]), [""; 0]);
        assert_eq!(names(&[json!({"a": 1}), json!({"a": {"b": 1}})]), ["/a", "/a/b"]);
    }

    #[test]
    fn there_is_an_end_to_them() {
        let wide =
            |count: usize| Value::Object((0..count).map(|at| (format!("k{at}"), Value::Null)).collect());
        assert!(Leaves::default().note(&wide(MOST_LEAVES), &mut Noted::default()).is_ok());
        assert!(Leaves::default().note(&wide(MOST_LEAVES + 1), &mut Noted::default()).is_err());
        let (mut leaves, mut noted) = (Leaves::default(), Noted::default());
        let long = |at: usize| json!({ format!("{at}{}", "k".repeat(1 << 20)): 1 });
        let fit = (0..100).take_while(|at| leaves.note(&long(*at), &mut noted).is_ok()).count();
        assert_eq!(fit, (MOST_BYTES >> 20) - 1);
    }

    #[test]
    fn what_is_nested_too_deep_or_named_too_long_stays_one_cell() {
        let deep = |depth: usize| (0..depth).fold(json!(1), |value, _| json!({ "a": value }));
        let name = "/a".repeat(DEEPEST);
        assert_eq!(names(&[deep(DEEPEST)]), std::slice::from_ref(&name));
        assert_eq!(names(&[deep(DEEPEST + 1)]), std::slice::from_ref(&name));
        let (long, deep) = ("k".repeat(LONGEST), deep(1_000));
        assert_eq!(names(&[json!({ &long: { "x": 1 } })]), [format!("/{long}")]);
        for answer in [&deep, &json!({ &long: { "x": { "y": 1 } } })] {
            let found: Vec<_> = Pairs::of(Some(answer), None).collect();
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].1, answer.pointer(&found[0].0));
            let (mut leaves, mut known) = (Leaves::default(), Noted::default());
            assert!(leaves.note(answer, &mut known).is_ok() && known.leaves == 1);
            leaves.settle("", &[found[0].0.clone()]);
            let mut cells = [None];
            leaves.lay(answer, &mut cells);
            assert_eq!(cells[0], found[0].1);
        }
    }

    /// What an answer could make of names: a pointer of a mebibyte for each of its members.
    #[test]
    fn pointers_are_few_and_short_whatever_the_names() {
        let wide: Map<String, Value> = (0..100_000).map(|at| (format!("k{at}"), json!(0))).collect();
        let deep = [r#"{"a":["#.repeat(10_000), "1".to_owned(), "]}".repeat(10_000)].concat();
        let long = "k".repeat(1 << 20);
        for (answer, least) in [
            (json!({ "report": { &long: wide.clone(), "a": 1 } }), 2),
            (json!({ "report": { &long[..900]: wide.clone() } }), 2_000),
            (json!({ &long[..1_000]: { &long[..1_000]: { "x": 1 } } }), 1),
            (Value::Object(wide), 2_000),
        ] {
            let mut found = BTreeSet::new();
            pointers(&answer, 2_000, &mut found);
            assert_eq!(found.len(), least);
            assert!(
                found.iter().all(|pointer| pointer.len() <= LONGEST && answer.pointer(pointer).is_some())
            );
        }
        let (deep, mut found) = (Json::read(&deep).unwrap(), BTreeSet::new());
        pointers(&deep, 2_000, &mut found);
        assert!(found.len() <= 2 * DEEPEST);
        let mut all = BTreeSet::new();
        pointers(&json!({"a": {"b/c": [{"d": 1}, {"e": 1}], "n": null}, "x": []}), 2_000, &mut all);
        assert_eq!(all.into_iter().collect::<Vec<_>>(), ["/a", "/a/b~1c", "/a/b~1c/0", "/a/b~1c/0/d", "/x"]);
    }

    pub(in crate::export) fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::vec(("[a-c/~]{0,3}", inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Every cell holds what its name, read as a pointer, finds in the answer; objects in the way leave it empty.
        #[test]
        fn cells_agree_with_pointers(answers in prop::collection::vec(any_json(), 1..4)) {
            let (mut leaves, mut known, mut sorted) = (Leaves::default(), Noted::default(), Vec::new());
            for answer in &answers {
                prop_assert!(leaves.note(answer, &mut known).is_ok());
            }
            leaves.names("", &mut sorted);
            sorted.sort();
            leaves.settle("", &sorted);
            for answer in &answers {
                let mut cells = vec![None; sorted.len()];
                leaves.lay(answer, &mut cells);
                for (name, cell) in sorted.iter().zip(cells) {
                    prop_assert_eq!(cell, answer.pointer(name).filter(|value| !value.is_object()));
                }
            }
        }
    }
}
