//! How far into an answer its fields are looked for, and how their places are written.

use serde_json::Value;
use std::borrow::Cow;

/// Objects at this depth, or whose pointer is longer than so many bytes, are not opened: what an answer could make of names
/// grows with the square of its depth, and nothing may be nested as deep as an answer is.
pub(super) const DEEPEST: usize = 64;

pub(super) const LONGEST: usize = 1_024;

/// How far from the root a value stands.
#[derive(Clone, Copy)]
pub(super) struct Reach {
    depth: usize,
    /// Of its pointer, about.
    pub(super) length: usize,
}

impl Reach {
    pub(super) const ROOT: Self = Self { depth: 0, length: 0 };

    pub(super) const fn below(self, key: &str) -> Self {
        Self { depth: self.depth + 1, length: self.length + key.len() + 1 }
    }

    /// Whether a value that stands here is an object to be looked into.
    pub(super) fn opens(self, value: &Value) -> bool {
        value.as_object().is_some_and(|members| self.is_near() || members.is_empty())
    }

    pub(super) const fn is_near(self) -> bool {
        self.depth < DEEPEST && self.length <= LONGEST
    }
}

/// RFC 6901, section 3: `~` is written `~0` and `/` is written `~1`.
pub(super) fn escaped(key: &str) -> Cow<'_, str> {
    if key.contains(['~', '/']) {
        Cow::Owned(key.replace('~', "~0").replace('/', "~1"))
    } else {
        Cow::Borrowed(key)
    }
}
