//! `[answer]` and `[[rule]]`: how answers are read, and what no rule can say.

use crate::config::catalogue::{
    CodeForm, Condition, Is, Meaning, Pointer, Rule, Rules, Statuses, is_doubtful, is_protocol,
};
use crate::domain::outcome::Outcome;
use crate::problem::Problem;
use crate::shape::{Item, View};
use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use toml::de::DeValue;

/// Every status that an answer can have.
const ALL: RangeInclusive<u16> = 100..=599;

/// A rule with the place that it is told by.
#[derive(Clone)]
pub(super) struct Placed {
    rule: Rule,
    span: Range<usize>,
}

impl Placed {
    pub(super) fn rule(&self) -> &Rule {
        &self.rule
    }
}

/// The rules of a table, each by itself.
pub(super) fn rules(view: &View<'_>, problems: &mut Vec<Problem>) -> Vec<Placed> {
    view.tables("rule").iter().filter_map(|view| rule(view, problems)).collect()
}

/// Where things stand: each key of the service's own table, else of the provider's.
pub(super) fn places(own: &View<'_>, outer: &View<'_>) -> Rules {
    let view = |key: &str| if own.has(key) { own } else { outer };
    let all = |key: &str| texts(view(key), key).iter().map(|item| Pointer(item.text.to_owned())).collect();
    let one = |key: &str| view(key).owned(key).map(Pointer);
    Rules {
        list: Vec::new(),
        code: all("code"),
        text: all("text"),
        report: one("report"),
        log_id: one("log_id"),
        letter: one("letter"),
        transactionid: all("transactionid"),
        number: all("number"),
        renews: false,
    }
}

/// One text, or those of a list.
pub(super) fn texts<'t>(view: &View<'t>, key: &str) -> Vec<Item<'t>> {
    view.item(key).map_or_else(|| view.list(key), |item| vec![item])
}

fn rule(view: &View<'_>, problems: &mut Vec<Problem>) -> Option<Placed> {
    let statuses = statuses(view, problems);
    let meaning = Meaning::parse(view.text("outcome")?)?;
    if view.flag("billed") && !meaning.can_be_billed() {
        let message = "what was refused unprocessed is not billed";
        problems.push(Problem::new(view.place("billed"), message).help("remove `billed`"));
    }
    let rule = Rule {
        statuses,
        codes: texts(view, "code").iter().map(|item| CodeForm::new(item.text)).collect(),
        condition: condition(view, problems),
        meaning,
        billed: meaning.can_be_billed() && (!view.has("billed") || view.flag("billed")),
        as_code: view.owned("as_code"),
        about: view.owned("about"),
    };
    Some(Placed { rule, span: view.place("status") })
}

fn condition(view: &View<'_>, problems: &mut Vec<Problem>) -> Option<Condition> {
    let is = match (view.text("is"), view.value("equals").map(toml::Spanned::get_ref)) {
        (Some("empty"), None) => Some(Is::Empty),
        (Some("non-empty"), None) => Some(Is::NonEmpty),
        (Some("present"), None) => Some(Is::Present),
        (Some("absent"), None) => Some(Is::Absent),
        (None, Some(DeValue::String(text))) => Some(Is::Equals(text.to_string())),
        (None, Some(DeValue::Integer(number))) => Some(Is::Equals(number.to_string())),
        (None, Some(DeValue::Boolean(flag))) => Some(Is::Equals(flag.to_string())),
        _ => None,
    };
    let given = |key: &str| view.has(key);
    if given("pointer") != (given("is") || given("equals")) || given("is") && given("equals") {
        let message = "`pointer` goes with exactly one of `is` and `equals`";
        problems
            .push(Problem::new(view.header(), message).help("such as pointer = \"/items\", is = \"empty\""));
    }
    Some(Condition { pointer: Pointer(view.owned("pointer")?), is: is? })
}

fn statuses(view: &View<'_>, problems: &mut Vec<Problem>) -> Statuses {
    let Some(value) = view.value("status") else { return Statuses::default() };
    let mut ranges = Vec::new();
    let listed = value.get_ref().as_array().into_iter().flat_map(|array| array.iter());
    for value in listed.chain(std::iter::once(value).filter(|value| !value.get_ref().is_array())) {
        let range = match value.get_ref() {
            DeValue::Integer(number) => number.to_string().parse().ok().map(|status: u16| status..=status),
            DeValue::String(text) => range(text),
            _ => continue,
        };
        match range
            .filter(|range| ALL.contains(range.start()) && ALL.contains(range.end()) && !range.is_empty())
        {
            Some(range) => ranges.push(range),
            None if value.get_ref().is_str() => {
                let message = "this is no HTTP status, from 100 to 599";
                problems
                    .push(Problem::new(value.span(), message).help("such as 404, \"4xx\" or \"400-422\""));
            }
            None => {}
        }
    }
    Statuses(ranges)
}

