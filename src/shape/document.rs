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

    /// The problems of this file, or nothing where there are none.
    pub fn verdict(&self, problems: Vec<Problem>) -> Result<(), Problems> {
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
        "duplicate key" => problem.help("a key or table stands once; remove one of the two"),
        message if message.starts_with("missing escaped value") => {
            problem.help("write a backslash as `\\\\`, or put the text in single quotes: '…'")
        }
        _ => problem,
    }
}

fn line_start(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().rposition(|byte| *byte == b'\n').map_or(0, |found| found + 1)
}
