//! JSON lines: one object a line.

use super::lines::Lines;
use super::{Columns, InputError, Places, RawRow, decode, number_place};
use serde_json::{Map, Value};

/// A file of objects.
pub(super) struct JsonLines {
    lines: Lines,
    key: String,
    kept: Vec<String>,
}

/// How much of a line that is not an object is shown beside the reason, in characters.
const SHOWN: usize = 200;

impl JsonLines {
    /// Looks at the first object, whose keys say where the number is and, under [`Columns::All`], what is kept. Gives
    /// the names of the kept keys, too.
    pub(super) fn open(
        lines: Lines,
        column: Option<&str>,
        keep: Columns<'_>,
    ) -> Result<(Self, Vec<String>), InputError> {
        let file = lines.file();
        let first = match object(lines.bytes()) {
            Ok(first) => first,
            Err(error) if lines.is_cut() && error.is_eof() => {
                return Err(InputError::Truncated { file: file.to_owned(), line: lines.number() });
            }
            Err(_) => return Err(InputError::NotJsonLines { file: file.to_owned(), line: lines.number() }),
        };
        let keys: Vec<String> = first.into_iter().map(|(key, _)| key).collect();
        let (number, kept) = match keep {
            Columns::All => {
                let places = Places::find(file, &keys, column, keep)?;
                (places.number, places.names)
            }
            // A key that the first object lacks may well stand in a later one.
            Columns::Named(names) => (number_place(file, &keys, column)?, names.to_vec()),
        };
        let key = keys[number].clone();
        Ok((Self { lines, key, kept: kept.clone() }, kept))
    }

    /// The next object as a row; nothing at the end.
    pub(super) fn next_row(&mut self) -> Result<Option<RawRow>, InputError> {
        loop {
            if !self.lines.advance()? {
                return Ok(None);
            }
            if !self.lines.bytes().trim_ascii().is_empty() {
                break;
            }
        }
        let (line, text) = (self.lines.number(), self.lines.bytes());
        match object(text) {
            Ok(object) => Ok(Some(self.row(line, &object))),
            Err(error) if self.lines.is_cut() && error.is_eof() => {
                Err(InputError::Truncated { file: self.lines.file().to_owned(), line })
            }
            Err(_) => Ok(Some(RawRow {
                line,
                input: decode(text).trim().chars().take(SHOWN).collect(),
                fault: Some("the line is not a JSON object".to_owned()),
                columns: vec![String::new(); self.kept.len()],
            })),
        }
    }

    fn row(&self, line: u64, object: &Map<String, Value>) -> RawRow {
        let number = object.get(&self.key);
        let fault = match number {
            None => Some(format!("the object has no key `{}`", self.key)),
            Some(Value::String(_) | Value::Number(_) | Value::Null) => None,
            Some(_) => Some(format!("the key `{}` holds neither a text nor a number", self.key)),
        };
        let columns = self.kept.iter().map(|key| object.get(key).map(text_of).unwrap_or_default()).collect();
        RawRow { line, input: number.map(text_of).unwrap_or_default(), fault, columns }
    }

    pub(super) fn lines(&self) -> &Lines {
        &self.lines
    }
}

fn object(line: &[u8]) -> serde_json::Result<Map<String, Value>> {
    // Without its end: within a text that is cut short, a line feed would be a fault of its own.
    serde_json::from_str(&decode(line.trim_ascii_end()))
}

/// A value as a cell: nothing for null, a list or an object as compact JSON.
fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}
