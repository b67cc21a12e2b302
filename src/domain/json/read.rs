//! The reader: our own structure around serde_json's texts and numbers, so that depth costs a vector and not the stack, and
//! the memory that a text would take is known before it is taken.

use super::deep::{Json, LARGEST, let_go};
use serde_json::{Map, Number, Value};
use std::borrow::Cow;

/// What a value takes where it stands, and a text or a number besides its characters.
const VALUE: usize = size_of::<Value>();
const TEXT: usize = 24;
/// What an object takes for its table, and each member besides name and value.
const OBJECT: usize = 96;
const MEMBER: usize = 56;

const REPLACEMENT: &str = "\\ufffd";

pub(super) fn read(text: &str) -> Option<Json> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.trim_end_matches(|c: char| c == '\0' || c == '\u{feff}' || c.is_whitespace());
    let mut reader = Reader { text, at: 0, open: Vec::new(), room: LARGEST };
    let value = Json(reader.value()?);
    (reader.at == text.len()).then_some(value)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    open: Vec<Open>,
    /// Bytes that may still be taken.
    room: usize,
}

/// A list or an object that has not ended.
enum Open {
    List(Vec<Value>),
    /// Its members, and the name of the one to come.
    Object(Vec<(String, Value)>, String),
}

/// What was read so far may be deep.
impl Drop for Reader<'_> {
    fn drop(&mut self) {
        for open in std::mem::take(&mut self.open) {
            match open {
                Open::List(items) => let_go(Value::Array(items)),
                Open::Object(members, _) => members.into_iter().for_each(|(_, value)| let_go(value)),
            }
        }
    }
}

impl Reader<'_> {
    /// The whole value; what stands after it is not looked at.
    fn value(&mut self) -> Option<Value> {
        loop {
            let Some(mut value) = self.begin()? else { continue };
            loop {
                let Some(open) = self.open.last_mut() else { return Some(value) };
                match open {
                    Open::List(items) => items.push(value),
                    Open::Object(members, name) => members.push((std::mem::take(name), value)),
                }
                match (self.next()?, self.open.pop()?) {
                    (b',', list @ Open::List(_)) => {
                        self.open.push(list);
                        break;
                    }
                    (b',', Open::Object(members, _)) => {
                        // Back in its place first: what is read next may be no name.
                        self.open.push(Open::Object(members, String::new()));
                        let named = self.name()?;
                        if let Some(Open::Object(_, name)) = self.open.last_mut() {
                            *name = named;
                        }
                        break;
                    }
                    (b']', Open::List(mut items)) => {
                        items.shrink_to_fit();
                        value = Value::Array(items);
                    }
                    (b'}', Open::Object(members, _)) => value = Value::Object(object(members)),
                    (_, open) => {
                        self.open.push(open);
                        return None;
                    }
                }
            }
        }
    }

    /// What stands here: a value that is whole, or `Some(None)` if a list or an object begins that is not empty.
    #[expect(clippy::option_option, reason = "no value yet is not the same as no JSON")]
    fn begin(&mut self) -> Option<Option<Value>> {
        self.blanks();
        self.take(VALUE)?;
        match self.text.as_bytes().get(self.at)? {
            b'[' => {
                self.at += 1;
                if self.ends(b']') {
                    return Some(Some(Value::Array(Vec::new())));
                }
                self.open.push(Open::List(Vec::new()));
            }
            b'{' => {
                self.at += 1;
                self.take(OBJECT)?;
                if self.ends(b'}') {
                    return Some(Some(Value::Object(Map::new())));
                }
                let name = self.name()?;
                self.open.push(Open::Object(Vec::new(), name));
            }
            b'"' => return Some(Some(Value::String(self.text()?))),
            _ => return Some(Some(self.word()?)),
        }
        Some(None)
    }

    /// A member's name with its colon.
    fn name(&mut self) -> Option<String> {
        self.blanks();
        self.take(MEMBER)?;
        let name = self.text()?;
        (self.next()? == b':').then_some(name)
    }

    fn text(&mut self) -> Option<String> {
        let bytes = self.text.as_bytes();
        if *bytes.get(self.at)? != b'"' {
            return None;
        }
        let from = self.at + 1;
        let (mut to, mut escapes) = (from, false);
        loop {
            match *bytes.get(to)? {
                b'"' => break,
                b'\\' => {
                    escapes = true;
                    to += 2;
                }
                0..=0x1f => return None,
                _ => to += 1,
            }
        }
        self.at = to + 1;
        self.take(TEXT + to - from)?;
        if escapes {
            return serde_json::from_str(&without_lone_surrogates(self.text.get(from - 1..=to)?)).ok();
        }
        self.text.get(from..to).map(str::to_owned)
    }

    /// `true`, `false`, `null`, or a number.
    fn word(&mut self) -> Option<Value> {
        let rest = self.text.get(self.at..)?;
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '-' | '.'));
        let word = &rest[..end.unwrap_or(rest.len())];
        self.at += word.len();
        self.take(TEXT + word.len())?;
        match word {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            "null" => Some(Value::Null),
            _ => serde_json::from_str::<Number>(word).ok().map(Value::Number),
        }
    }

    /// The next byte that is no blank.
    fn next(&mut self) -> Option<u8> {
        self.blanks();
        let byte = *self.text.as_bytes().get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// Whether this byte comes next, which is then passed.
    fn ends(&mut self, end: u8) -> bool {
        self.blanks();
        let ends = self.text.as_bytes().get(self.at) == Some(&end);
        self.at += usize::from(ends);
        ends
    }

    fn blanks(&mut self) {
        let rest = &self.text.as_bytes()[self.at.min(self.text.len())..];
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
    }

    /// Makes room for so many bytes, where there is some.
    fn take(&mut self, bytes: usize) -> Option<()> {
        self.room = self.room.checked_sub(bytes)?;
        Some(())
    }
}

/// An object of its members. A member that another of its name replaces may be deep.
fn object(members: Vec<(String, Value)>) -> Map<String, Value> {
    let mut object = Map::with_capacity(members.len());
    for (name, value) in members {
        if let Some(replaced) = object.insert(name, value) {
            let_go(replaced);
        }
    }
    object
}

/// A text in its quotes, with each surrogate that is no half of a pair replaced. JSON can write them and Unicode cannot.
fn without_lone_surrogates(quoted: &str) -> Cow<'_, str> {
    let (mut mended, mut copied, mut at) = (String::new(), 0, 0);
    while let Some(found) = quoted.get(at..).and_then(|rest| rest.find('\\')) {
        at += found;
        at += match surrogate(quoted, at) {
            None => 1 + quoted[at + 1..].chars().next().map_or(0, char::len_utf8),
            Some(0xd800..=0xdbff) if matches!(surrogate(quoted, at + 6), Some(0xdc00..=0xdfff)) => 12,
            Some(_) => {
                mended.push_str(&quoted[copied..at]);
                mended.push_str(REPLACEMENT);
                copied = at + 6;
                6
            }
        };
    }
    if copied == 0 {
        return Cow::Borrowed(quoted);
    }
    mended.push_str(&quoted[copied..]);
    Cow::Owned(mended)
}

/// The surrogate that is written here as `\uXXXX`.
fn surrogate(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
    // `from_str_radix` would take a sign.
    let code =
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok());
    code.flatten().filter(|code| (0xd800..=0xdfff).contains(code))
}
