//! What `check` finds by looking into a job's input: columns that are not there, and two of an output that would be one.

use super::input::{InputError, Reader};
use super::{Job, Origin, clashes};
use crate::domain::template::Template;
use crate::domain::text::column_name;
use crate::problem::{Problem, Problems};
use crate::shape::{Document, JOB, View};
use crate::time::{now_ms, stockholm_date};
use std::ops::Range;
use std::path::Path;

/// Rows that are looked at: what is wrong with a file as a whole mostly shows in the first.
const ROWS: usize = 1_000;

/// Looks into the input of a job without a problem. What its owner should know though nothing is wrong: that the input is not
/// there yet.
pub(super) fn look(path: &Path, job: &Job) -> Result<Vec<String>, Problems> {
    let Origin::Path(input) = &job.input.origin else { return Ok(Vec::new()) };
    match input.metadata() {
        Err(_) => return Ok(vec![format!("{} is not there: its columns are not checked", input.display())]),
        // A pipe would be waited for.
        Ok(meta) if !meta.is_file() && !meta.is_dir() => return Ok(Vec::new()),
        Ok(_) => {}
    }
    let document = Document::parse(path, &job.text)?;
    let view = document.view(&JOB);
    let problem = match read(job) {
        Ok(columns) => match clashes(job, &columns) {
            None => return Ok(Vec::new()),
            Some(clash) => Problem::new(view.table("input").place("carry"), clash),
        },
        Err(error) => Problem::new(place(&view, error.column()), error.to_string()),
    };
    Err(document.problems(vec![problem]))
}

/// The columns of the input, as far as its first rows tell.
fn read(job: &Job) -> Result<Vec<String>, InputError> {
    let mut reader = Reader::of_job(job, stockholm_date(now_ms()))?;
    for row in reader.by_ref().take(ROWS) {
        row?;
    }
    Ok(reader.columns().to_vec())
}

/// Where the job names a column of the input, else where it names the input.
fn place(job: &View<'_>, column: Option<&str>) -> Range<usize> {
    let input = job.table("input");
    let Some(column) = column else { return input.place("path") };
    if input.text("column").is_some_and(|named| column_name(named) == column) {
        return input.place("column");
    }
    if let Some(item) = input.list("carry").into_iter().find(|item| column_name(item.text) == column) {
        return item.span;
    }
    let names =
        |text: &str| Template::parse(text).is_ok_and(|value| value.columns().any(|name| name == column));
    if job.text("purpose").is_some_and(names) {
        return job.place("purpose");
    }
    let lookups = job.tables("lookup");
    let params = lookups.iter().flat_map(|lookup| lookup.entries("params"));
    let mut spans = params
        .filter(|(_, value)| value.get_ref().as_str().is_some_and(names))
        .map(|(_, value)| value.span());
    spans.next().unwrap_or_else(|| input.place("path"))
}
