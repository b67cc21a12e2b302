//! `[[output]]`: what is written, where, and which columns.

use super::Reader;
use super::steps::carried;
use crate::config::resolve;
use crate::domain::outcome::Outcome;
use crate::job::{Column, Format, Header, Input, Origin, Output, Shape, SubjectForm};
use crate::problem::Problem;
use crate::shape::{View, file_mode, suggestion};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use toml::de::DeValue;

impl Reader<'_> {
    pub(super) fn outputs(&mut self, job: &View<'_>, job_path: &Path, input: &Input) -> Vec<Output> {
        let views = job.tables("output");
        if job.is_empty_list("output") {
            self.problems
                .push(Problem::new(job.place("output"), "there is no output: nothing would be written"));
        }
        let lookups = job.tables("lookup");
        // One without an id is a mistake that is told by itself; here it stands as an empty one.
        let ids: Vec<&str> = lookups.iter().map(|lookup| lookup.text("id").unwrap_or_default()).collect();
        let mut taken = vec![(job_path.to_owned(), "the job file itself")];
        if let Origin::Path(path) = &input.origin {
            taken.push((path.clone(), "the input"));
        }
        let mut outputs: Vec<Output> = Vec::new();
        let mut headers = Vec::new();
        for view in &views {
            let path = resolve(self.folder, Path::new(view.text("path").unwrap_or_default()));
            self.path(view, &path, &taken);
            if taken.iter().all(|(_, what)| *what != "the rejects file of the first output") {
                taken.push((Output::rejects_beside(&path), "the rejects file of the first output"));
            }
            taken.push((path.clone(), "an output already"));
            let format = self.format(view);
            let header = if view.flag("changes") {
                self.changes(view);
                Header::of_changes()
            } else {
                Header::of(shape(view), format.unwrap_or(Format::Csv), ids.iter().copied())
            };
            let columns = view.has("columns").then(|| self.columns(view, &header, &ids, input));
            headers.push((view, header));
            let Some(format) = format else { continue };
            if view.flag("excel") && format != Format::Csv {
                let problem = Problem::new(view.place("excel"), "`excel` is for csv only");
                self.problems.push(problem.help("remove it, or write a csv"));
            }
            outputs.push(Output {
                path,
                format,
                shape: shape(view),
                only: only(view),
                excel: view.flag("excel"),
                subject: subject(view),
                columns,
                changes: view.flag("changes"),
                skipped_last: view.text("skipped") == Some("last"),
                mode: view.text("mode").and_then(|mode| file_mode(mode).ok()).unwrap_or(Output::PRIVATE),
                group: group(view),
            });
        }
        self.carry(&job.table("input"), &headers);
        outputs
    }

    /// A list of changes has one shape, and what is of the call and not of the subject is no change.
    fn changes(&mut self, view: &View<'_>) {
        if shape(view) == Shape::Wide {
            let problem = Problem::new(view.place("shape"), "a list of changes has a row a field");
            self.problems.push(problem.help("remove `shape`, or `changes`"));
        }
        if view.has("skipped") {
            let problem = Problem::new(view.place("skipped"), "what was skipped has not changed");
            self.problems.push(problem.help("remove `skipped`, or `changes`"));
        }
        for column in view.tables("columns") {
            let Some(pointer) = column.item("pointer").filter(|item| item.text.starts_with("/metaData"))
            else {
                continue;
            };
            let problem = Problem::new(pointer.span, "`metaData` tells of the call, and is never compared");
            self.problems
                .push(problem.help("choose a field of the answer itself, such as \"/report/companyName\""));
        }
    }

    /// A carried column may not be called like one that an output has of its own.
    fn carry(&mut self, input: &View<'_>, outputs: &[(&View<'_>, Header)]) {
        for column in input.list("carry") {
            let Some((output, _)) = outputs.iter().find(|(_, header)| header.has(column.text)) else {
                continue;
            };
            let path = output.text("path").unwrap_or_default();
            let message =
                format!("the column `{}` is one that every row of {path} has of its own", column.text);
            let problem = Problem::new(column.span, message);
            self.problems.push(problem.help("rename it in the input, or leave it out of `carry`"));
        }
    }

    fn path(&mut self, view: &View<'_>, path: &Path, taken: &[(PathBuf, &str)]) {
        let Some(given) = view.item("path") else { return };
        if let Some((_, what)) = taken.iter().find(|(other, _)| other == path) {
            let problem = Problem::new(given.span, format!("this path is {what}"));
            self.problems.push(problem.help("give each output a path of its own"));
        }
    }

    /// `format`, else from the ending; `None` if neither tells.
    fn format(&mut self, view: &View<'_>) -> Option<Format> {
        let path = view.item("path");
        let name = path.as_ref().map(|path| path.text.to_lowercase()).unwrap_or_default();
        if name.ends_with(".parquet") && view.item("format").is_none_or(|format| format.text != "parquet") {
            let problem = Problem::new(view.place("path"), "parquet is not yet built");
            self.problems.push(problem.help("this version writes .csv, .json and .jsonl"));
            return None;
        }
        if let Some(format) = view.item("format") {
            return match format.text {
                "csv" => Some(Format::Csv),
                "json" => Some(Format::Json),
                "jsonl" => Some(Format::JsonLines),
                _ => None,
            };
        }
        let path = path?;
        let ending = Path::new(&name).extension().and_then(|ending| ending.to_str());
        match ending {
            Some("csv") => Some(Format::Csv),
            Some("json") => Some(Format::Json),
            Some("jsonl" | "ndjson") => Some(Format::JsonLines),
            _ => {
                let problem = Problem::new(path.span, "the format cannot be told from this ending");
                self.problems.push(problem.help("end it in .csv, .json or .jsonl, or give `format`"));
                None
            }
        }
    }

    fn columns(&mut self, output: &View<'_>, header: &Header, ids: &[&str], input: &Input) -> Vec<Column> {
        let wide = shape(output) == Shape::Wide && !output.flag("changes");
        let views = output.tables("columns");
        self.columns_as_text(output, header, ids, input);
        if output.is_empty_list("columns") {
            let problem = Problem::new(output.place("columns"), "this list is empty");
            self.problems.push(problem.help("remove `columns` to have every leaf that is found"));
        }
        let mut names = HashSet::new();
        let mut columns = Vec::new();
        for view in &views {
            if let Some(name) = view.item("name") {
                let problem = if !names.insert(name.text) {
                    Some("stands twice")
                } else if output.flag("changes") {
                    None
                } else if header.has(name.text) {
                    Some("is one that every row has")
                } else if carried(input).iter().any(|column| column == name.text) {
                    Some("is carried from the input already")
                } else {
                    None
                };
                let problem =
                    problem.map(|what| Problem::new(name.span, format!("the column `{}` {what}", name.text)));
                self.problems.extend(problem.map(|problem| problem.help("give it another name")));
            }
            self.column_lookup(view, wide, ids);
            columns.push(Column {
                name: view.owned("name").unwrap_or_default(),
                pointer: view.owned("pointer").unwrap_or_default(),
                lookup: view.owned("lookup"),
            });
        }
        columns
    }

    /// Columns that are given as texts: the problem is told already, and here is how each is written.
    fn columns_as_text(&mut self, output: &View<'_>, header: &Header, ids: &[&str], input: &Input) {
        let Some(value) = output.value("columns") else { return };
        let listed = value.get_ref().as_array().into_iter().flat_map(|list| list.iter());
        let mut names: Vec<String> = Vec::new();
        for element in listed.chain([value]) {
            let DeValue::String(text) = element.get_ref() else { continue };
            let told = self.problems.iter_mut().find(|problem| problem.span == element.span());
            let Some(problem) = told else { continue };
            let changes = output.flag("changes");
            let taken = |name: &str| {
                let carried = || carried(input).iter().any(|column| column == name);
                let given =
                    || output.tables("columns").iter().any(|column| column.text("name") == Some(name));
                names.iter().any(|other| other == name)
                    || given()
                    || !changes && (header.has(name) || carried())
            };
            let column = meant(text, taken);
            let wide = shape(output) == Shape::Wide && !changes && ids.len() > 1 && !ids.contains(&"");
            let (lookup, others) = match ids.split_first() {
                Some((first, others)) if wide => (format!(", lookup = \"{first}\""), others),
                _ => (String::new(), &[][..]),
            };
            let others: Vec<String> = others.iter().map(|id| format!(", or lookup = \"{id}\"")).collect();
            let quoted = |text: &str| toml::Value::from(text).to_string();
            let (name, pointer) = (quoted(&column.name), quoted(&column.pointer));
            let help =
                format!("write it as [{{ name = {name}, pointer = {pointer}{lookup} }}]{}", others.concat());
            problem.help = Some(help);
            names.push(column.name);
        }
    }

    fn column_lookup(&mut self, view: &View<'_>, wide: bool, ids: &[&str]) {
        match view.item("lookup") {
            // Which lookups there are is not known where one has no id, or none could be read.
            Some(_) if ids.is_empty() || ids.contains(&"") => {}
            Some(lookup) if !ids.contains(&lookup.text) => {
                let problem =
                    Problem::new(lookup.span, format!("there is no lookup `{}` in this job", lookup.text));
                self.problems.push(problem.help(suggestion(lookup.text, ids.iter().copied())));
            }
            None if wide && ids.len() > 1 && !view.has("lookup") => {
                let message = "a column of a wide output must say whose answer it is from";
                let choice: Vec<_> = ids.iter().map(|id| format!("lookup = \"{id}\"")).collect();
                self.problems
                    .push(Problem::new(view.header(), message).help(format!("add {}", choice.join(" or "))));
            }
            _ => {}
        }
    }
}

