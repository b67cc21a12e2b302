//! Reading a provider file of the catalogue.

use super::catalogue::{
    Addresses, Auth, Catalogue, Dialect, Digits, Fill, Method, Param, ParamKind, Pattern, Piece, Provider,
    Service,
};
use crate::problem::{Problem, Problems, without_mark};
use crate::shape::{Document, PROVIDER, View};
use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// A provider file that is built into the binary.
struct BuiltIn {
    /// Where it is in the repository.
    path: &'static str,
    /// Its text.
    text: &'static str,
}

static BUILT_IN: [BuiltIn; 1] = [BuiltIn {
    path: "config/providers/creditsafe.toml",
    text: include_str!("../../config/providers/creditsafe.toml"),
}];

impl Catalogue {
    /// The providers that are built into the binary.
    pub fn built_in() -> Self {
        let known = BUILT_IN.iter().filter_map(|file| parse(file.path.as_ref(), file.text).ok());
        Self { providers: known.map(|provider| (provider.name.clone(), provider)).collect() }
    }
}

/// Everything that keeps a provider file from being used. Only those that are built in are used yet, so any other file
/// is refused: whoever wrote it would look in vain for what it says.
pub fn check(path: &Path, text: &str) -> Result<(), Problems> {
    let document = Document::parse(path, text)?;
    let (_, mut problems) = read(&document);
    if !BUILT_IN.iter().any(|file| same_lines(file.text, without_mark(text))) {
        let message = "providers of one's own are not yet built: this file would not be used";
        let known: Vec<_> = BUILT_IN.iter().map(|file| format!("`{}`", file.path)).collect();
        let help = format!("this version uses what is built into it: {}, unchanged", known.join(", "));
        let view = document.view(&PROVIDER);
        let place = if view.has("name") { view.place("name") } else { document.top() };
        problems.push(Problem::new(place, message).help(help));
    }
    document.verdict(problems)
}

/// Whether two texts are the same but for how their lines end.
fn same_lines(one: &str, other: &str) -> bool {
    one.lines().eq(other.lines())
}

/// A provider file that must be free of problems.
fn parse(path: &Path, text: &str) -> Result<Provider, Problems> {
    let document = Document::parse(path, text)?;
    let (provider, problems) = read(&document);
    document.verdict(problems)?;
    Ok(provider)
}

fn read(document: &Document<'_>) -> (Provider, Vec<Problem>) {
    let mut problems = document.check(&PROVIDER);
    let provider = provider(&document.view(&PROVIDER), &mut problems);
    (provider, problems)
}

fn provider(view: &View<'_>, problems: &mut Vec<Problem>) -> Provider {
    let environments = view.named_tables("environments").into_iter().map(|(name, addresses)| {
        let address = |key| addresses.text(key).unwrap_or_default().trim_end_matches('/').to_owned();
        (
            name.text.to_owned(),
            Addresses { base_url: address("base_url"), token_url: Some(address("token_url")) },
        )
    });
    let mut names = Names::default();
    let services = view.tables("service").into_iter().map(|view| {
        names.see(&view, "service", problems);
        Arc::new(service(&view, problems))
    });
    Provider {
        name: view.owned("name").unwrap_or_default(),
        title: view.owned("title").unwrap_or_default(),
        scopes: Vec::new(),
        requestor_header: None,
        billing: None,
        codes: Vec::new(),
        auth: Auth::Connect,
        services: services.collect(),
        environments: environments.collect(),
    }
}