/// `404`, `4xx`, `400-422`.
fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let number = |text: &str| text.trim().parse::<u16>().ok();
    if let Some(hundred) = text.strip_suffix("xx") {
        let first = number(hundred)?.checked_mul(100)?;
        return Some(first..=first.checked_add(99)?);
    }
    match text.split_once('-') {
        Some((first, last)) => Some(number(first)?..=number(last)?),
        None => number(text).map(|status| status..=status),
    }
}

/// Tells what rules can never match, in the lists of all services: a provider's rule may serve one of them only.
#[derive(Default)]
pub(super) struct Reach(BTreeMap<(usize, usize), Option<String>>);

impl Reach {
    /// Notes which rules of a service's list can match, and tells where none is for success.
    pub(super) fn service(
        &mut self,
        list: &[Placed],
        has_code: bool,
        service: &View<'_>,
        problems: &mut Vec<Problem>,
    ) {
        let mut success = false;
        for (at, placed) in list.iter().enumerate() {
            let dead = why_dead(list, at, has_code);
            success |= dead.is_none() && reached(&placed.rule).any(|status| status < 300);
            let told = self.0.entry((placed.span.start, placed.span.end)).or_insert_with(|| dead.clone());
            if dead.is_none() {
                *told = None;
            }
        }
        if !success {
            let message = "this service has no rule for 2xx: no answer of it could ever be used";
            let help = "such as [[service.rule]] with status = \"2xx\" and outcome = \"hit\"";
            problems.push(Problem::new(service.header(), message).help(help));
        }
    }

    /// The rules that match in no service's list.
    pub(super) fn report(self, problems: &mut Vec<Problem>) {
        problems.extend(self.0.into_iter().filter_map(|((start, end), why)| {
            Some(Problem::new(start..end, "this rule can never match").help(why?))
        }));
    }
}

/// Why a rule of a list can never match, if it cannot.
fn why_dead(list: &[Placed], at: usize, has_code: bool) -> Option<String> {
    let rule = &list[at].rule;
    // No status at all is told as such.
    if rule.statuses.0.is_empty() {
        return None;
    }
    if !rule.codes.is_empty() && !has_code {
        return Some("tell in [answer] where the code stands: code = \"/…\"".to_owned());
    }
    if says_the_same(rule) {
        return None;
    }
    if ALL.filter(|status| rule.statuses.contains(*status)).all(is_protocol) {
        return Some(
            "429 is always a pause, 503 was never carried out, and a 1xx or 3xx is no answer: remove it"
                .to_owned(),
        );
    }
    let mut reached = reached(rule).peekable();
    if reached.peek().is_none() {
        return Some(
            "after such a status a request may have been carried out and billed: name a `code` or a `pointer` that \
             says otherwise, or remove it"
                .to_owned(),
        );
    }
    let covered = |status: u16| match rule.codes.as_slice() {
        [] => list[..at].iter().any(|earlier| takes_all(&earlier.rule, rule, status, None)),
        codes => codes
            .iter()
            .all(|code| list[..at].iter().any(|earlier| takes_all(&earlier.rule, rule, status, Some(code)))),
    };
    reached.all(covered).then(|| {
        "an earlier rule takes all that this one is for: put this one above it, or narrow the earlier one"
            .to_owned()
    })
}

/// Whether a rule says of a status only what is so without it.
fn says_the_same(rule: &Rule) -> bool {
    let only = |is: fn(u16) -> bool| ALL.filter(|status| rule.statuses.contains(*status)).all(is);
    match rule.meaning {
        Meaning::Throttled => only(|status| status == 429),
        Meaning::Unavailable => only(|status| status == 503),
        Meaning::Fault => only(|status| (300..400).contains(&status)),
        _ => false,
    }
}

/// The statuses at which a rule is asked at all.
fn reached(rule: &Rule) -> impl Iterator<Item = u16> {
    let doubt = rule.overrules_doubt();
    ALL.filter(move |status| {
        rule.statuses.contains(*status) && !is_protocol(*status) && (doubt || !is_doubtful(*status))
    })
}

/// Whether an earlier rule leaves nothing of a status (and code) to a later one.
fn takes_all(earlier: &Rule, later: &Rule, status: u16, code: Option<&CodeForm>) -> bool {
    let reports = |rule: &Rule| matches!(rule.meaning, Meaning::Answer(Outcome::Hit | Outcome::Partial));
    let codes = earlier.codes.is_empty()
        || code.is_some_and(|code| earlier.codes.iter().any(|form| form.covers(code)));
    earlier.statuses.contains(status)
        && (earlier.overrules_doubt() || !is_doubtful(status))
        && codes
        && (earlier.condition.is_none() || earlier.condition == later.condition)
        && (!reports(earlier) || reports(later))
}
