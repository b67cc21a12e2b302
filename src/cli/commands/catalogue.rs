//! `catalogue`: what the known providers and services are, from the files that describe them.

use super::super::args::CatalogueArgs;
use super::super::{Failure, Invocation};
use crate::config::catalogue::{
    Auth, Catalogue, Code, Dialect, Digits, Fallback, Meaning, Param, ParamKind, Provider, Rule, Service,
};
use crate::domain::exit::Exit;
use crate::shape::{known_here, nearest};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// `orgpull catalogue`.
pub(in crate::cli) fn catalogue(invocation: &Invocation, args: &CatalogueArgs) -> Result<Exit, Failure> {
    let settings = invocation.settings(false)?;
    let catalogue = &settings.catalogue;
    let shown = match args.name.as_deref() {
        None => Shown::All(catalogue.providers.values().collect()),
        Some(name) => match (catalogue.providers.get(name), catalogue.service(name)) {
            (Some(provider), _) => Shown::Provider(provider),
            (None, Some((provider, service))) => Shown::Service(provider, service),
            (None, None) => return Err(Failure::Usage(unknown(name, catalogue))),
        },
    };
    if args.json {
        Invocation::print(&format!("{:#}\n", shown.json()))?;
    } else {
        invocation.say(&shown.text())?;
    }
    Ok(Exit::Settled)
}

fn unknown(name: &str, catalogue: &Catalogue) -> String {
    let providers = || catalogue.providers.keys().map(String::as_str);
    let near = catalogue.suggestion(name).or_else(|| nearest(name, providers()).map(str::to_owned));
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => known_here(catalogue.references().iter().map(String::as_str).chain(providers())),
    };
    format!("the catalogue has no `{name}`: {help}")
}

/// What is asked for.
enum Shown<'c> {
    All(Vec<&'c Provider>),
    Provider(&'c Provider),
    Service(&'c Provider, &'c Service),
}

impl Shown<'_> {
    fn text(&self) -> String {
        match self {
            Self::All(providers) => {
                let list: Vec<String> = providers.iter().map(|provider| listed(provider)).collect();
                format!("{}\nMore: orgpull catalogue PROVIDER or PROVIDER.SERVICE\n", list.join("\n"))
            }
            Self::Provider(provider) => provider_text(provider),
            Self::Service(provider, service) => service_text(provider, service),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::All(providers) => providers.iter().map(|provider| provider_json(provider)).collect(),
            Self::Provider(provider) => provider_json(provider),
            Self::Service(provider, service) => service_json(provider, service),
        }
    }
}

/// A provider with its services, a line each.
fn listed(provider: &Provider) -> String {
    let mut text = format!("{}  {}\n", provider.name, provider.title);
    for service in &provider.services {
        let _ = writeln!(text, "  {:<34}  {}", format!("{}.{}", provider.name, service.name), service.title);
    }
    if provider.services.is_empty() {
        let _ = writeln!(text, "  (no services of its own: a file of yours brings them)");
    }
    text
}

fn provider_text(provider: &Provider) -> String {
    let mut text = listed(provider);
    let _ = writeln!(text, "\nLogin: {}", login(provider.auth));
    if !provider.scopes.is_empty() {
        let _ = writeln!(text, "Scope: {}", provider.scopes.join(" "));
    }
    if let Some(header) = &provider.requestor_header {
        let _ = writeln!(text, "Who asks: {header}, from `requestor_id` of the account or the lookup");
    }
    for (name, addresses) in &provider.environments {
        let _ = writeln!(text, "{name}: {}", addresses.base_url);
    }
    text + &billing(provider) + &codes(provider.codes.iter().map(code_line))
}

fn billing(provider: &Provider) -> String {
    let billed = provider.billing.as_deref().unwrap_or(
        "Every answer is billed but those that say that nothing was carried out (a refused token, 429, 503).",
    );
    format!("Billed: {billed}\n")
}

fn codes(lines: impl Iterator<Item = String>) -> String {
    let lines: String = lines.collect();
    if lines.is_empty() { String::new() } else { format!("Codes:\n{lines}") }
}

fn code_line(code: &Code) -> String {
    format!("  {:<16} {:<14} {}\n", code.code, code.outcome, code.about)
}

fn service_text(provider: &Provider, service: &Service) -> String {
    let mut text = format!("{}.{}  {}\n\n", provider.name, service.name, service.title);
    for (kind, digits) in kinds(service) {
        let _ = writeln!(text, "Takes: {kind}, in {digits} digits");
    }
    match (&service.block_param, service.letters) {
        (Some(block), _) => {
            let _ = writeln!(
                text,
                "Letters: by what `{block}` is; see `letters` and `no_letters` of the account"
            );
        }
        (None, true) => text.push_str("Letters: to persons, sole traders, HB and KB\n"),
        (None, false) => {}
    }
    let health = service.health.as_deref().unwrap_or("none is known");
    let _ = writeln!(text, "Free health address: {health}");
    if service.needs_requestor {
        text.push_str("Who asks must be known: `requestor_id`\n");
    }
    if !service.params.is_empty() {
        text.push_str("Parameters:\n");
        for param in &service.params {
            let _ = writeln!(text, "  {:<18} {}", param.name, param.description);
            let _ = writeln!(text, "  {:<18}   {}", "", limits(param).join(", "));
        }
    }
    text + &billing(provider) + &codes(meanings(provider, service).into_iter())
}

