//! Reading a job file: its shape first, then what its values say about one another, about the catalogue and about the
//! accounts. Everything that is wrong is told at once, and nothing is sent for a file with a problem.

mod outputs;
mod schedule;
mod steps;

use super::{Budget, Carry, Input, Job, MaxBad, Origin, Rules, Tolerate};
use crate::config::{Settings, resolve};
use crate::domain::number::{Accept, AcceptKind};
use crate::domain::pace::{Rate, parse_span};
use crate::domain::template::Template;
use crate::domain::text::column_name;
use crate::problem::{FileError, Problem, Problems, read_text};
use crate::shape::{Document, Item, JOB, View};
use crate::time;
use jiff::civil::Date;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;
use toml::Spanned;
use toml::de::DeValue;

/// Reads and checks a job file.
pub fn load(path: &Path, settings: &Settings) -> Result<Job, FileError> {
    let text = read_text(path)?;
    Ok(parse(path, &text, settings, false)?)
}

/// Checks the text of a job file. With `simulate` an account that is not in the settings is no problem, since the
/// simulator makes it up.
pub fn parse(path: &Path, text: &str, settings: &Settings, simulate: bool) -> Result<Job, Problems> {
    let document = Document::parse(path, text)?;
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let absolute = resolve(Path::new("/"), &absolute);
    let mut reader = Reader {
        folder: absolute.parent().unwrap_or(Path::new("/")),
        settings,
        simulate,
        today: time::stockholm_date(time::now_ms()),
        problems: document.check(&JOB),
        input_unknown: false,
    };
    let view = document.view(&JOB);
    let input = reader.input(&view);
    let mut job = Job {
        name: view.owned("name").unwrap_or_default(),
        text: text.to_owned(),
        description: view.owned("description"),
        purpose: reader.purpose(&view, &input),
        reuse_purposes: view.list("reuse_purposes").iter().map(|item| item.text.to_owned()).collect(),
        retention: reader.retention(&view),
        cost_centre: view.owned("cost_centre"),
        steps: reader.steps(&view, &input),
        rules: rules(&view.table("run")),
        budget: budget(&view.table("budget")),
        schedule: reader.schedule(&view, &input),
        outputs: reader.outputs(&view, &absolute, &input),
        input,
        path: absolute.clone(),
    };
    // Nothing is used again that is not kept any more.
    if let Some(kept) = job.retention.or(settings.privacy.retention) {
        job.steps.iter_mut().for_each(|step| step.reuse = step.reuse.min(kept));
    }
    reader.some_time(&view.table("run"));
    reader.caps(&view);
    reader.prices(&view, &job);
    document.result(reader.problems)?;
    Ok(job)
}

/// What the checks of all parts share.
struct Reader<'a> {
    folder: &'a Path,
    settings: &'a Settings,
    simulate: bool,
    today: Date,
    problems: Vec<Problem>,
    /// Where the numbers are is not said, or not rightly: what follows from it is not told as well.
    input_unknown: bool,
}

