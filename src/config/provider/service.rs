//! `[[service]]` and `[[service.param]]`.

use super::request;
use super::rules::{self, Placed, Reach};
use crate::config::catalogue::{
    Dialect, Digits, Fallback, Fill, MaxAge, Param, ParamKind, Pattern, Piece, REQUESTOR, Service,
    check_value,
};
use crate::problem::Problem;
use crate::shape::View;
use jiff::civil::Date;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

/// How the answers of a provider's services are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Generic,
    Dnb,
    Creditsafe,
}

/// Names that may stand once.
#[derive(Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    pub(super) fn see(&mut self, view: &View<'_>, what: &str, problems: &mut Vec<Problem>) {
        let Some(name) = view.item("name") else { return };
        if !self.0.insert(name.text.to_owned()) {
            let span: Range<usize> = name.span;
            problems.push(Problem::new(span, format!("the {what} `{}` stands twice", name.text)));
        }
    }
}

/// What a service has from its provider.
pub(super) struct Provided<'v> {
    pub(super) family: Family,
    /// Where things stand in answers.
    pub(super) answer: View<'v>,
    pub(super) rules: Vec<Placed>,
    /// Whether it logs in, so that a token can expire.
    pub(super) renews: bool,
    pub(super) requestor_header: Option<String>,
}

pub(super) fn service(
    view: &View<'_>,
    provided: &Provided<'_>,
    reach: &mut Reach,
    problems: &mut Vec<Problem>,
) -> Service {
    if view.item("health").is_some_and(|path| !path.text.starts_with('/')) {
        problems.push(Problem::new(view.place("health"), "a path below the base address begins with `/`"));
    }
    let kinds = ["organisation", "sole_trader", "person"];
    let [organisation, sole_trader, person] = kinds.map(|key| digits(view, key, problems));
    if !kinds.iter().any(|key| view.has(key)) {
        let message =
            "this service takes no kind of number: one of `organisation`, `sole_trader`, `person` is missing";
        problems.push(Problem::new(view.header(), message));
    }
    let mut params = params(view, problems);
    let needs_requestor = requestor(view, provided, &mut params, problems);
    let block_param = block(view, &params, problems);
    let personal = sole_trader.is_some() || person.is_some();
    let mut asked = request::read(view, &params, personal, problems);
    if let Some(header) = provided.requestor_header.as_ref().filter(|_| needs_requestor) {
        asked.headers.push((header.clone(), Fill::of(Piece::Param(REQUESTOR.to_owned()))));
    }
    Service {
        name: view.owned("name").unwrap_or_default(),
        title: view.owned("title").unwrap_or_default(),
        dialect: dialect(view, provided, reach, problems),
        method: asked.method,
        path: asked.path,
        query: asked.query,
        headers: asked.headers,
        body: asked.body,
        health: view.owned("health"),
        organisation,
        sole_trader,
        person,
        letters: view.flag("letters") || block_param.is_some(),
        block_param,
        params,
        needs_requestor,
        suggested: view.flag("suggested"),
    }
}

fn dialect(
    view: &View<'_>,
    provided: &Provided<'_>,
    reach: &mut Reach,
    problems: &mut Vec<Problem>,
) -> Dialect {
    match provided.family {
        Family::Creditsafe => Dialect::Creditsafe,
        Family::Dnb => Dialect::Dnb,
        Family::Generic => {
            let mut list = rules::rules(view, problems);
            list.extend(provided.rules.iter().cloned());
            let mut rules = rules::places(&view.table("answer"), &provided.answer);
            reach.service(&list, !rules.code.is_empty(), view, problems);
            rules.list = list.iter().map(|placed| placed.rule().clone()).collect();
            rules.renews = provided.renews;
            Dialect::Generic(Arc::new(rules))
        }
    }
}

fn digits(view: &View<'_>, key: &str, problems: &mut Vec<Problem>) -> Option<Digits> {
    match view.integer(key)? {
        10 => Some(Digits::Ten),
        12 => Some(Digits::Twelve),
        _ => {
            problems.push(Problem::new(view.place(key), "a number is sent with 10 or 12 digits"));
            None
        }
    }
}

fn params(view: &View<'_>, problems: &mut Vec<Problem>) -> Vec<Param> {
    let mut names = Names::default();
    let params = view.tables("param").into_iter().map(|view| {
        names.see(&view, "parameter", problems);
        if let Some(name) = view.item("name").filter(|name| matches!(name.text, "number" | "transactionid")) {
            let message = format!("`{}` is filled in by orgpull and is no parameter's name", name.text);
            problems.push(Problem::new(name.span, message).help("give the parameter another name"));
        }
        param(&view, problems)
    });
    params.collect()
}

