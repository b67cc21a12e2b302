//! Reading a provider file of the catalogue: those built in, and the user's own.
//!
//! Everything that is wrong with a file is told at once, with its place, and before anything is sent.

mod request;
mod rules;
mod service;

use super::catalogue::{
    Addresses, Auth, Catalogue, Code, CodeForm, Dialect, Meaning, Provider, Rule, Service,
};
use crate::problem::{Problem, Problems, without_mark};
use crate::shape::{Document, PROVIDER, View};
use rules::{Placed, Reach, texts};
use service::{Family, Names, Provided};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// A provider file that is built into the binary.
struct BuiltIn {
    /// Where it is in the repository.
    path: &'static str,
    /// Its text.
    text: &'static str,
}

static BUILT_IN: [BuiltIn; 4] = [
    BuiltIn {
        path: "config/providers/creditsafe.toml",
        text: include_str!("../../config/providers/creditsafe.toml"),
    },
    BuiltIn { path: "config/providers/dnb.toml", text: include_str!("../../config/providers/dnb.toml") },
    BuiltIn {
        path: "config/providers/bisnode.toml",
        text: include_str!("../../config/providers/bisnode.toml"),
    },
    BuiltIn {
        path: "config/providers/partner.toml",
        text: include_str!("../../config/providers/partner.toml"),
    },
];

impl Catalogue {
    /// The providers that are built into the binary.
    pub fn built_in() -> Self {
        // Read once: a check of many files asks for them each time.
        static KNOWN: LazyLock<Catalogue> = LazyLock::new(|| {
            let known = BUILT_IN.iter().filter_map(|file| parse(file.path.as_ref(), file.text).ok());
            Catalogue { providers: known.map(|provider| (provider.name.clone(), provider)).collect() }
        });
        KNOWN.clone()
    }

    /// Adds the provider of a user's file, or tells everything that is wrong with it.
    ///
    /// A name that is taken is refused, but for a built-in provider without services of its own, to which the file adds
    /// them: what the file leaves out of its login is that of the built-in one.
    pub fn extend(&mut self, path: &Path, text: &str) -> Result<(), Problems> {
        let document = Document::parse(path, text)?;
        let view = document.view(&PROVIDER);
        let taken = view.text("name").and_then(|name| self.providers.get(name));
        let base = taken.filter(|provider| provider.services.is_empty());
        let (provider, mut problems) = read(&document, base);
        if let Some(taken) = taken.filter(|provider| !provider.services.is_empty()) {
            let message = format!("there is a provider `{}` already", taken.name);
            let help = "give yours another name; what is built in cannot be changed by a file";
            problems.push(Problem::new(view.place("name"), message).help(help));
        }
        if base.is_none() && !view.has("auth") {
            let message = "`auth` is missing in the provider file";
            let help = "such as auth = \"client-credentials-basic\", or \"none\" where there is no login";
            problems.push(Problem::new(document.top(), message).help(help));
        }
        if provider.services.is_empty() && !view.has("service") {
            let message = "there is no [[service]]: nothing could be asked";
            problems.push(Problem::new(document.top(), message));
        }
        document.result(problems)?;
        self.providers.insert(provider.name.clone(), provider);
        Ok(())
    }
}

/// Everything that keeps a provider file from being used, beside those that are built in.
pub fn check(path: &Path, text: &str) -> Result<(), Problems> {
    // A copy of a built-in file is checked as what it is.
    if BUILT_IN.iter().any(|file| same_lines(file.text, without_mark(text))) {
        return parse(path, text).map(drop);
    }
    Catalogue::built_in().extend(path, text)
}

/// Whether two texts are the same but for how their lines end.
fn same_lines(one: &str, other: &str) -> bool {
    one.lines().eq(other.lines())
}

/// A built-in provider file, which must be free of problems.
fn parse(path: &Path, text: &str) -> Result<Provider, Problems> {
    let document = Document::parse(path, text)?;
    let (provider, problems) = read(&document, None);
    document.result(problems)?;
    Ok(provider)
}

/// The provider of a file, as far as it can be read, and what is wrong with it. `base` has what the file leaves out.
fn read(document: &Document<'_>, base: Option<&Provider>) -> (Provider, Vec<Problem>) {
    let mut problems = document.check(&PROVIDER);
    let provider = provider(&document.view(&PROVIDER), base, &mut problems);
    (provider, problems)
}

fn provider(view: &View<'_>, base: Option<&Provider>, problems: &mut Vec<Problem>) -> Provider {
    let known = auth(view).or(base.map(|base| base.auth).filter(|_| !view.has("auth")));
    let mut environments = environments(view, known, problems);
    let auth = known.unwrap_or(Auth::None);
    let scopes: Vec<String> = texts(view, "scope")
        .iter()
        .flat_map(|item| item.text.split_whitespace())
        .map(str::to_owned)
        .collect();
    scope(view, known, problems);
    let provided = Provided {
        family: family(view, base, problems),
        answer: view.table("answer"),
        rules: rules::rules(view, problems),
        renews: auth.logs_in(),
        requestor_header: view
            .owned("requestor_header")
            .or_else(|| base.and_then(|base| base.requestor_header.clone())),
    };
    let services = services(view, &provided, problems);
    let codes = codes(view, &provided, &services);
    if let Some(base) = base.filter(|_| environments.is_empty()) {
        environments.clone_from(&base.environments);
    }
    let inherited = |own: Option<String>, base: Option<&String>| own.or_else(|| base.cloned());
    let name = view.owned("name").unwrap_or_default();
    Provider {
        title: inherited(view.owned("title"), base.map(|base| &base.title)).unwrap_or_else(|| name.clone()),
        name,
        auth,
        scopes: if scopes.is_empty() {
            base.map(|base| base.scopes.clone()).unwrap_or_default()
        } else {
            scopes
        },
        requestor_header: provided.requestor_header,
        environments,
        services,
        billing: inherited(view.owned("billing"), base.and_then(|base| base.billing.as_ref())),
        codes,
    }
}