impl Reader<'_> {
    fn input(&mut self, job: &View<'_>) -> Input {
        let view = job.table("input");
        let origin = self.origin(job, &view);
        let column = view.text("column").map(column_name);
        let carry = carry(&view);
        self.input_unknown = view.text("path").is_none() && !view.has("numbers");
        let without_columns = matches!(origin, Origin::Numbers(_)) || has_no_columns(&origin);
        if without_columns && !self.input_unknown {
            let (what, otherwise) = if view.has("numbers") {
                ("`numbers` have no columns", "")
            } else {
                ("a txt file has no columns", "; if this one has, let its name end in .tsv (tabs) or .csv")
            };
            for key in ["column", "carry"].into_iter().filter(|key| view.has(key)) {
                let help = format!("remove `{key}`{otherwise}");
                self.problems.push(Problem::new(view.place(key), what).help(help));
            }
        }
        let kind = match view.text("kind") {
            Some("person") => AcceptKind::Person,
            Some("any") => AcceptKind::Any,
            _ => AcceptKind::Organisation,
        };
        if kind != AcceptKind::Organisation {
            self.about_persons(job, view.place("kind"));
        }
        Input {
            origin,
            column,
            accept: Accept {
                kind,
                sole_traders: view.text("sole_traders") != Some("reject"),
                assume_under_100: view.text("century") == Some("assume-under-100"),
            },
            carry,
            min_rows: view.integer("min_rows").unwrap_or(1),
            max_bad: max_bad(&view),
        }
    }

    /// Who asks about persons says why, and for how long the answers are kept.
    fn about_persons(&mut self, job: &View<'_>, at: Range<usize>) {
        let asked = [
            ("purpose", "why the data is asked for: purpose = \"…\""),
            ("retention", "how long it is kept: retention = \"90d\""),
        ];
        let missing: Vec<_> = asked.iter().filter(|(key, _)| !job.has(key) && !job.misspells(key)).collect();
        if missing.is_empty() {
            return;
        }
        let keys: Vec<String> = missing.iter().map(|(key, _)| format!("`{key}`")).collect();
        let (are, they) = if keys.len() == 1 { ("is", "it is") } else { ("are", "they are") };
        let message =
            format!("{} {are} missing: {they} required where kind is person or any", keys.join(" and "));
        let say: Vec<&str> = missing.iter().map(|(_, say)| *say).collect();
        let help = format!("say at the top of the file {}", say.join(", and "));
        self.problems.push(Problem::new(at, message).help(help));
    }

    /// How long what is bought is kept; an answer must not be used again when it is gone.
    fn retention(&mut self, job: &View<'_>) -> Option<Duration> {
        let own = job.has("retention").then(|| job.duration("retention"));
        let kept = own.or(self.settings.privacy.retention)?;
        for lookup in job.tables("lookup").iter().filter(|lookup| lookup.has("reuse")) {
            if lookup.duration("reuse") > kept {
                let whose = if own.is_some() { "`retention`" } else { "`retention` of [privacy]" };
                let message = format!("an answer would be used again for longer than it is kept ({whose})");
                let problem = Problem::new(lookup.place("reuse"), message);
                self.problems.push(problem.help("let `reuse` be `retention` at most"));
            }
        }
        own
    }

    /// A budget that caps nothing was meant to cap something.
    fn caps(&mut self, job: &View<'_>) {
        if job.is_idle("budget") {
            let problem = Problem::new(job.place("budget"), "this budget caps nothing");
            self.problems.push(problem.help("give it `max_calls`, `max_cost`, or both"));
        }
    }

    fn purpose(&mut self, view: &View<'_>, input: &Input) -> Option<Template> {
        let purpose = view.item("purpose")?;
        let template = Template::parse(purpose.text).ok()?;
        if template.last().is_some() {
            let problem = Problem::new(purpose.span, "a purpose names no answer");
            self.problems
                .push(problem.help("it may name columns of the input: \"application {application_id}\""));
            return None;
        }
        for column in template.columns() {
            self.column(column, purpose.span.clone(), input);
        }
        Some(template)
    }

    fn some_time(&mut self, run: &View<'_>) {
        let none = |item: Item<'_>| parse_span(item.text).is_ok_and(|span| span.is_zero());
        if run.item("max_time").is_some_and(none) {
            let problem = Problem::new(run.place("max_time"), "in no time at all nothing could be sent");
            self.problems.push(problem.help("leave `max_time` out, or give it a span such as \"4h\""));
        }
    }

    /// A cap on money over a call without a price would cap nothing.
    fn prices(&mut self, view: &View<'_>, job: &Job) {
        let views = view.tables("lookup");
        let unpriced = job.steps.iter().filter_map(|step| {
            let account = self.settings.accounts.get(&step.account)?;
            let capped = job.budget.limit.max_cost.is_some() || account.caps_cost();
            let view = views.iter().find(|view| view.text("id") == Some(&step.id))?;
            (capped && !step.is_priced(account)).then(|| (view.place("service"), step, account))
        });
        let problems: Vec<Problem> = unpriced
            .map(|(place, step, account)| {
                let service = &step.service.name;
                let message = format!("{}.{service} has no price, and a budget caps its cost", account.name);
                let help = format!(
                    "give it one: [providers.{}] prices = {{ {service} = \"…\" }}, or \"0\" where it is free",
                    account.name
                );
                Problem::new(place, message).help(help)
            })
            .collect();
        self.problems.extend(problems);
    }

    /// Exactly one of `path` and `numbers`.
    fn origin(&mut self, job: &View<'_>, view: &View<'_>) -> Origin {
        match (view.has("path"), view.has("numbers")) {
            (true, true) => {
                let problem = Problem::new(view.place("numbers"), "`path` and `numbers` exclude one another");
                self.problems.push(problem.help("keep one of them"));
            }
            (false, false) if job.has("input") && !view.misspells("path") && !view.misspells("numbers") => {
                let problem = Problem::new(view.header(), "[input] names no numbers");
                self.problems.push(problem.help("give one of `path` (a file) and `numbers` (a list)"));
            }
            _ => {}
        }
        match view.text("path") {
            Some("-") => Origin::Stdin,
            Some(path) => Origin::Path(resolve(self.folder, Path::new(path))),
            None => {
                Origin::Numbers(view.list("numbers").iter().map(|number| number.text.to_owned()).collect())
            }
        }
    }
}

/// Whether the input is a file of one number a line.
fn has_no_columns(origin: &Origin) -> bool {
    let Origin::Path(path) = origin else { return false };
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("txt"))
}

fn carry(view: &View<'_>) -> Carry {
    let columns = view.list("carry");
    if view.text("carry") == Some("*") || columns.iter().any(|column| column.text == "*") {
        return Carry::All;
    }
    let mut names: Vec<String> = Vec::new();
    for name in columns.iter().map(|column| column_name(column.text)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Carry::Columns(names)
}

fn max_bad(view: &View<'_>) -> MaxBad {
    if let Some(DeValue::Integer(_)) = view.value("max_bad").map(Spanned::get_ref) {
        return MaxBad::Count(view.integer("max_bad").unwrap_or_default());
    }
    let text = view.text("max_bad").unwrap_or_default();
    match text.strip_suffix('%') {
        Some(share) => MaxBad::Percent(share.parse().unwrap_or_default()),
        None => MaxBad::Count(text.parse().unwrap_or_default()),
    }
}

fn budget(view: &View<'_>) -> Budget {
    Budget { limit: view.limit(), warn_at: view.percent("warn_at") }
}

fn rules(view: &View<'_>) -> Rules {
    Rules {
        rate: view.text("rate").and_then(|rate| Rate::parse(rate).ok()).unwrap_or(Rate::Unlimited),
        concurrency: view.small("concurrency"),
        attempts: view.small("attempts").unwrap_or(1),
        outage_wait: view.duration("outage_wait"),
        restart: view.text("unfinished") == Some("restart"),
        max_time: view.has("max_time").then(|| view.duration("max_time")),
        oldest: view.text("order") == Some("oldest"),
        low: view.text("priority") == Some("low"),
        tolerate: tolerate(&view.table("tolerate")),
    }
}

fn tolerate(view: &View<'_>) -> Tolerate {
    let most = |key| view.integer(key).unwrap_or_default();
    Tolerate { unknown: most("unknown"), failed: most("failed") }
}

#[cfg(test)]
mod tests;
