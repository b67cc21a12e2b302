//! JSON that comes from outside: read, written, compared and let go of without recursion.
//!
//! serde_json refuses more than 128 levels, because each level costs its parser, its writer and its destructor a frame of the
//! stack. An answer that is paid for is not thrown away for its depth: here nothing recurses, and what bounds an answer is
//! the memory that it takes ([`LARGEST`]), however that is spent.

mod about;
mod deep;
mod read;
#[cfg(test)]
mod tests;

pub use deep::{Json, LARGEST};
use deep::{is_nested, let_go};
use serde_json::{Value, map};
use std::fmt;
use std::io::{self, Write};
use std::ops::{Deref, DerefMut};
use std::slice;

impl Json {
    /// Reads a text. `None` if it is no JSON, or would take more memory than [`LARGEST`].
    ///
    /// Three things are no JSON by the letter and have one meaning nevertheless: a byte-order mark, blanks and NULs after the
    /// end, and a surrogate that stands alone, which is U+FFFD. Numbers keep their digits and members their order; of two
    /// members with one name the last counts, as for nearly everybody who reads JSON.
    pub fn read(text: &str) -> Option<Self> {
        read::read(text)
    }

    /// Reads a text in UTF-8.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        Self::read(std::str::from_utf8(bytes).ok()?)
    }

    /// Its compact text.
    pub fn bytes(&self) -> Vec<u8> {
        bytes(self)
    }

    /// Drops every member of this name, at any depth and in any case.
    pub fn drop_members(&mut self, name: &str) {
        let mut open = vec![&mut self.0];
        while let Some(value) = open.pop() {
            match value {
                Value::Object(members) => {
                    for (_, value) in members.iter_mut().filter(|(key, _)| key.eq_ignore_ascii_case(name)) {
                        let_go(std::mem::take(value));
                    }
                    members.retain(|key, _| !key.eq_ignore_ascii_case(name));
                    open.extend(members.values_mut().filter(|value| is_nested(value)));
                }
                Value::Array(items) => open.extend(items.iter_mut().filter(|value| is_nested(value))),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
    }
}

impl Deref for Json {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl DerefMut for Json {
    fn deref_mut(&mut self) -> &mut Value {
        &mut self.0
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        same(self, other, |one, other| one == other)
    }
}

/// Without its content, which is somebody's.
impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Json(…)")
    }
}

/// The compact text of a value.
pub fn bytes(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Nothing is written but to memory, and every value can be.
    let _ = write(&mut bytes, value);
    bytes
}

/// The same as a text.
pub fn text(value: &Value) -> String {
    String::from_utf8(bytes(value)).unwrap_or_default()
}

/// Where the writer stands within a value.
enum Level<'a> {
    List(slice::Iter<'a, Value>),
    Object(map::Iter<'a>),
}

/// Writes the compact text of a value.
pub fn write(mut out: impl Write, value: &Value) -> io::Result<()> {
    let mut open: Vec<Level<'_>> = Vec::new();
    let mut next = Some(value);
    loop {
        match next.take() {
            Some(Value::Array(items)) => {
                out.write_all(b"[")?;
                open.push(Level::List(items.iter()));
                next = step(&mut out, &mut open, true)?;
            }
            Some(Value::Object(members)) => {
                out.write_all(b"{")?;
                open.push(Level::Object(members.iter()));
                next = step(&mut out, &mut open, true)?;
            }
            Some(scalar) => {
                serde_json::to_writer(&mut out, scalar)?;
                next = step(&mut out, &mut open, false)?;
            }
            None => {
                out.write_all(match open.pop() {
                    Some(Level::List(_)) => b"]",
                    Some(Level::Object(_)) => b"}",
                    None => return Ok(()),
                })?;
                next = step(&mut out, &mut open, false)?;
            }
        }
    }
}

/// The next value of a level, with what stands before it written already.
fn step<'a>(out: &mut impl Write, open: &mut [Level<'a>], opened: bool) -> io::Result<Option<&'a Value>> {
    let (name, value) = match open.last_mut() {
        Some(Level::List(items)) => (None, items.next()),
        Some(Level::Object(members)) => {
            members.next().map_or((None, None), |(name, value)| (Some(name), Some(value)))
        }
        None => (None, None),
    };
    if value.is_some() && !opened {
        out.write_all(b",")?;
    }
    if let Some(name) = name {
        serde_json::to_writer(&mut *out, name)?;
        out.write_all(b":")?;
    }
    Ok(value)
}

/// Whether two values are the same, in whatever order their members stand; `scalars` says it of two that hold no others.
pub fn same(one: &Value, other: &Value, scalars: impl Fn(&Value, &Value) -> bool) -> bool {
    let mut open = vec![(one, other)];
    while let Some(pair) = open.pop() {
        let alike = match pair {
            (Value::Array(one), Value::Array(other)) => {
                open.extend(one.iter().zip(other));
                one.len() == other.len()
            }
            (Value::Object(one), Value::Object(other)) => {
                open.extend(one.iter().filter_map(|(name, value)| Some((value, other.get(name)?))));
                one.len() == other.len() && one.keys().all(|name| other.contains_key(name))
            }
            (Value::Array(_) | Value::Object(_), _) | (_, Value::Array(_) | Value::Object(_)) => false,
            (one, other) => scalars(one, other),
        };
        if !alike {
            return false;
        }
    }
    true
}