/// The parameter of who asks, where the provider wants to know. Whether the service needs one.
fn requestor(
    view: &View<'_>,
    provided: &Provided<'_>,
    params: &mut Vec<Param>,
    problems: &mut Vec<Problem>,
) -> bool {
    let exempt = view.flag("requestor_exempt");
    if provided.requestor_header.is_none() {
        if exempt {
            let message = "there is no header to be exempt from";
            let help = "remove it, or give the provider a `requestor_header`";
            problems.push(Problem::new(view.place("requestor_exempt"), message).help(help));
        }
        return false;
    }
    if !exempt && !params.iter().any(|param| param.name == REQUESTOR) {
        params.push(Param {
            name: REQUESTOR.to_owned(),
            description: "Who asks, as the upstream knows them; else that of the account.".to_owned(),
            required: false,
            kind: ParamKind::Text,
            max_length: None,
            pattern: None,
            identity: true,
            default: None,
            numberless: false,
            max_age: None,
        });
    }
    !exempt
}

fn block(view: &View<'_>, params: &[Param], problems: &mut Vec<Problem>) -> Option<String> {
    let block = view.owned("block_param")?;
    let always = |param: &Param| param.required || matches!(param.default, Some(Fallback::Text(_)));
    if !params.iter().any(|param| param.name == block && always(param)) {
        let message = "the block's parameter must be among the parameters, and required or with a default";
        problems.push(Problem::new(view.place("block_param"), message));
    }
    Some(block)
}

fn param(view: &View<'_>, problems: &mut Vec<Problem>) -> Param {
    let choices = || view.list("choices").iter().map(|word| word.text.to_owned()).collect();
    let kind = match view.text("kind") {
        Some("bool") => ParamKind::Bool,
        Some("date") => ParamKind::Date,
        Some("choice") => ParamKind::Choice(choices()),
        Some("list") => ParamKind::List(choices()),
        Some("integer") => ParamKind::Integer {
            min: view.integer("min").unwrap_or(0),
            max: view.integer("max").unwrap_or(999_999_999),
        },
        _ => ParamKind::Text,
    };
    if matches!(kind, ParamKind::Choice(_) | ParamKind::List(_)) != view.has("choices") {
        let message = "`choices` and kind = \"choice\" or \"list\" go together";
        problems.push(Problem::new(view.header(), message));
    }
    if !matches!(kind, ParamKind::Integer { .. }) && (view.has("min") || view.has("max")) {
        let place = if view.has("min") { "min" } else { "max" };
        let message = "`min` and `max` go with kind = \"integer\"";
        problems.push(Problem::new(view.place(place), message));
    }
    let default = match view.text("default") {
        Some("{transactionid}") => Some(Fallback::Reference),
        text => text.map(|text| Fallback::Text(text.to_owned())),
    };
    let param = Param {
        name: view.owned("name").unwrap_or_default(),
        description: view.owned("description").unwrap_or_default(),
        required: view.flag("required"),
        kind,
        max_length: view.integer("max_length").and_then(|length| usize::try_from(length).ok()),
        pattern: view.text("pattern").and_then(|pattern| Pattern::new(pattern).ok()),
        identity: view.flag("identity"),
        default,
        numberless: view.flag("numberless"),
        max_age: max_age(view, problems),
    };
    check_default(view, &param, problems);
    param
}

fn max_age(view: &View<'_>, problems: &mut Vec<Problem>) -> Option<MaxAge> {
    let months = view.small("max_months");
    let person = view.small("max_months_person");
    if let Some(key) = ["max_months", "max_months_person"].into_iter().find(|key| view.has(key))
        && view.text("kind") != Some("date")
    {
        let message = "`max_months` and `max_months_person` go with kind = \"date\"";
        problems.push(Problem::new(view.place(key), message));
    }
    let months = months.or(person)?;
    Some(MaxAge { months, months_person: person.unwrap_or(months) })
}

fn check_default(view: &View<'_>, param: &Param, problems: &mut Vec<Problem>) {
    if param.required && param.default.is_some() {
        let message = "a parameter with a default is not required";
        problems.push(Problem::new(view.place("default"), message).help("keep `required` or `default`"));
    }
    if let Some(Fallback::Text(text)) = &param.default {
        match check_value(param, text, Date::MAX) {
            Ok(sent) if sent == *text => {}
            Ok(sent) => {
                let message = "this default is not in the form in which it is sent";
                problems.push(Problem::new(view.place("default"), message).help(format!("write \"{sent}\"")));
            }
            Err(reason) => problems.push(Problem::new(view.place("default"), format!("this {reason}"))),
        }
    }
}