/// What the codes of a service mean: the provider's list, or the rules that read its answers.
fn meanings(provider: &Provider, service: &Service) -> Vec<String> {
    let listed = provider.codes.iter().map(code_line);
    match &service.dialect {
        Dialect::Generic(rules) => listed.chain(rules.list.iter().map(rule_line)).collect(),
        Dialect::Creditsafe | Dialect::Dnb => listed.collect(),
    }
}

fn rule_line(rule: &Rule) -> String {
    let mut met: Vec<String> = rule
        .statuses
        .0
        .iter()
        .map(|range| {
            if range.start() == range.end() {
                range.start().to_string()
            } else {
                format!("{}-{}", range.start(), range.end())
            }
        })
        .collect();
    met.extend(rule.codes.iter().map(ToString::to_string));
    let free = if rule.billed { "" } else { " (free)" };
    let about = rule.about.as_deref().unwrap_or_default();
    format!("  {:<16} {:<14} {about}{free}\n", met.join(" "), meaning(rule.meaning))
}

const fn meaning(meaning: Meaning) -> &'static str {
    match meaning {
        Meaning::Answer(outcome) => outcome.as_str(),
        Meaning::TokenRefused => "token-refused",
        Meaning::Throttled => "throttled",
        Meaning::Unavailable => "unavailable",
        Meaning::Lost => "lost",
        Meaning::Fault => "fault",
    }
}

const fn login(auth: Auth) -> &'static str {
    match auth {
        Auth::Connect => "Creditsafe CONNECT, with `username` and `password`",
        Auth::ClientCredentialsBasic => {
            "OAuth2 client credentials in HTTP Basic, with `client_id` and `client_secret`"
        }
        Auth::ClientCredentialsBody => {
            "OAuth2 client credentials in the form, with `client_id` and `client_secret`"
        }
        Auth::Bearer => "none; every call carries `token`",
        Auth::None => "none",
    }
}

/// The kinds of numbers that a service takes, with their digits.
fn kinds(service: &Service) -> Vec<(&'static str, u8)> {
    let all = [
        ("organisations", service.organisation),
        ("sole traders", service.sole_trader),
        ("persons", service.person),
    ];
    let digits = |digits| match digits {
        Digits::Ten => 10,
        Digits::Twelve => 12,
    };
    all.into_iter().filter_map(|(kind, taken)| Some((kind, digits(taken?)))).collect()
}

/// What a parameter's value must be, in words.
fn limits(param: &Param) -> Vec<String> {
    let mut limits = vec![if param.required { "required" } else { "optional" }.to_owned()];
    match &param.kind {
        ParamKind::Text => {}
        ParamKind::Bool => limits.push("true or false".to_owned()),
        ParamKind::Date => limits.push("a date".to_owned()),
        ParamKind::Choice(words) => limits.push(format!("one of {}", words.join(" "))),
        ParamKind::List(words) => limits.push(format!("some of {}", words.join(" "))),
        ParamKind::Integer { min, max } => limits.push(format!("{min} to {max}")),
    }
    limits.extend(param.max_length.map(|length| format!("at most {length} characters")));
    limits.extend(param.pattern.as_ref().map(|pattern| format!("of the form {pattern}")));
    match &param.default {
        Some(Fallback::Text(text)) => limits.push(format!("{text} where absent")),
        Some(Fallback::Reference) => limits.push("our reference where absent".to_owned()),
        None => {}
    }
    if !param.identity {
        limits.push("no part of what is bought".to_owned());
    }
    limits
}

fn provider_json(provider: &Provider) -> Value {
    let environments: Value = provider
        .environments
        .iter()
        .map(|(name, addresses)| (name.clone(), Value::from(addresses.base_url.clone())))
        .collect();
    json!({
        "provider": provider.name,
        "title": provider.title,
        "login": login(provider.auth),
        "scope": provider.scopes,
        "environments": environments,
        "billing": provider.billing,
        "codes": codes_json(provider),
        "services": provider.services.iter().map(|service| service_json(provider, service)).collect::<Vec<_>>(),
    })
}

fn codes_json(provider: &Provider) -> Vec<Value> {
    let codes = provider.codes.iter();
    codes.map(|code| json!({ "code": code.code, "outcome": code.outcome, "about": code.about })).collect()
}

fn service_json(provider: &Provider, service: &Service) -> Value {
    let params: Vec<Value> = service
        .params
        .iter()
        .map(|param| {
            let limits = limits(param);
            json!({ "name": param.name, "about": param.description, "required": param.required, "limits": limits })
        })
        .collect();
    let numbers: Value =
        kinds(service).into_iter().map(|(kind, digits)| (kind.to_owned(), Value::from(digits))).collect();
    json!({
        "service": format!("{}.{}", provider.name, service.name),
        "title": service.title,
        "numbers": numbers,
        "letters": service.letters,
        "block_param": service.block_param,
        "health": service.health,
        "needs_requestor": service.needs_requestor,
        "params": params,
    })
}
