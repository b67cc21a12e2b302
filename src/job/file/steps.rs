//! `[[lookup]]`: each against the catalogue and the accounts.

use super::Reader;
use crate::config::catalogue::{CodeForm, Condition, Is, Param, Pointer, Service, check_value};
use crate::domain::outcome::{Outcome, Outcomes};
use crate::domain::template::{PLACES, Template};
use crate::job::when::{First, Test, When};
use crate::job::{Carry, Input, OnUnknown, Origin, Step};
use crate::problem::Problem;
use crate::shape::{Item, View, known_here, nearest, suggestion};
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;
use toml::de::DeValue;

impl Reader<'_> {
    pub(super) fn steps(&mut self, job: &View<'_>, input: &Input) -> Vec<Step> {
        let lookups = job.tables("lookup");
        if job.is_empty_list("lookup") {
            self.problems
                .push(Problem::new(job.place("lookup"), "there is no lookup: nothing would be asked"));
        }
        let mut ids = HashSet::new();
        let mut steps = Vec::new();
        for view in &lookups {
            if let Some(id) = view.item("id").filter(|id| !ids.insert(id.text)) {
                let problem = Problem::new(id.span, format!("the lookup id `{}` stands twice", id.text));
                self.problems.push(problem.help("give each lookup an id of its own"));
            }
            steps.extend(self.step(view, input));
        }
        self.links(&lookups, &mut steps);
        steps
    }

    fn step(&mut self, view: &View<'_>, input: &Input) -> Option<Step> {
        let (account, service) = self.service(&view.item("service")?)?;
        Some(Step {
            id: view.owned("id").unwrap_or_default(),
            account,
            params: self.params(view, &service, input),
            service,
            letters: view.flag("letters"),
            on_unknown: if view.text("on_unknown") == Some("retry") {
                OnUnknown::Retry
            } else {
                OnUnknown::Park
            },
            reuse: view.duration("reuse"),
            reuse_outcomes: match view.list("reuse_outcomes") {
                given if given.is_empty() => Outcomes::default(),
                given => given.iter().filter_map(|outcome| Outcome::parse(outcome.text)).collect(),
            },
            when: Vec::new(),
            first: match view.item("first").map(|first| first.text) {
                Some("skip") => Some(First::Skip),
                Some(_) => Some(First::Buy),
                None => None,
            },
        })
    }

    /// What lookups say of one another: conditions, and days of newest answers. One whose service is misspelt is no step, and
    /// what is said of it is not told as well.
    fn links(&mut self, lookups: &[View<'_>], steps: &mut [Step]) {
        let ids: Vec<&str> = lookups.iter().map(|view| view.text("id").unwrap_or_default()).collect();
        for (above, view) in lookups.iter().enumerate() {
            let Some(at) = steps.iter().position(|step| view.text("id") == Some(&step.id)) else { continue };
            let list = view.value("when").and_then(|when| when.get_ref().as_array());
            if list.is_some_and(|list| list.is_empty()) {
                let problem =
                    Problem::new(view.place("when"), "this list is empty, and would be met by every row");
                self.problems.push(problem.help("remove it, or say what must hold"));
            }
            let conditions: Vec<When> = view
                .tables("when")
                .iter()
                .filter_map(|when| self.condition(when, ids.split_at(above), steps))
                .collect();
            steps[at].when = conditions;
            self.last(view, at, (&ids, steps));
            let mut gates = steps[at].when.iter().filter_map(|when| steps[when.step].last());
            if view.has("first") && steps[at].last().is_none() && gates.next().is_none() {
                let message =
                    "`first` is about the day of an answer, and this lookup has nothing to do with one";
                let help =
                    "remove it; it goes with params such as { referencedate = \"{last:report:date}\" }";
                self.problems.push(Problem::new(view.place("first"), message).help(help));
            }
        }
    }

    fn condition(
        &mut self,
        view: &View<'_>,
        (above, below): (&[&str], &[&str]),
        steps: &[Step],
    ) -> Option<When> {
        let named = view.item("lookup")?;
        // A lookup without an id is a mistake of its own, and may be the one that is meant.
        if above.contains(&"") && !above.contains(&named.text) {
            return None;
        }
        if !above.contains(&named.text) {
            let (message, help) = if below.contains(&named.text) {
                let message = format!("`{}` does not come before this lookup", named.text);
                (message, "a condition is about a lookup that stands above: move one of the two".to_owned())
            } else {
                let help = suggestion(named.text, above.iter().copied());
                (format!("there is no lookup `{}`", named.text), help)
            };
            self.problems.push(Problem::new(named.span, message).help(help));
            return None;
        }
        let test = self.test(view);
        if !["outcome", "code", "pointer"].into_iter().any(|key| view.has(key)) {
            let problem = Problem::new(view.header(), "this condition says nothing of what must hold");
            self.problems.push(problem.help("such as outcome = [\"hit\"]"));
        }
        Some(When {
            step: steps.iter().position(|step| step.id == named.text)?,
            outcomes: view.list("outcome").iter().filter_map(|word| Outcome::parse(word.text)).collect(),
            codes: view.list("code").iter().map(|code| CodeForm::new(code.text)).collect(),
            test,
        })
    }

    fn test(&mut self, view: &View<'_>) -> Option<Test> {
        let pointer = view.owned("pointer").map(Pointer);
        let tests = ["is", "equals", "any_of"].into_iter().filter(|key| view.has(key)).count();
        if tests != usize::from(pointer.is_some()) {
            let message = "`pointer` goes with exactly one of `is`, `equals` and `any_of`";
            let help = "such as pointer = \"/report/changes\", is = \"non-empty\"";
            self.problems.push(Problem::new(view.header(), message).help(help));
            return None;
        }
        let pointer = pointer?;
        if view.has("any_of") {
            let list = view.value("any_of").and_then(|list| list.get_ref().as_array());
            let words = list.into_iter().flat_map(|list| list.iter());
            return Some(Test::AnyOf(pointer, words.filter_map(|word| scalar(word.get_ref())).collect()));
        }
        let is = match (view.text("is"), view.value("equals").and_then(|value| scalar(value.get_ref()))) {
            (Some("empty"), _) => Is::Empty,
            (Some("non-empty"), _) => Is::NonEmpty,
            (Some("present"), _) => Is::Present,
            (Some("absent"), _) => Is::Absent,
            (_, equals) => Is::Equals(equals?),
        };
        Some(Test::Is(Condition { pointer, is }))
    }

    /// `{last:ID:date}` names one other lookup of the job, which names none itself.
    fn last(&mut self, view: &View<'_>, at: usize, (ids, steps): (&[&str], &[Step])) {
        let named: Vec<&str> = steps[at].params.iter().filter_map(|(_, value)| value.last()).collect();
        let Some(id) = named.first() else { return };
        let place = view.place("params");
        let known = steps.iter().filter(|step| step.id != steps[at].id && step.last().is_none());
        let problem = match steps.iter().find(|step| step.id == *id) {
            _ if named.iter().any(|other| other != id) => {
                Problem::new(place, "the `{last:…}` of a lookup must all name the same one")
            }
            None if ids.contains(id) => return,
            None => Problem::new(place, format!("`{{last:{id}:date}}`: there is no lookup `{id}`"))
                .help(suggestion(id, known.map(|step| step.id.as_str()))),
            Some(step) if step.id == steps[at].id => {
                Problem::new(place, format!("`{{last:{id}:date}}` names the lookup itself"))
                    .help("name the lookup that is bought where something has changed")
            }
            Some(step) if step.last().is_some() => Problem::new(
                place,
                format!("`{{last:{id}:date}}`: `{id}` names a day of another answer itself"),
            ),
            Some(_) => return,
        };
        self.problems.push(problem);
    }

    /// The account and the service of a reference; both must be there.
    fn service(&mut self, reference: &Item<'_>) -> Option<(String, Arc<Service>)> {
        let settings = self.settings;
        let Some((provider, service)) = settings.catalogue.service(reference.text) else {
            let help = match settings.catalogue.suggestion(reference.text) {
                Some(near) => format!("did you mean `{near}`?"),
                None => known_here(settings.catalogue.references().iter().map(String::as_str)),
            };
            let problem = Problem::new(reference.span.clone(), "there is no such service in the catalogue");
            self.problems.push(problem.help(help));
            return None;
        };
        if !self.simulate && !settings.accounts.contains_key(&provider.name) {
            let message = format!("there is no account at {} in the configuration", provider.name);
            let help = match &settings.path {
                Some(path) => format!("add [providers.{}] to {}", provider.name, path.display()),
                None => format!(
                    "no orgpull.toml was found here, in config/ or in the user's configuration folder: write one with [providers.{}], or run with --simulate",
                    provider.name
                ),
            };
            // Of an account that several lookups miss it is told once.
            if !self.problems.iter().any(|problem| problem.message == message) {
                self.problems.push(Problem::new(reference.span.clone(), message).help(help));
            }
        }
        Some((provider.name.clone(), Arc::clone(service)))
    }

    /// The parameters in the catalogue's order.
    fn params(&mut self, view: &View<'_>, service: &Service, input: &Input) -> Vec<(String, Template)> {
        let entries = view.entries("params");
        for (name, _) in &entries {
            self.param_name(name, service);
        }
        let mut params = Vec::new();
        for param in &service.params {
            match entries.iter().find(|(name, _)| name.text == param.name) {
                Some((_, value)) => {
                    params.extend(self.param(param, value, input).map(|value| (param.name.clone(), value)));
                }
                None if param.required => {
                    let message = format!("`{}` needs the parameter `{}`", service.name, param.name);
                    let place = if view.has("params") { view.place("params") } else { view.place("service") };
                    let help = format!("params = {{ {} = \"…\" }}: {}", param.name, param.description);
                    self.problems.push(Problem::new(place, message).help(help));
                }
                None => {}
            }
        }
        params
    }

    fn param_name(&mut self, name: &Item<'_>, service: &Service) {
        let (message, help) = if service.fills_by_itself(name.text) {
            let message = format!("`{}` is filled in by orgpull for each row", name.text);
            (message, "remove it".to_owned())
        } else if service.param(name.text).is_none() {
            let known = service.params.iter().map(|param| param.name.as_str());
            (format!("`{}` has no parameter `{}`", service.name, name.text), suggestion(name.text, known))
        } else {
            return;
        };
        self.problems.push(Problem::new(name.span.clone(), message).help(help));
    }

    /// A parameter's value; one that needs no row is checked here rather than for each row.
    fn param(&mut self, param: &Param, value: &Spanned<DeValue<'_>>, input: &Input) -> Option<Template> {
        let template = Template::parse(&scalar(value.get_ref())?).ok()?;
        for column in template.columns() {
            self.column(column, value.span(), input);
        }
        if template.columns().next().is_none() && template.last().is_none() {
            let checked = template.fill(self.today, None, |_| None).map_err(|error| error.to_string());
            match checked.and_then(|filled| check_value(param, &filled, self.today)) {
                Ok(sent) if sent.is_empty() => {
                    let problem = Problem::new(value.span(), format!("`{}` is empty", param.name));
                    self.problems.push(problem.help("remove it, or give it a value"));
                }
                Ok(_) => {}
                Err(reason) => {
                    let problem = Problem::new(value.span(), format!("`{}` {reason}", param.name));
                    self.problems.push(problem.help(param.description.clone()));
                }
            }
        }
        Some(template)
    }

    /// A column that a parameter names must be one that the input can have.
    pub(super) fn column(&mut self, column: &str, span: Range<usize>, input: &Input) {
        let message = if self.input_unknown {
            return;
        } else if matches!(input.origin, Origin::Numbers(_)) {
            format!("`{{{column}}}` is a column of the input, and `numbers` have none")
        } else if super::has_no_columns(&input.origin) {
            format!("`{{{column}}}` is a column of the input, and a txt file has none")
        } else if input.column.as_deref() == Some(column) {
            // It is not kept beside the number itself, so that no number ends up among the parameters.
            format!("`{{{column}}}` is the number's own column, which orgpull sends by itself")
        } else {
            return;
        };
        let near = nearest(column, PLACES).map(|near| format!("did you mean `{{{near}}}`?"));
        let help = near
            .unwrap_or_else(|| "`{today}`, `{today-30d}` and `{last:LOOKUP:date}` need no column".to_owned());
        self.problems.push(Problem::new(span, message).help(help));
    }
}

/// A parameter's value as text.
fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Datetime(date) => Some(date.to_string()),
        DeValue::Float(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// The columns that the outputs will have from the input.
pub(super) fn carried(input: &Input) -> &[String] {
    match &input.carry {
        Carry::Columns(columns) => columns,
        Carry::All => &[],
    }
}
