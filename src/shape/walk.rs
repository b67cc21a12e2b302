//! The strict walk through a parsed file: every key known, every value of its kind, nothing missing.

use super::suggestion::{known_here, nearest};
use super::{Key, Kind, Need, SECRET, State, Table, Text};
use crate::problem::Problem;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

type Value<'t> = Spanned<DeValue<'t>>;

/// Every way in which a tree is not of a shape. `top` is the place that stands for the file as a whole.
pub(super) fn check(shape: &'static Table, root: &DeTable<'_>, top: Range<usize>) -> Vec<Problem> {
    let mut walk = Walk { root: shape, problems: Vec::new() };
    walk.table(shape, root, top);
    walk.problems
}

struct Walk {
    root: &'static Table,
    problems: Vec<Problem>,
}

impl Walk {
    fn table(&mut self, shape: &'static Table, table: &DeTable<'_>, header: Range<usize>) {
        for (name, value) in table {
            match shape.key(name.get_ref()) {
                None => self.unknown_key(shape, name.get_ref(), name.span()),
                Some(key) if key.state == State::NotYet => {
                    self.problems.push(not_yet(key, name.span(), value));
                }
                Some(key) => self.value(&key.kind, value),
            }
        }
        for key in shape.keys {
            let missing = matches!(key.need, Need::Required) && table.get(key.name).is_none();
            // Of a key that is misspelt it is told already that it is misspelt.
            if missing && !is_misspelt(shape, table, key.name) {
                let written = heading(key);
                let problem = Problem::new(header.clone(), format!("{written} is missing in {}", shape.name));
                self.problems.push(problem.help(format!("{written}: {}", key.about)));
            }
        }
    }

    fn unknown_key(&mut self, shape: &Table, name: &str, span: Range<usize>) {
        let problem = Problem::new(span, format!("unknown key `{name}` in {}", shape.name));
        let help = match (self.belongs_elsewhere(shape, name), meant(shape, name)) {
            (Some(place), _) => place,
            (None, Some(near)) => format!("did you mean `{near}`?"),
            (None, None) => known_here(shape.built()),
        };
        self.problems.push(problem.help(help));
    }

    /// In TOML a key belongs to the last header above it, so a good key at the wrong place is a common slip.
    fn belongs_elsewhere(&self, shape: &Table, name: &str) -> Option<String> {
        let at_top = self.root.key(name).is_some_and(|key| key.state == State::Built);
        if at_top && !std::ptr::eq(shape, self.root) {
            return Some(format!("`{name}` belongs at the top of the file, above the first [header]"));
        }
        let inner =
            self.root.keys.iter().filter(|key| key.state == State::Built).find(|key| match key.kind {
                Kind::Table(table) | Kind::Tables(table) => {
                    !std::ptr::eq(shape, table) && table.key(name).is_some()
                }
                _ => false,
            });
        inner.map(|key| format!("`{name}` belongs in {}", heading(key).trim_matches('`')))
    }

    fn value(&mut self, kind: &'static Kind, value: &Value<'_>) {
        let span = value.span();
        match (kind, value.get_ref()) {
            (Kind::Text(format), DeValue::String(text)) => self.text(*format, text, span),
            (Kind::Word { built, not_yet }, DeValue::String(text)) => self.word(built, not_yet, text, span),
            (Kind::Bool, DeValue::Boolean(_)) | (Kind::Tree, DeValue::Table(_)) => {}
            (Kind::Date, DeValue::Datetime(stamp)) if stamp.date.is_some() && stamp.time.is_none() => {}
            (Kind::Integer { min, max }, DeValue::Integer(number)) => self.integer(*min, *max, number, span),
            (Kind::Table(shape), DeValue::Table(table)) => self.table(shape, table, span),
            (Kind::Tables(shape), DeValue::Array(array)) => {
                for element in array {
                    match element.get_ref() {
                        DeValue::Table(table) => self.table(shape, table, element.span()),
                        DeValue::String(_) => self.no_table(shape, element),
                        other => self.wrong_type("a table", other, element.span(), None),
                    }
                }
            }
            (Kind::Tables(shape), DeValue::String(_)) => self.no_table(shape, value),
            (Kind::Map(inner), DeValue::Table(table)) => {
                table.iter().for_each(|(_, value)| self.value(inner, value));
            }
            (Kind::List { item, filled }, DeValue::Array(array)) => {
                self.list(item, *filled, array.iter(), span);
            }
            (Kind::Either(kinds), other) => match kinds.iter().find(|kind| fits(kind, other)) {
                Some(kind) => self.value(kind, value),
                None => self.wrong_type(&expected(kind), other, span, hint(kind, other)),
            },
            (Kind::Secret, DeValue::Table(table)) => self.secret(table, span),
            (Kind::Secret, DeValue::String(_)) => self.problems.push(literal_secret(span)),
            (_, other) => self.wrong_type(&expected(kind), other, span, hint(kind, other)),
        }
    }