fn auth(view: &View<'_>) -> Option<Auth> {
    Some(match view.text("auth")? {
        "connect" => Auth::Connect,
        "client-credentials-basic" => Auth::ClientCredentialsBasic,
        "client-credentials-body" => Auth::ClientCredentialsBody,
        "bearer" => Auth::Bearer,
        "none" => Auth::None,
        _ => return None,
    })
}

/// By rules, unless the file names a family; one that completes an upstream without saying how, is read as D&B's.
fn family(view: &View<'_>, base: Option<&Provider>, problems: &mut Vec<Problem>) -> Family {
    let ruled = |view: &View<'_>| view.has("rule") || view.has("answer");
    let any_rule = ruled(view) || view.tables("service").iter().any(ruled);
    let family = match view.item("dialect").map(|item| item.text) {
        Some("dnb") => Family::Dnb,
        Some("creditsafe") => Family::Creditsafe,
        None if base.is_some() && !any_rule => Family::Dnb,
        None | Some("generic") => Family::Generic,
        // What no word is, is told as such; nothing follows from it.
        Some(_) => return Family::Dnb,
    };
    if family != Family::Generic && any_rule {
        let message = "[answer] and [[rule]] have no effect beside this dialect";
        let help = "remove them, or write dialect = \"generic\"";
        problems.push(Problem::new(view.place("dialect"), message).help(help));
    }
    family
}

fn environments(
    view: &View<'_>,
    auth: Option<Auth>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, Addresses> {
    let named = view.named_tables("environments").into_iter().map(|(name, addresses)| {
        let address = |key| addresses.text(key).map(|text| text.trim_end_matches('/').to_owned());
        match (auth.map(Auth::logs_in), addresses.has("token_url")) {
            (Some(true), false) => {
                let message = "`token_url` is missing in the environment";
                let help = "token_url: the full address of the login, which `auth` needs";
                problems.push(Problem::new(name.span.clone(), message).help(help));
            }
            (Some(false), true) => {
                let message = "`token_url` has no effect where there is no login";
                let place = addresses.place("token_url");
                problems.push(Problem::new(place, message).help("remove it, or mend `auth`"));
            }
            _ => {}
        }
        let base_url = address("base_url").unwrap_or_default();
        (name.text.to_owned(), Addresses { base_url, token_url: address("token_url") })
    });
    named.collect()
}

fn scope(view: &View<'_>, auth: Option<Auth>, problems: &mut Vec<Problem>) {
    let takes = matches!(auth, None | Some(Auth::ClientCredentialsBasic | Auth::ClientCredentialsBody));
    if view.has("scope") && !takes {
        let message = "`scope` has no effect with this login";
        problems.push(Problem::new(view.place("scope"), message).help("remove it, or mend `auth`"));
    }
}

fn services(view: &View<'_>, provided: &Provided<'_>, problems: &mut Vec<Problem>) -> Vec<Arc<Service>> {
    let (mut names, mut reach) = (Names::default(), Reach::default());
    let services = view.tables("service").into_iter().map(|view| {
        names.see(&view, "service", problems);
        Arc::new(service::service(&view, provided, &mut reach, problems))
    });
    let services = services.collect();
    reach.report(problems);
    services
}

/// What the file tells of codes, and what its rules do with those that they name.
fn codes(view: &View<'_>, provided: &Provided<'_>, services: &[Arc<Service>]) -> Vec<Code> {
    let told = view.tables("code").into_iter().map(|view| {
        let text = |key: &str| view.owned(key).unwrap_or_default();
        Code { code: text("code"), outcome: text("outcome"), about: text("about") }
    });
    let mut codes: Vec<Code> = told.collect();
    let own = services.iter().filter_map(|service| match &service.dialect {
        Dialect::Generic(rules) => Some(rules.list.iter()),
        Dialect::Creditsafe | Dialect::Dnb => None,
    });
    for rule in own.flatten().chain(provided.rules.iter().map(Placed::rule)) {
        for code in rule.codes.iter().map(CodeForm::to_string) {
            if !codes.iter().any(|known| known.code == code) {
                codes.push(Code {
                    code,
                    outcome: outcome(rule),
                    about: rule.about.clone().unwrap_or_default(),
                });
            }
        }
    }
    codes
}

fn outcome(rule: &Rule) -> String {
    match rule.meaning {
        Meaning::Answer(outcome) => outcome.as_str(),
        Meaning::TokenRefused => "token-refused",
        Meaning::Throttled => "throttled",
        Meaning::Unavailable => "unavailable",
        Meaning::Lost => "lost",
        Meaning::Fault => "fault",
    }
    .to_owned()
}

#[cfg(test)]
mod tests;