fn service(view: &View<'_>, problems: &mut Vec<Problem>) -> Service {
    for key in ["path", "health"] {
        if view.item(key).is_some_and(|path| !path.text.starts_with('/')) {
            problems.push(Problem::new(view.place(key), "a path below the base address begins with `/`"));
        }
    }
    let kinds = ["organisation", "sole_trader", "person"];
    let [organisation, sole_trader, person] = kinds.map(|key| digits(view, key, problems));
    if !kinds.iter().any(|key| view.has(key)) {
        let message =
            "this service takes no kind of number: one of `organisation`, `sole_trader`, `person` is missing";
        problems.push(Problem::new(view.header(), message));
    }
    let mut names = Names::default();
    let params: Vec<Param> = view
        .tables("param")
        .iter()
        .map(|view| {
            names.see(view, "parameter", problems);
            param(view, problems)
        })
        .collect();
    let block_param = view.owned("block_param");
    if block_param
        .as_ref()
        .is_some_and(|block| !params.iter().any(|param| param.name == *block && param.required))
    {
        let message = "the block's parameter must be among the parameters, and required";
        problems.push(Problem::new(view.place("block_param"), message));
    }
    let mut query = Vec::new();
    query.extend(view.owned("number_param").map(|name| (name, Fill::of(Piece::Number))));
    query.extend(params.iter().map(|param| (param.name.clone(), Fill::of(Piece::Param(param.name.clone())))));
    query.extend(view.owned("reference_param").map(|name| (name, Fill::of(Piece::Reference))));
    Service {
        dialect: Dialect::Creditsafe,
        method: Method::Get,
        query,
        headers: Vec::new(),
        body: None,
        needs_requestor: false,
        name: view.owned("name").unwrap_or_default(),
        title: view.owned("title").unwrap_or_default(),
        path: Fill::of(Piece::Text(view.owned("path").unwrap_or_default())),
        health: view.owned("health"),
        organisation,
        sole_trader,
        person,
        block_param,
        params,
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

fn param(view: &View<'_>, problems: &mut Vec<Problem>) -> Param {
    let kind = match view.text("kind") {
        Some("bool") => ParamKind::Bool,
        Some("date") => ParamKind::Date,
        Some("choice") => {
            ParamKind::Choice(view.list("choices").iter().map(|word| word.text.to_owned()).collect())
        }
        _ => ParamKind::Text,
    };
    if matches!(kind, ParamKind::Choice(_)) != view.has("choices") {
        problems.push(Problem::new(view.header(), "`choices` and kind = \"choice\" go together"));
    }
    Param {
        name: view.owned("name").unwrap_or_default(),
        description: view.owned("description").unwrap_or_default(),
        required: view.flag("required"),
        kind,
        max_length: view.integer("max_length").and_then(|length| usize::try_from(length).ok()),
        pattern: view.text("pattern").and_then(|pattern| Pattern::new(pattern).ok()),
        identity: view.flag("identity"),
        default: None,
        numberless: false,
    }
}

/// Names that may stand once.
#[derive(Default)]
struct Names(HashSet<String>);

impl Names {
    fn see(&mut self, view: &View<'_>, what: &str, problems: &mut Vec<Problem>) {
        let Some(name) = view.item("name") else { return };
        if !self.0.insert(name.text.to_owned()) {
            let span: Range<usize> = name.span;
            problems.push(Problem::new(span, format!("the {what} `{}` stands twice", name.text)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::Catalogue;
    use super::*;

    #[test]
    fn the_built_in_catalogue_is_free_of_problems() {
        for file in &BUILT_IN {
            check(Path::new(file.path), file.text).unwrap_or_else(|problems| panic!("{problems}"));
            let windows = format!("\u{feff}{}", file.text.replace('\n', "\r\n"));
            check(Path::new("copy.toml"), &windows).unwrap_or_else(|problems| panic!("{problems}"));
        }
    }

    #[test]
    fn a_provider_file_that_would_not_be_used_is_refused() {
        let built_in = BUILT_IN[0].text;
        for text in [
            built_in.replace("name = \"creditsafe\"", "name = \"other\""),
            built_in.replace("/getdata\"", "/getmore\""),
        ] {
            assert_ne!(text, built_in);
            let problems = check(Path::new("other.toml"), &text).unwrap_err();
            assert_eq!(problems.list.len(), 1, "{problems}");
            let shown = problems.render();
            assert!(shown.contains("not yet built") && shown.contains(" name = \""), "{shown}");
        }
    }

    #[test]
    fn all_six_services_are_there() {
        let catalogue = Catalogue::built_in();
        let mut names = catalogue.references();
        names.sort();
        assert_eq!(
            names,
            [
                "creditsafe.datecheck-company",
                "creditsafe.datecheck-consumer",
                "creditsafe.getdata",
                "creditsafe.getdataunits",
                "creditsafe.getsignatory",
                "creditsafe.spar"
            ]
        );
        let letters = |name: &str| catalogue.service(name).unwrap().1.block_param.is_some();
        assert!(names.iter().all(|name| letters(name) == (name == "creditsafe.getdata")));
    }

    /// The answer's language is no part of a purchase, and the runner's own parameters are not a job's to give.
    #[test]
    fn every_service_has_what_all_share() {
        for service in &Catalogue::built_in().providers["creditsafe"].services {
            assert!(!service.param("language").unwrap().identity, "{}", service.name);
            assert!(service.fills_by_itself("searchnumber") && service.fills_by_itself("transactionid"));
            assert!(service.param("searchnumber").is_none() && service.param("transactionid").is_none());
            assert!(service.health.as_deref().is_some_and(|path| path.ends_with("/health")));
            assert!(service.title.ends_with('.'));
            assert!(service.params.iter().all(|param| param.description.ends_with('.')));
        }
    }

    #[test]
    fn a_broken_provider_file_is_told_at_once() {
        let text = r#"
name = "other"
title = "Other"
dialect = "creditsaf"
auth = "oauth2"
[environments.production]
base_url = "http://example.com"
token_url = "https://example.com/login"
[[service]]
name = "a"
title = "A."
path = "a"
number_param = "n"
person = 11
block_param = "block"
[[service.param]]
name = "p"
description = "P."
kind = "choice"
pattern = "("
[[service.param]]
name = "p"
description = "P."
[[service]]
name = "a"
title = "A."
path = "/a"
number_param = "n"
"#;
        let problems = check(Path::new("other.toml"), text).unwrap_err();
        insta::assert_snapshot!("broken_provider", problems.render());
    }
}
