//! Parameter values with places to fill in: `{column}` of the input row, and `{today}` with whole days off it.

use super::text::column_name;
use jiff::ToSpan;
use jiff::civil::Date;
use std::fmt;

/// What can stand between braces besides a column's name, days and answers left out.
pub const PLACES: [&str; 1] = ["today"];

/// A parsed parameter value.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Column(String),
    /// Days off the run's first day.
    Today(i32),
    /// The day on which our newest answer to this lookup of the job came.
    Last(String),
}

/// Why a template cannot be filled for a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FillError {
    /// The row has no such column.
    #[error("the input has no column `{0}`")]
    NoColumn(String),
    /// The date is outside the calendar.
    #[error("the date is out of range")]
    OutOfRange,
    /// There is no answer yet.
    #[error("there is no answer to `{0}` yet")]
    NoAnswer(String),
}

impl Template {
    /// Reads a template. `{{` and `}}` stand for the braces themselves.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let tail = &rest[at..];
            if tail.starts_with("{{") || tail.starts_with("}}") {
                plain.push_str(&tail[..1]);
                rest = &tail[2..];
                continue;
            }
            if tail.starts_with('}') {
                return Err("a `}` without its `{`; write `}}` for the brace itself".to_owned());
            }
            let end = tail.find('}').ok_or("a `{` without its `}`; write `{{` for the brace itself")?;
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(place(tail[1..end].trim())?);
            rest = &tail[end + 1..];
        }
        plain.push_str(rest);
        if !plain.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self { pieces })
    }

    /// The input columns that it names.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Column(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The lookup whose newest answer it names, if it does: `{last:ID:date}`.
    pub fn last(&self) -> Option<&str> {
        self.pieces.iter().find_map(|piece| match piece {
            Piece::Last(id) => Some(id.as_str()),
            _ => None,
        })
    }

    /// The value, where it is the same whatever the row and the day.
    pub fn literal(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The value for a row: `column` looks a name up, `today` is the run's first day, `last` the day of the newest answer
    /// that `{last:…}` is about.
    pub fn fill<'a>(
        &self,
        today: Date,
        last: Option<Date>,
        column: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<String, FillError> {
        let mut value = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => value.push_str(text),
                Piece::Column(name) => {
                    value.push_str(column(name).ok_or_else(|| FillError::NoColumn(name.clone()))?.trim());
                }
                Piece::Last(id) => {
                    let last = last.ok_or_else(|| FillError::NoAnswer(id.clone()))?;
                    value.push_str(&last.to_string());
                }
                Piece::Today(days) => {
                    let date = today.checked_add(days.days()).map_err(|_| FillError::OutOfRange)?;
                    value.push_str(&date.to_string());
                }
            }
        }
        Ok(value)
    }
}

/// Without what the job says beside its columns: a text for the register may be about somebody.
impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<&str> = self.columns().collect();
        f.debug_struct("Template").field("columns", &columns).finish_non_exhaustive()
    }
}

fn place(name: &str) -> Result<Piece, String> {
    if name.is_empty() {
        return Err("`{}` names no column".to_owned());
    }
    if let Some(rest) = name.strip_prefix("last:") {
        return match rest.split_once(':') {
            Some((id, "date")) if !id.is_empty() => Ok(Piece::Last(id.to_owned())),
            _ => {
                Err(format!("`{{{name}}}`: the newest answer's day is written as in `{{last:report:date}}`"))
            }
        };
    }
    let Some(shift) = name.strip_prefix("today") else { return Ok(Piece::Column(column_name(name))) };
    if shift.is_empty() {
        return Ok(Piece::Today(0));
    }
    let Some(sign) = shift.chars().next().filter(|c| matches!(c, '-' | '+')) else {
        return Ok(Piece::Column(column_name(name)));
    };
    let days =
        shift[1..].strip_suffix('d').and_then(|days| days.parse::<i32>().ok()).filter(|days| *days <= 36_500);
    let days = days.ok_or_else(|| format!("`{{{name}}}`: days are written as in `{{today-30d}}`"))?;
    Ok(Piece::Today(if sign == '-' { -days } else { days }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn fill(text: &str) -> Result<String, FillError> {
        Template::parse(text)
            .unwrap()
            .fill(date(2026, 3, 1), Some(date(2026, 2, 3)), |name| (name == "last").then_some(" 2025-01-02 "))
    }

    #[test]
    fn fills_columns_days_and_braces() {
        assert_eq!(fill("{last}").unwrap(), "2025-01-02");
        assert_eq!(fill("{today}").unwrap(), "2026-03-01");
        assert_eq!(fill("{today-30d}").unwrap(), "2026-01-30");
        assert_eq!(fill("a{{b}}{last}c").unwrap(), "a{b}2025-01-02c");
        assert_eq!(fill("").unwrap(), "");
        assert_eq!(fill("{last:report:date}").unwrap(), "2026-02-03");
        assert_eq!(Template::parse("{last:report:date}").unwrap().last(), Some("report"));
        assert!(Template::parse("{last:report}").is_err() && Template::parse("{last::date}").is_err());
        assert_eq!(fill("{other}"), Err(FillError::NoColumn("other".to_owned())));
        assert_eq!(Template::parse("{a}{b}").unwrap().columns().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn debug_shows_columns_and_no_text() {
        let template = Template::parse("about 800101-0001, {note}").unwrap();
        assert_eq!(format!("{template:?}"), "Template { columns: [\"note\"], .. }");
    }

    #[test]
    fn refuses_what_is_half_written() {
        for text in ["{", "}", "{}", "{today-30}", "{today-xd}", "a{b"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
