//! A file's text parsed as TOML, with the place of everything in it.

use super::view::View;
use super::{Table, walk};
use crate::problem::{Problem, Problems, without_mark};
use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;
use toml::de::DeTable;

/// Lines that are not TOML, told at most. With more it is most likely no TOML file at all, and may be one whose lines
/// are not for showing.
const MOST_SYNTAX: usize = 20;

/// A parsed file.
pub struct Document<'t> {
    path: &'t Path,
    text: &'t str,
    root: DeTable<'t>,
}

impl<'t> Document<'t> {
    /// Parses a text. What is not TOML is told at once too, once a line, since one slip often makes several errors.
    pub fn parse(path: &'t Path, text: &'t str) -> Result<Self, Problems> {
        let text = without_mark(text);
        let (root, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            return Ok(Self { path, text, root: root.into_inner() });
        }
        let mut problems: Vec<Problem> = errors.iter().map(|error| syntax(text, error)).collect();
        problems.sort_by_key(|problem| problem.span.start);
        let mut lines = HashSet::new();
        problems.retain(|problem| lines.insert(line_start(text, problem.span.start)));
        let again: Vec<Range<usize>> = errors.iter().filter_map(|error| table_again(text, error)).collect();
        // One mistake: each of its keys stands twice with it.
        problems.retain(|problem| !again.iter().any(|table| table.contains(&problem.span.start)));
        problems.truncate(MOST_SYNTAX);
        Err(Problems::new(path, text, problems))
    }

    /// The parsed tree.
    pub fn root(&self) -> &DeTable<'t> {
        &self.root
    }

    /// Every way in which the file is not of this shape.
    pub fn check(&self, shape: &'static Table) -> Vec<Problem> {
        walk::check(shape, &self.root, self.top())
    }

    /// The file, to be read with the shape's defaults.
    pub fn view(&self, shape: &'static Table) -> View<'_> {
        View::new(shape, Some(&self.root), self.top())
    }

    /// These problems as those of this file.
    pub fn problems(&self, problems: Vec<Problem>) -> Problems {
        Problems::new(self.path, self.text, problems)
    }

    /// `Err` with the problems of this file if there are any.
    pub fn result(&self, problems: Vec<Problem>) -> Result<(), Problems> {
        if problems.is_empty() { Ok(()) } else { Err(self.problems(problems)) }
    }

    /// The place that stands for the file as a whole: its first line that is neither empty nor a comment.
    pub fn top(&self) -> Range<usize> {
        let mut start = 0;
        for line in self.text.split_inclusive('\n') {
            let code = line.trim();
            if !code.is_empty() && !code.starts_with('#') {
                return start..start + line.trim_end().len();
            }
            start += line.len();
        }
        0..0
    }
}

fn syntax(text: &str, error: &toml::de::Error) -> Problem {
    let span = error.span().unwrap_or(0..0);
    let problem = Problem::new(span.clone(), format!("this is not TOML: {}", error.message()));
    let value = text.get(span).unwrap_or_default();
    match error.message() {
        message if message.starts_with("string values must be quoted") && !value.contains(['"', '\'']) => {
            problem.help("put the text in quotes: \"…\"")
        }
        "duplicate key" if table_again(text, error).is_some() => {
            problem.help("a table stands once; of those of which there may be several, each header has two brackets: [[…]]")
        }
        "duplicate key" => problem.help("a key or table stands once; remove one of the two"),
        message if message.starts_with("missing escaped value") => {
            problem.help("write a backslash as `\\\\`, or put the text in single quotes: '…'")
        }
        _ => problem,
    }
}

/// What stands below the header of a table that stands twice, up to the next header.
fn table_again(text: &str, error: &toml::de::Error) -> Option<Range<usize>> {
    let at = error.span().filter(|_| error.message() == "duplicate key")?.start;
    let header = text[line_start(text, at)..].lines().next()?.trim_start();
    if !header.starts_with('[') || header.starts_with("[[") {
        return None;
    }
    let below = at + text[at..].find('\n')? + 1;
    let lines = text[below..].split_inclusive('\n');
    let length = lines.take_while(|line| !line.trim_start().starts_with('[')).map(str::len).sum::<usize>();
    Some(below..below + length)
}

fn line_start(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().rposition(|byte| *byte == b'\n').map_or(0, |found| found + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_with_one_bracket_too_few_is_one_mistake() {
        let text = "name = \"a\"\n[lookup]\nid = \"a\"\nservice = \"x\"\n[lookup]\nid = \"b\"\nservice = \"y\"\n\n[run]\nrate = \"1/s\"\n";
        let told = Document::parse(Path::new("a.toml"), text).map(drop).unwrap_err().render();
        assert_eq!(told.matches("this is not TOML").count(), 1, "{told}");
        assert!(told.contains("a.toml:5:") && told.contains("[[…]]"), "{told}");
        let key = Document::parse(Path::new("a.toml"), "a = 1\na = 2\n").map(drop).unwrap_err().render();
        assert!(key.contains("remove one of the two"), "{key}");
    }
}
