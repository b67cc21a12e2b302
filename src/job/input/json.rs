//! JSON lines: one object a line.

use super::InputError;
use super::columns::{Columns, RawRow, looks_like_number, number_place};
use super::encoding::decode;
use super::lines::Lines;
use crate::domain::text::column_name;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// A file of objects.
pub(super) struct JsonLines {
    lines: Lines,
    key: String,
    kept: Vec<String>,
    /// Every key met so far, of which those that are new are kept as well; `None` if the job names what is kept.
    all: Option<HashSet<String>>,
    /// Whether an object had the number's key, and the keys of the first that had not: a key that no object has is a slip.
    keyed: bool,
    others: Vec<String>,
}

/// How much of a line that is not an object is shown beside the reason, in characters.
const SHOWN: usize = 200;

/// More keys than this are values: no table has so many columns.
const MOST_KEYS: usize = 5_000;

impl JsonLines {
    /// Looks at the first line, which must be an object. Where the job names no column, the only key of it holds the number.
    pub(super) fn open(
        mut lines: Lines,
        column: Option<&str>,
        keep: Columns<'_>,
    ) -> Result<Self, InputError> {
        let (file, first) = (lines.file().to_owned(), lines.peek()?);
        let object = match object(&first.bytes) {
            Ok(object) => object,
            Err(error) if first.cut && error.is_eof() => {
                return Err(InputError::Truncated { file, line: first.number });
            }
            Err(_) => return Err(InputError::NotJsonLines { file, line: first.number }),
        };
        let keys: Vec<String> = object.keys().map(|key| column_name(key)).collect();
        let key = match column {
            Some(column) => column.to_owned(),
            None => keys[number_place(&file, &keys, None)?].clone(),
        };
        let mut json = Self { lines, key, kept: Vec::new(), all: None, keyed: false, others: Vec::new() };
        match keep {
            Columns::Named(names) => json.kept = names.to_vec(),
            Columns::All(needed) => {
                json.all = Some(HashSet::from([json.key.clone()]));
                json.keep(keys.iter().chain(needed))?;
            }
        }
        Ok(json)
    }

    /// Keeps these keys too, where they are new.
    fn keep<'k>(&mut self, keys: impl IntoIterator<Item = &'k String>) -> Result<(), InputError> {
        let Some(all) = &mut self.all else { return Ok(()) };
        for key in keys {
            if !key.is_empty() && !all.contains(key) {
                all.insert(key.clone());
                self.kept.push(key.clone());
            }
        }
        if self.kept.len() > MOST_KEYS {
            return Err(InputError::TooManyKeys { file: self.lines.file().to_owned(), most: MOST_KEYS });
        }
        Ok(())
    }

    /// The next object as a row; `None` at the end.
    pub(super) fn next_row(&mut self) -> Result<Option<RawRow>, InputError> {
        loop {
            if !self.lines.advance()? {
                return self.at_the_end().map(|()| None);
            }
            if !self.lines.line().is_blank() {
                break;
            }
        }
        let line = self.lines.line();
        let (number, text) = (line.number, &line.bytes);
        match object(text) {
            Ok(object) => self.row(number, object).map(Some),
            Err(error) if line.cut && error.is_eof() => {
                Err(InputError::Truncated { file: self.lines.file().to_owned(), line: number })
            }
            Err(_) => Ok(Some(RawRow {
                line: number,
                input: decode(text).trim().chars().take(SHOWN).collect(),
                fault: Some("the line is not a JSON object".to_owned()),
                columns: vec![String::new(); self.kept.len()],
            })),
        }
    }

    fn row(&mut self, line: u64, object: Map<String, Value>) -> Result<RawRow, InputError> {
        let object = by_name(object);
        self.keep(object.keys())?;
        let number = object.get(&self.key);
        self.keyed |= number.is_some();
        if !self.keyed && self.others.is_empty() {
            self.others = object.keys().cloned().collect();
        }
        let fault = match number {
            None => Some(format!("the object has no key `{}`", self.key)),
            Some(Value::String(_) | Value::Number(_) | Value::Null) => None,
            Some(_) => Some(format!("the key `{}` holds neither a text nor a number", self.key)),
        };
        let columns = self.kept.iter().map(|key| object.get(key).map(text_of).unwrap_or_default()).collect();
        Ok(RawRow { line, input: number.map(text_of).unwrap_or_default(), fault, columns })
    }

    /// That no object had the number's key.
    fn at_the_end(&self) -> Result<(), InputError> {
        if self.keyed || self.others.is_empty() {
            return Ok(());
        }
        let there: Vec<String> = self.others.iter().filter(|key| !looks_like_number(key)).cloned().collect();
        Err(InputError::no_such_column(self.lines.file(), &self.key, &there))
    }

    /// The names of the kept keys so far.
    pub(super) fn kept(&self) -> &[String] {
        &self.kept
    }

    pub(super) const fn lines(&self) -> &Lines {
        &self.lines
    }
}

fn object(line: &[u8]) -> serde_json::Result<Map<String, Value>> {
    // Without its end: within a text that is cut short, a line feed would be a fault of its own.
    serde_json::from_str(&decode(line.trim_ascii_end()))
}

/// The members by their names as columns; of several that read the same, the last. Most keys are their own names.
fn by_name(object: Map<String, Value>) -> Map<String, Value> {
    if object.keys().all(|key| column_name(key) == *key) {
        return object;
    }
    object.into_iter().map(|(key, value)| (column_name(&key), value)).collect()
}

/// A value as a cell: empty for null, a list or an object as compact JSON.
fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}
