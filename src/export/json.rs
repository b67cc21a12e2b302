//! JSON: one array with an object a line, or JSON lines. Both carry the fields of the CSV, and the answers whole.

use super::cells::{Field, Shown};
use crate::disk::Draft;
use crate::domain::json;
use std::io::{self, Write};

/// A JSON file on its way.
pub(super) struct JsonSink {
    out: Draft,
    /// `"name":` of each field, encoded once.
    keys: Vec<String>,
    /// The next field of the row.
    at: usize,
    array: bool,
    rows: u64,
}

impl JsonSink {
    /// Begins the file; `array` tells JSON from JSON lines.
    pub(super) fn begin<'a>(
        mut draft: Draft,
        array: bool,
        names: impl IntoIterator<Item = &'a str>,
    ) -> io::Result<Self> {
        if array {
            draft.write_all(b"[")?;
        }
        let keys = names.into_iter().map(|name| Ok(format!("{}:", serde_json::to_string(name)?)));
        Ok(Self { keys: keys.collect::<io::Result<_>>()?, out: draft, at: 0, array, rows: 0 })
    }

    /// Writes the row's next field.
    pub(super) fn put(&mut self, field: Field<'_>) -> io::Result<()> {
        self.key()?;
        match field {
            Field::Empty => self.out.write_all(b"null"),
            Field::Text(text) => self.text(text),
            Field::Count(count) => write!(self.out, "{count}"),
            Field::Money(ore) => write!(self.out, "\"{ore}\""),
            Field::Json(value) => json::write(&mut self.out, value),
        }
    }

    /// Writes the row's next field: answers by the lookup's id.
    pub(super) fn put_by_id<'a>(
        &mut self,
        answers: impl Iterator<Item = (&'a str, Option<Shown<'a>>)>,
    ) -> io::Result<()> {
        self.key()?;
        self.out.write_all(b"{")?;
        for (at, (id, answer)) in answers.enumerate() {
            if at > 0 {
                self.out.write_all(b",")?;
            }
            self.text(id)?;
            self.out.write_all(b":")?;
            match answer {
                Some(answer) => json::write(&mut self.out, &answer)?,
                None => self.out.write_all(b"null")?,
            }
        }
        self.out.write_all(b"}")
    }

    /// Ends the row.
    pub(super) fn end_row(&mut self) -> io::Result<()> {
        self.at = 0;
        self.rows += 1;
        self.out.write_all(if self.array { b"}" } else { b"}\n" })
    }

    /// The file with everything in it.
    pub(super) fn into_draft(mut self) -> io::Result<Draft> {
        if self.array {
            self.out.write_all(b"\n]\n")?;
        }
        Ok(self.out)
    }

    /// What stands before a field: its name, and what parts it from the field or the row before.
    fn key(&mut self) -> io::Result<()> {
        let parting: &[u8] = match (self.at, self.array, self.rows) {
            (1.., _, _) => b",",
            (0, true, 0) => b"\n{",
            (0, true, _) => b",\n{",
            (0, false, _) => b"{",
        };
        self.out.write_all(parting)?;
        let key = self.keys.get(self.at).ok_or_else(|| io::Error::other("a row longer than its names"))?;
        self.at += 1;
        self.out.write_all(key.as_bytes())
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        Ok(serde_json::to_writer(&mut self.out, text)?)
    }
}
