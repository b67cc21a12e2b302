//! The leaves of two answers side by side, in the order of their pointers.
//!
//! They are handed out one by one: an answer of a few megabytes may have a million leaves below one long name, and their
//! pointers, all at once, would be a thousand times its size.

use super::reach::{Reach, escaped};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::vec;

/// A leaf that holds something in one of two answers: its pointer, and what stands there in each.
pub(super) type Pair<'a> = (String, Option<&'a Value>, Option<&'a Value>);

/// Walks through two answers at once, either of which may be missing.
pub(super) struct Pairs<'a> {
    at: String,
    open: Vec<Level<'a>>,
}

/// What is left of an object.
struct Level<'a> {
    /// The length of its pointer.
    length: usize,
    members: vec::IntoIter<Member<'a>>,
}

/// A leaf, or an object that is looked into.
struct Member<'a> {
    /// As it stands in a pointer; `None` for the answer itself.
    name: Option<Cow<'a, str>>,
    reach: Reach,
    opens: bool,
    old: Option<&'a Value>,
    new: Option<&'a Value>,
}

impl<'a> Pairs<'a> {
    pub(super) fn of(old: Option<&'a Value>, new: Option<&'a Value>) -> Self {
        let root = members(None, Reach::ROOT, old, new).collect::<Vec<_>>();
        Self { at: String::new(), open: vec![Level { length: 0, members: root.into_iter() }] }
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Pair<'a>;

    fn next(&mut self) -> Option<Pair<'a>> {
        loop {
            let level = self.open.last_mut()?;
            self.at.truncate(level.length);
            let Some(member) = level.members.next() else {
                self.open.pop();
                continue;
            };
            if let Some(name) = &member.name {
                self.at.push('/');
                self.at.push_str(name);
            }
            if !member.opens {
                return Some((self.at.clone(), member.old, member.new));
            }
            let members = below(&member).into_iter();
            self.open.push(Level { length: self.at.len(), members });
        }
    }
}

/// What stands in one place: as a leaf where either has one there, and as an object where either is to be looked into.
fn members<'a>(
    name: Option<Cow<'a, str>>,
    reach: Reach,
    old: Option<&'a Value>,
    new: Option<&'a Value>,
) -> impl Iterator<Item = Member<'a>> {
    let of = move |opens: bool| {
        let part = |value: Option<&'a Value>| value.filter(|v| !v.is_null() && reach.opens(v) == opens);
        let (old, new) = (part(old), part(new));
        let name = name.clone();
        (old.is_some() || new.is_some()).then_some(Member { name, reach, opens, old, new })
    };
    [false, true].into_iter().filter_map(of)
}

/// The members of an object in the order of their pointers: what is below `a` comes after `a-b`.
fn below<'a>(member: &Member<'a>) -> Vec<Member<'a>> {
    let object = |value: Option<&'a Value>| value.and_then(Value::as_object);
    let (old, new) = (object(member.old), object(member.new));
    let other = |of: Option<&'a Map<String, Value>>, key: &str| of.and_then(|members| members.get(key));
    let mut all = Vec::new();
    for (key, value) in old.into_iter().flatten() {
        all.extend(members(Some(escaped(key)), member.reach.below(key), Some(value), other(new, key)));
    }
    for (key, value) in new.into_iter().flatten().filter(|(key, _)| other(old, key).is_none()) {
        all.extend(members(Some(escaped(key)), member.reach.below(key), None, Some(value)));
    }
    let bytes = |member: &Member<'a>| member.opens.then_some(b'/');
    all.sort_unstable_by(|one, other| {
        let (name, other_name) =
            (one.name.as_deref().unwrap_or_default(), other.name.as_deref().unwrap_or_default());
        name.bytes().chain(bytes(one)).cmp(other_name.bytes().chain(bytes(other)))
    });
    all
}

#[cfg(test)]
mod tests {
    use super::super::leaves::{any_json, leaf_names};
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn leaves_come_in_the_order_of_their_pointers() {
        let old = json!({"a": {"b": 1}, "a-b": 2, "a/b": 3, "a~": {"x": null, "y": {}}, "l": [1]});
        let new = json!({"a": 7, "a0": {"b": 1}, "a-b": {"c": 1}});
        let found: Vec<String> = Pairs::of(Some(&old), Some(&new)).map(|(name, ..)| name).collect();
        assert_eq!(found, ["/a", "/a-b", "/a-b/c", "/a/b", "/a0/b", "/a~1b", "/l"]);
        assert_eq!(Pairs::of(Some(&json!(1)), None).next().unwrap().0, "");
        assert_eq!(Pairs::of(None, Some(&json!({}))).count(), 0);
    }

    /// Forty thousand leaves below a name of a thousand bytes: their pointers together would take forty megabytes.
    #[test]
    fn many_leaves_below_a_long_name_are_handed_out_one_by_one() {
        let many: Map<String, Value> = (0..40_000).map(|at| (format!("k{at}"), json!(at))).collect();
        let answer = json!({ "k".repeat(1_000): many });
        let mut pairs = Pairs::of(Some(&answer), None);
        assert_eq!(pairs.next().unwrap().0.len(), 1_004);
        let kept: usize =
            pairs.open.iter().map(|level| level.members.len()).sum::<usize>() * size_of::<Member<'_>>();
        assert!(kept + pairs.at.capacity() < 4 << 20, "{kept}");
        assert_eq!(pairs.count(), 39_999);
        assert_eq!(leaf_names(&answer, 2).len(), 2);
    }

    proptest! {
        /// Every leaf of either, once, in order, with what a pointer finds there.
        #[test]
        fn pairs_agree_with_pointers(old in any_json(), new in any_json()) {
            let found: Vec<_> = Pairs::of(Some(&old), Some(&new)).collect();
            prop_assert!(found.is_sorted_by(|one, other| one.0 < other.0));
            for (name, before, after) in &found {
                let at = |answer: &'_ Value| {
                    answer.pointer(name).filter(|value| !value.is_null() && !value.is_object()).cloned()
                };
                prop_assert_eq!(before.cloned(), at(&old));
                prop_assert_eq!(after.cloned(), at(&new));
            }
            let alone = |answer| Pairs::of(Some(answer), None).map(|(name, ..)| name).collect::<Vec<_>>();
            let mut both = [alone(&old), alone(&new)].concat();
            both.sort();
            both.dedup();
            prop_assert_eq!(both, found.into_iter().map(|(name, ..)| name).collect::<Vec<_>>());
        }
    }
}