/// The column that somebody means who gives a text for it: a pointer, its names with dots between, or a name. `taken` are names
/// that others have.
fn meant(text: &str, taken: impl Fn(&str) -> bool) -> Column {
    let text = text.trim();
    let text = if text.trim_matches(['/', '.']).is_empty() { "companyName" } else { text };
    let mut parts: Vec<String> = match text.strip_prefix('/') {
        Some(path) => path.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect(),
        None => text.split(['.', '/']).map(str::to_owned).collect(),
    };
    if !text.starts_with('/') && parts.first().is_none_or(|first| first != "report") {
        parts.insert(0, "report".to_owned());
    }
    let escaped: Vec<String> = parts.iter().map(|part| part.replace('~', "~0").replace('/', "~1")).collect();
    let pointer = format!("/{}", escaped.join("/"));
    let last = parts.iter().rposition(|part| !part.trim().is_empty()).unwrap_or(0);
    let names = (0..=last).rev().map(|from| parts[from..=last].join("_"));
    let whole = parts[..=last].join("_");
    let numbered = (2..).map(|number| format!("{whole}_{number}"));
    let name = names.chain(numbered).find(|name| !name.trim().is_empty() && !taken(name)).unwrap_or(whole);
    Column { name, pointer, lookup: None }
}

