//! Every leaf of the answers, for CSV outputs that choose no columns.
//!
//! A leaf is a member of an object that is not itself an object: a text, a number, a truth value, a null, or a list (one
//! cell, as JSON). An empty object holds no leaf. A leaf is called by its RFC 6901 pointer. An object that is nested
//! deeper, or named longer, than any table is read stays one cell, as a list does.

use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The most columns that leaves may make. Excel opens 16,384; thousands of columns mean that the answers hold keys that
/// are values, and nobody reads such a table.
pub const MOST_LEAVES: usize = 5_000;

/// Objects at this depth, or whose pointer is longer than so many bytes, are not opened: what an answer could make of names
/// grows with the square of its depth, and nothing may be nested as deep as an answer is.
const DEEPEST: usize = 64;
const LONGEST: usize = 1_024;

/// The keys met so far, as a tree, so that an answer is laid into its cells in one walk.
#[derive(Default)]
pub(super) struct Leaves {
    below: BTreeMap<String, Leaves>,
    is_leaf: bool,
    /// The cell, once all leaves are known.
    cell: Option<usize>,
}

/// There are more leaves than [`MOST_LEAVES`].
pub(super) struct TooMany;

impl Leaves {
    /// Notes the leaves of an answer; `known` counts the distinct ones.
    pub(super) fn note(&mut self, answer: &Value, known: &mut usize) -> Result<(), TooMany> {
        self.note_at(answer, Reach::ROOT, known)
    }

    fn note_at(&mut self, answer: &Value, reach: Reach, known: &mut usize) -> Result<(), TooMany> {
        let Value::Object(members) = answer else { return Ok(()) };
        for (key, value) in members {
            if value.as_object().is_some_and(Map::is_empty) {
                continue;
            }
            let reach = reach.below(key);
            if !self.below.contains_key(key) {
                self.below.insert(key.clone(), Self::default());
            }
            let Some(below) = self.below.get_mut(key) else { continue };
            if reach.opens(value) {
                below.note_at(value, reach, known)?;
            } else if !below.is_leaf {
                below.is_leaf = true;
                *known += 1;
                if *known > MOST_LEAVES {
                    return Err(TooMany);
                }
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

/// How far from the root a value stands.
#[derive(Clone, Copy)]
struct Reach {
    depth: usize,
    /// Of its pointer, about.
    length: usize,
}

impl Reach {
    const ROOT: Self = Self { depth: 0, length: 0 };

    const fn below(self, key: &str) -> Self {
        Self { depth: self.depth + 1, length: self.length + key.len() + 1 }
    }

    /// Whether a value that stands here is an object to be looked into.
    fn opens(self, value: &Value) -> bool {
        let near = self.depth < DEEPEST && self.length <= LONGEST;
        value.as_object().is_some_and(|members| near || members.is_empty())
    }
}

/// The leaves of an answer that hold something, each with its pointer.
pub(super) fn leaves(answer: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), Reach::ROOT, answer)];
    while let Some((at, reach, value)) = open.pop() {
        match value {
            Value::Object(members) if reach.opens(value) => {
                let below = members.iter().map(|(key, value)| (pointer(&at, key), reach.below(key), value));
                open.extend(below);
            }
            Value::Null => {}
            _ => found.push((at, value)),
        }
    }
    found
}

/// Adds the pointers of an answer, objects and lists among them and into the first element of each list, until there are so
/// many.
pub(super) fn pointers(answer: &Value, most: usize, found: &mut BTreeSet<String>) {
    let mut open = vec![(String::new(), answer)];
    while let Some((at, value)) = open.pop() {
        match value {
            Value::Object(members) => {
                open.extend(members.iter().map(|(key, value)| (pointer(&at, key), value)));
            }
            Value::Array(elements) => open.extend(elements.first().map(|first| (format!("{at}/0"), first))),
            Value::Null => continue,
            _ => {}
        }
        if found.len() >= most {
            return;
        }
        if !at.is_empty() {
            found.insert(at);
        }
    }
}

/// The names of an answer's first leaves that hold something, at most so many, without its metadata.
pub fn leaf_names(answer: &Value, most: usize) -> Vec<String> {
    let mut names: Vec<String> = leaves(answer).into_iter().map(|(name, _)| name).collect();
    names.retain(|name| !name.starts_with("/metaData/"));
    names.sort_unstable();
    names.truncate(most);
    names
}

/// RFC 6901, section 3: `~` is written `~0` and `/` is written `~1`.
fn pointer(prefix: &str, key: &str) -> String {
    format!("{prefix}/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn names(answers: &[Value]) -> Vec<String> {
        let (mut leaves, mut known, mut names) = (Leaves::default(), 0, Vec::new());
        for answer in answers {
            assert!(leaves.note(answer, &mut known).is_ok());
        }
        leaves.names("", &mut names);
        assert_eq!(names.len(), known);
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
        assert!(Leaves::default().note(&wide(MOST_LEAVES), &mut 0).is_ok());
        assert!(Leaves::default().note(&wide(MOST_LEAVES + 1), &mut 0).is_err());
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
            let found = leaves(answer);
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].1, answer.pointer(&found[0].0).unwrap());
            let (mut leaves, mut known) = (Leaves::default(), 0);
            assert!(leaves.note(answer, &mut known).is_ok() && known == 1);
            leaves.settle("", &[found[0].0.clone()]);
            let mut cells = [None];
            leaves.lay(answer, &mut cells);
            assert_eq!(cells[0], Some(found[0].1));
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
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
            let (mut leaves, mut known, mut sorted) = (Leaves::default(), 0, Vec::new());
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