    fn text(&mut self, format: Text, text: &str, span: Range<usize>) {
        if let Err(reason) = format.check(text) {
            self.problems.push(Problem::new(span, reason));
        }
    }

    fn word(&mut self, built: &'static [&'static str], not_yet: &[&str], text: &str, span: Range<usize>) {
        if built.contains(&text) {
            return;
        }
        let known = built.iter().copied();
        if not_yet.contains(&text) {
            let problem = Problem::new(span, format!("\"{text}\" is not yet built"));
            self.problems.push(problem.help(format!("this version takes {}", choices(known))));
            return;
        }
        let problem = Problem::new(span, format!("this must be {}", choices(known.clone())));
        self.problems.push(match nearest(text, known) {
            Some(near) => problem.help(format!("did you mean \"{near}\"?")),
            None => problem,
        });
    }

    fn integer(&mut self, min: u64, max: u64, number: &DeInteger<'_>, span: Range<usize>) {
        let value = u64::from_str_radix(number.as_str(), number.radix()).ok();
        if !value.is_some_and(|value| (min..=max).contains(&value)) {
            self.problems.push(Problem::new(span, format!("this must be from {min} to {max}")));
        }
    }

    fn list<'v, 't: 'v>(
        &mut self,
        item: &'static Kind,
        filled: bool,
        values: impl ExactSizeIterator<Item = &'v Value<'t>>,
        span: Range<usize>,
    ) {
        if filled && values.len() == 0 {
            self.problems.push(Problem::new(span, "this list is empty").help("fill it, or remove the key"));
        }
        for value in values {
            self.value(item, value);
        }
    }

    fn secret(&mut self, table: &DeTable<'_>, span: Range<usize>) {
        let known = table.keys().filter(|name| SECRET.key(name.get_ref()).is_some()).count();
        if known != 1 {
            let message = "a secret is named by exactly one of `env`, `file`, `command`";
            self.problems
                .push(Problem::new(span.clone(), message).help("such as { env = \"NAME_OF_A_VARIABLE\" }"));
        }
        self.table(&SECRET, table, span);
    }

    /// A text where a table belongs. Whoever reads the file may know what is meant by it, and says that in the place of this.
    fn no_table(&mut self, shape: &Table, value: &Value<'_>) {
        let problem = Problem::new(value.span(), format!("this is text, where {} is expected", shape.name));
        let required = shape.keys.iter().filter(|key| matches!(key.need, Need::Required));
        let pairs: Vec<String> = required.map(|key| format!("{} = \"…\"", key.name)).collect();
        self.problems.push(problem.help(format!("write it as [{{ {} }}]", pairs.join(", "))));
    }

    fn wrong_type(&mut self, expected: &str, found: &DeValue<'_>, span: Range<usize>, hint: Option<&str>) {
        let problem =
            Problem::new(span, format!("this is {}, where {expected} is expected", found_as(found)));
        self.problems.push(match hint {
            Some(hint) => problem.help(hint),
            None => problem,
        });
    }
}

/// How a key is written: `[budget]`, `[[output]]`, `` `name` ``.
fn heading(key: &Key) -> String {
    match key.kind {
        Kind::Table(_) => format!("`[{}]`", key.name),
        Kind::Tables(_) => format!("`[[{}]]`", key.name),
        _ => format!("`{}`", key.name),
    }
}