fn shape(view: &View<'_>) -> Shape {
    if view.text("shape") == Some("wide") { Shape::Wide } else { Shape::Long }
}

fn only(view: &View<'_>) -> Option<Vec<Outcome>> {
    let words = view.has("only").then(|| view.list("only"))?;
    Some(words.iter().filter_map(|word| Outcome::parse(word.text)).collect())
}

fn group(view: &View<'_>) -> Option<String> {
    let number = || view.integer("group").map(|number| number.to_string());
    view.owned("group").or_else(number)
}

fn subject(view: &View<'_>) -> SubjectForm {
    match view.text("subject") {
        Some("masked") => SubjectForm::Masked,
        Some("digest") => SubjectForm::Digest,
        _ => SubjectForm::Full,
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Settings;
    use crate::job::file::parse;
    use std::path::Path;

    /// What is proposed for a text where a column belongs is what a job may say.
    #[test]
    fn a_column_given_as_text_is_proposed_as_one_that_is_taken() {
        const LOOKUPS: [&str; 2] = [
            "[[lookup]]\nid = \"a\"\nservice = \"creditsafe.getsignatory\"\n",
            "[[lookup]]\nid = \"b\"\nservice = \"creditsafe.getsignatory\"\n",
        ];
        let read = |lookups: usize, output: &str| {
            let text = format!(
                "name = \"a\"\n[input]\npath = \"in.csv\"\ncolumn = \"nr\"\ncarry = [\"city\"]\n{}[[output]]\npath = \"x.csv\"\n{output}",
                LOOKUPS[..lookups].concat()
            );
            parse(Path::new("/a.toml"), &text, &Settings::with_catalogue_only(), true)
        };
        let outputs = [
            "shape = \"wide\"\n",
            "",
            "changes = true\n",
            "format = \"jsonl\"\n",
            "format = \"jsonl\"\nshape = \"wide\"\n",
        ];
        let texts = [
            "companyName",
            "address.city",
            "/report/address/city",
            "report.cost",
            "line",
            "lookup",
            "cost",
            "a_cost",
            "report",
            "field",
            "",
            "/",
            " ",
            "a~b",
            "/a~1b/c",
            "quo\\\"ted",
            "åäö",
            "text/",
            "x..y",
            "~",
        ];
        for lookups in [1, 2] {
            for output in outputs {
                for text in texts {
                    for form in [format!("columns = [\"{text}\"]"), format!("columns = \"{text}\"")] {
                        let problems = read(lookups, &format!("{output}{form}")).unwrap_err();
                        let [problem] = problems.list.as_slice() else { panic!("{problems}") };
                        let help = problem.help.as_deref().unwrap_or_default();
                        let form = help
                            .strip_prefix("write it as ")
                            .and_then(|rest| Some(&rest[..=rest.rfind(']')?]));
                        let form = form.unwrap_or_else(|| panic!("{problems}"));
                        let mended = read(lookups, &format!("{output}columns = {form}"));
                        let others = help.ends_with(", or lookup = \"b\"");
                        assert_eq!(others, lookups == 2 && output.contains("wide"), "{help}");
                        assert!(mended.is_ok(), "{text}: {form}\n{}", mended.unwrap_err());
                    }
                }
            }
        }
        // Several at once are told each in its own form, no two by one name.
        let problems =
            read(2, "shape = \"wide\"\ncolumns = [\"a.name\", \"b.name\"]").unwrap_err().to_string();
        for form in [
            "name = \"name\", pointer = \"/report/a/name\", lookup = \"a\"",
            "name = \"b_name\", pointer = \"/report/b/name\", lookup = \"a\"",
        ] {
            assert!(problems.contains(form), "{problems}");
        }
    }

    #[test]
    fn a_list_of_changes_has_its_own_columns_and_one_shape() {
        let read = |output: &str| {
            let text = format!(
                "name = \"a\"\n[input]\npath = \"in.csv\"\ncolumn = \"nr\"\ncarry = [\"cost\"]\n\
                 [[lookup]]\nid = \"a\"\nservice = \"creditsafe.getsignatory\"\n\
                 [[output]]\npath = \"x.csv\"\nchanges = true\n{output}"
            );
            parse(Path::new("/a.toml"), &text, &Settings::with_catalogue_only(), true)
        };
        let chosen = |name, pointer| format!("columns = [{{ name = \"{name}\", pointer = \"{pointer}\" }}]");
        assert!(read("").unwrap().outputs[0].changes, "`cost` is carried, and no column of such a list");
        assert!(read(&chosen("change", "/report/a")).is_ok(), "a name is a cell, and no column");
        for (output, said) in [
            ("shape = \"wide\"", "a row a field"),
            ("skipped = \"last\"", "has not changed"),
            (chosen("a", "/metaData/apiLogId").as_str(), "never compared"),
        ] {
            let problems = read(output).unwrap_err().to_string();
            assert!(problems.contains(said), "{problems}");
        }
    }
}
