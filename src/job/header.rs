//! The names of an output's columns that are its own, as DESIGN.md fixes them, and what may not be called so.

use super::{Carry, Format, Job, Output, Shape};
use crate::domain::text::column_name;

const LONG_BEFORE: [&str; 2] = ["line", "subject"];
const LONG_AFTER: [&str; 11] = [
    "lookup",
    "service",
    "outcome",
    "code",
    "text",
    "source",
    "attempts",
    "cost",
    "fetched_at",
    "transactionid",
    "log_id",
];
const WIDE_BEFORE: [&str; 3] = ["line", "subject", "row_error"];
/// Of each lookup, after its id and `_`.
const WIDE_EACH: [&str; 5] = ["outcome", "code", "source", "cost", "fetched_at"];
/// Of `changes = true`, after the carried columns.
const CHANGES_AFTER: [&str; 7] =
    ["lookup", "field", "change", "old", "new", "old_fetched_at", "new_fetched_at"];
/// What JSON outputs have after all others: the answer as it came.
const REPORT: &str = "report";

/// The names of an output's own columns: every row has them, so nothing else in it can be called so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Before the carried columns.
    pub before: Vec<String>,
    /// Between the carried columns and those from the answers.
    pub after: Vec<String>,
    /// After all others.
    pub last: Option<&'static str>,
}

impl Header {
    /// Those of an output of this shape and format over lookups of these ids.
    pub fn of<'a>(shape: Shape, format: Format, ids: impl IntoIterator<Item = &'a str>) -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let (before, after) = match shape {
            Shape::Long => (owned(&LONG_BEFORE), owned(&LONG_AFTER)),
            Shape::Wide => {
                let each = |id| WIDE_EACH.map(|name| format!("{id}_{name}"));
                (owned(&WIDE_BEFORE), ids.into_iter().flat_map(each).collect())
            }
        };
        Self { before, after, last: (format != Format::Csv).then_some(REPORT) }
    }

    /// Those of a list of changes.
    pub fn of_changes() -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self { before: owned(&LONG_BEFORE), after: owned(&CHANGES_AFTER), last: None }
    }

    /// Whether a column of the output's own is called so.
    pub fn has(&self, name: &str) -> bool {
        self.before.iter().chain(&self.after).any(|own| own == name) || self.last == Some(name)
    }
}

/// That two columns of an output would have one name, in words for a person: `columns` are those that the input turned
/// out to have, which a job with `carry = "*"` does not say. `None` if all is well.
pub fn clashes(job: &Job, columns: &[String]) -> Option<String> {
    let carried = match &job.input.carry {
        Carry::All => columns,
        Carry::Columns(named) => named,
    };
    let twice = carried.iter().enumerate().find(|(at, name)| carried[..*at].contains(name));
    if let Some((_, name)) = twice {
        return Some(format!(
            "the column `{name}` stands twice in the input: rename one of the two there, or name in `carry` those that \
             are to be copied"
        ));
    }
    let ids = || job.steps.iter().map(|step| step.id.as_str());
    job.outputs.iter().find_map(|output| {
        let header =
            if output.changes { Header::of_changes() } else { Header::of(output.shape, output.format, ids()) };
        let taken = |name: &&String| header.has(name) || output.has_chosen(name) || output.may_find(name, ids());
        let name = carried.iter().find(taken)?;
        Some(format!(
            "two columns of {} would be called `{name}`, one of them carried from the input: rename it in the input, or \
             name in `carry` those that are to be copied",
            output.path.display()
        ))
    })
}

impl Output {
    /// Whether it has a column of the job's own choice that is called so; what a list of changes chooses are rows.
    fn has_chosen(&self, name: &str) -> bool {
        !self.changes && self.columns.iter().flatten().any(|column| column_name(&column.name) == name)
    }

    /// Whether a leaf of an answer may be called so, where each that is found becomes a column: after a `/`, and in wide
    /// outputs of several lookups after the lookup's id.
    fn may_find<'a>(&self, name: &str, mut ids: impl Iterator<Item = &'a str> + Clone) -> bool {
        let finds = !self.changes && self.columns.is_none() && self.format == Format::Csv;
        let by_id = self.shape == Shape::Wide && ids.clone().nth(1).is_some();
        finds
            && if by_id {
                ids.any(|id| name.strip_prefix(id).is_some_and(|rest| rest.starts_with('/')))
            } else {
                name.starts_with('/')
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::job::file::parse;
    use std::path::Path;

    /// A job over two lookups that carries everything.
    fn job(outputs: &str) -> Job {
        let text = format!(
            "name = \"a\"\n[input]\npath = \"in.csv\"\ncolumn = \"nr\"\ncarry = \"*\"\n\
             [[lookup]]\nid = \"a\"\nservice = \"creditsafe.getsignatory\"\n\
             [[lookup]]\nid = \"b\"\nservice = \"creditsafe.getsignatory\"\n{outputs}"
        );
        parse(Path::new("/a.toml"), &text, &Settings::with_catalogue_only(), true).unwrap()
    }

    fn clash(job: &Job, columns: &[&str]) -> Option<String> {
        clashes(job, &columns.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn columns_of_the_input_that_an_output_has_already_are_told() {
        let long = "[[output]]\npath = \"x.csv\"\n";
        let wide = "[[output]]\npath = \"y.jsonl\"\nshape = \"wide\"\n";
        let chosen = "columns = [{ name = \"company\", pointer = \"/x\", lookup = \"a\" }]\n";
        let both = job(&format!("{long}{chosen}{wide}"));
        for (name, place) in [
            ("line", "/x.csv"),
            ("outcome", "/x.csv"),
            ("company", "/x.csv"),
            ("row_error", "/y.jsonl"),
            ("b_fetched_at", "/y.jsonl"),
            ("report", "/y.jsonl"),
        ] {
            let told = clash(&both, &["customer_id", name]).unwrap_or_else(|| panic!("{name}"));
            assert!(told.contains(&format!("`{name}`")) && told.contains(place), "{told}");
        }
        assert_eq!(clash(&both, &["customer_id", "b_text", "Outcome", "/report"]), None);
        assert_eq!(clash(&job(long), &["row_error", "report", "a_outcome"]), None);
        assert!(clash(&both, &["note", "customer_id", "note"]).unwrap().contains("`note` stands twice"));
    }

    #[test]
    fn a_column_that_an_answer_may_bring_too_is_told_before_any_is_bought() {
        let long = "[[output]]\npath = \"x.csv\"\n";
        let wide = "[[output]]\npath = \"y.csv\"\nshape = \"wide\"\n";
        let json = "[[output]]\npath = \"z.jsonl\"\n";
        let chosen = "columns = [{ name = \"Namn\u{a0}1\", pointer = \"/x\", lookup = \"a\" }]\n";
        for (outputs, name, clashes) in [
            (long, "/report/companyName", true),
            (long, "a/report", false),
            (wide, "a/report/x", true),
            (wide, "/report/x", false),
            (wide, "c/report/x", false),
            (json, "/report/x", false),
            (&format!("{long}{chosen}"), "/report/x", false),
            (&format!("{long}{chosen}"), "Namn 1", true),
        ] {
            assert_eq!(clash(&job(outputs), &[name]).is_some(), clashes, "{outputs}{name}");
        }
    }

    #[test]
    fn only_what_is_carried_can_clash() {
        let mut job = job("[[output]]\npath = \"x.csv\"\n");
        job.input.carry = Carry::Columns(vec!["customer_id".to_owned()]);
        assert_eq!(clash(&job, &["customer_id", "cost"]), None, "`cost` was read for a parameter");
    }
}