fn not_yet(key: &Key, span: Range<usize>, value: &Value<'_>) -> Problem {
    // A header's place begins before the key in it, an inline table's after.
    let header = value.get_ref().is_table() && value.span().start < span.start;
    let written = if header { format!("`[{}]`", key.name) } else { format!("`{}`", key.name) };
    let problem = Problem::new(span, format!("{written} is not yet built"));
    problem.help(format!("remove it; what it is for: {}", key.about))
}

fn literal_secret(span: Range<usize>) -> Problem {
    let message = "a secret is never written in a file";
    Problem::new(span, message)
        .help("name where it is: { env = \"…\" }, { file = \"…\" } or { command = [\"…\"] }")
}

/// Whether a value has the TOML type of a kind.
fn fits(kind: &Kind, value: &DeValue<'_>) -> bool {
    matches!(
        (kind, value),
        (Kind::Text(_) | Kind::Word { .. }, DeValue::String(_))
            | (Kind::Bool, DeValue::Boolean(_))
            | (Kind::Integer { .. }, DeValue::Integer(_))
            | (Kind::Date, DeValue::Datetime(_))
            | (Kind::List { .. } | Kind::Tables(_), DeValue::Array(_))
            | (Kind::Table(_) | Kind::Map(_) | Kind::Tree | Kind::Secret, DeValue::Table(_))
    )
}

fn expected(kind: &Kind) -> String {
    match kind {
        Kind::Text(_) | Kind::Word { .. } => "text in quotes".to_owned(),
        Kind::Bool => "true or false".to_owned(),
        Kind::Integer { .. } => "a whole number".to_owned(),
        Kind::Table(_) | Kind::Map(_) | Kind::Tree => "a table".to_owned(),
        Kind::Tables(_) => "a list of tables".to_owned(),
        Kind::List { .. } => "a list".to_owned(),
        Kind::Secret => "the place of a secret".to_owned(),
        Kind::Date => "a date".to_owned(),
        Kind::Either(kinds) => kinds.iter().map(expected).collect::<Vec<_>>().join(" or "),
    }
}

fn found_as(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with decimals",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// What most likely mends a wrong type.
fn hint(kind: &Kind, found: &DeValue<'_>) -> Option<&'static str> {
    let scalar = !matches!(found, DeValue::Array(_) | DeValue::Table(_) | DeValue::String(_));
    match (kind, found) {
        (Kind::Text(_) | Kind::Word { .. }, _) if scalar => Some("put it in quotes: \"…\""),
        (Kind::Bool | Kind::Integer { .. }, DeValue::String(_)) => Some("write it without quotes"),
        (Kind::List { .. }, DeValue::String(_)) => Some("put it in brackets: [\"…\"]"),
        (Kind::Tables(_), DeValue::Table(_)) => Some("its header has two brackets: [[…]]"),
        (Kind::Secret, _) => Some("such as { env = \"NAME_OF_A_VARIABLE\" }"),
        _ => None,
    }
}

/// Whether a key that a table does not know stands there for this one.
pub(super) fn is_misspelt(shape: &Table, table: &DeTable<'_>, key: &str) -> bool {
    let unknown = table.keys().map(Spanned::get_ref).filter(|name| shape.key(name).is_none());
    unknown.into_iter().any(|name| meant(shape, name) == Some(key))
}

/// The key that an unknown one most likely is: spelt almost so, or called so elsewhere.
fn meant(shape: &Table, name: &str) -> Option<&'static str> {
    nearest(name, shape.built()).or_else(|| {
        let (_, key) = CALLED_ELSEWHERE.iter().find(|(other, key)| {
            other.eq_ignore_ascii_case(name) && shape.built().any(|built| built == *key)
        })?;
        Some(*key)
    })
}

/// What keys are called in other programs.
const CALLED_ELSEWHERE: [(&str, &str); 10] = [
    ("file", "path"),
    ("filename", "path"),
    ("source", "path"),
    ("number", "numbers"),
    ("header", "column"),
    ("field", "column"),
    ("endpoint", "service"),
    ("parameters", "params"),
    ("retries", "attempts"),
    ("fields", "columns"),
];

/// `"a"`, `"a" or "b"`, `"a", "b" or "c"`.
fn choices<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let mut words: Vec<_> = words.into_iter().map(|word| format!("\"{word}\"")).collect();
    let last = words.pop().unwrap_or_default();
    if words.is_empty() { last } else { format!("{} or {last}", words.join(", ")) }
}
