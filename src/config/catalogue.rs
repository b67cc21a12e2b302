//! What a provider is: addresses, login, services. Data, read from TOML files: those built into the binary, and the
//! user's own.

mod request;
mod rules;
mod suggestion;

pub use request::{Body, Fill, Method, Node, Piece};
pub use rules::{
    CodeForm, Condition, Is, Meaning, Pointer, Rule, Rules, Statuses, is_doubtful, is_protocol, is_written,
};

use crate::domain::number::Kind;
use crate::domain::redact;
use jiff::ToSpan;
use jiff::civil::Date;
use regex_lite::Regex;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Every known provider by name.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// Providers by name.
    pub providers: BTreeMap<String, Provider>,
}

/// The parameter that carries the id of whoever asks, where a provider wants it in a header. It may stand on the account
/// instead, and is part of a lookup's identity.
pub const REQUESTOR: &str = "requestor_id";

/// One upstream.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its name, before the dot of a service.
    pub name: String,
    /// For people.
    pub title: String,
    /// How it logs in.
    pub auth: Auth,
    /// Scopes that a login asks for where the account names none.
    pub scopes: Vec<String>,
    /// The header that tells who asks, on every service that is not exempt; its value is the parameter [`REQUESTOR`].
    pub requestor_header: Option<String>,
    /// Addresses by environment.
    pub environments: BTreeMap<String, Addresses>,
    /// Its services.
    pub services: Vec<Arc<Service>>,
    /// What is billed, for people.
    pub billing: Option<String>,
    /// What its codes mean, for people.
    pub codes: Vec<Code>,
}

/// What one of an upstream's codes means, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// The code, or `S*` for all that begin so.
    pub code: String,
    /// What a lookup with it becomes: an outcome, or one of a rule's other words.
    pub outcome: String,
    /// What it means.
    pub about: String,
}

/// A family of answers: how it is read is code in `upstream`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dialect {
    /// Creditsafe Sweden's six services.
    Creditsafe,
    /// D&B Nordic and Bisnode.
    Dnb,
    /// By declared rules.
    Generic(Arc<Rules>),
}

/// How an upstream logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Creditsafe CONNECT: JSON user name and password, an answer with a token and nothing else.
    Connect,
    /// OAuth2 client credentials, with id and secret in HTTP Basic.
    ClientCredentialsBasic,
    /// OAuth2 client credentials, with id and secret in the form.
    ClientCredentialsBody,
    /// A token that is given once and for all.
    Bearer,
    /// No login at all.
    None,
}

/// Where an environment is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// Without a trailing slash.
    pub base_url: String,
    /// The full address of the login; `None` if there is no login.
    pub token_url: Option<String>,
}

/// One endpoint.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name, after the dot.
    pub name: String,
    /// For people.
    pub title: String,
    /// How its answers are read.
    pub dialect: Dialect,
    /// How it is asked.
    pub method: Method,
    /// Path below the base address, with a leading slash.
    pub path: Fill,
    /// Query parameters, in order.
    pub query: Vec<(String, Fill)>,
    /// Headers beside those of every request.
    pub headers: Vec<(String, Fill)>,
    /// The body.
    pub body: Option<Body>,
    /// The free health address's path; `None` if there is none.
    pub health: Option<String>,
    /// Digits sent for each kind of number; a kind that is absent is not taken.
    pub organisation: Option<Digits>,
    /// For sole traders.
    pub sole_trader: Option<Digits>,
    /// For natural persons.
    pub person: Option<Digits>,
    /// Whether it may post letters of disclosure: a service with blocks may.
    pub letters: bool,
    /// The parameter that names the block.
    pub block_param: Option<String>,
    /// Parameters a job may give. Where the provider wants to know who asks, [`REQUESTOR`] is one.
    pub params: Vec<Param>,
    /// Whether the parameter [`REQUESTOR`] must have a value, here or on the account.
    pub needs_requestor: bool,
    /// Whether it may be suggested in the place of a slip.
    pub suggested: bool,
}

/// Ten or twelve digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digits {
    /// Without century or prefix.
    Ten,
    /// With it.
    Twelve,
}

/// One parameter of a service.
#[derive(Debug, Clone)]
pub struct Param {
    /// Its name on the wire.
    pub name: String,
    /// For people.
    pub description: String,
    /// Whether a lookup cannot do without it.
    pub required: bool,
    /// What its value must be.
    pub kind: ParamKind,
    /// Most characters.
    pub max_length: Option<usize>,
    /// The whole value must match.
    pub pattern: Option<Pattern>,
    /// Whether it tells one purchase from another.
    pub identity: bool,
    /// What is sent where the job gives nothing.
    pub default: Option<Fallback>,
    /// Whether its value may hold no number of a person or an organisation, since it is printed where others read it.
    pub numberless: bool,
    /// How far back a date may be; `None` if the register does not say.
    pub max_age: Option<MaxAge>,
}

/// How far back a register looks, in months.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxAge {
    /// For companies and partnerships.
    pub months: u32,
    /// For persons and sole traders.
    pub months_person: u32,
}

impl MaxAge {
    /// Whether a date is too far back about a person (or a sole trader) or a company on this day in Sweden. The register's
    /// own limit is a day further: what is sent just before midnight may arrive after it.
    pub fn is_passed(self, date: Date, day: Date, person: bool) -> bool {
        let months = i64::from(if person { self.months_person } else { self.months });
        day.checked_sub(months.months()).is_ok_and(|earliest| date <= earliest)
    }
}

/// What stands in for a parameter that a job does not give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fallback {
    /// This text, which counts as if the job had given it.
    Text(String),
    /// Our reference of the attempt.
    Reference,
}

/// What a parameter's value must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParamKind {
    /// Any text.
    Text,
    /// `true` or `false`.
    Bool,
    /// A date as yyMMdd, yyyyMMdd or yyyy-MM-dd, not in the future; sent as yyyy-MM-dd.
    Date,
    /// One of these.
    Choice(Vec<String>),
    /// Some of these, with commas between.
    List(Vec<String>),
    /// A whole number within these bounds.
    Integer {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
}

/// A regular expression that a whole value must match, compiled once.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    whole: Regex,
}

impl Pattern {
    /// Compiles a pattern.
    pub fn new(text: &str) -> Result<Self, regex_lite::Error> {
        Ok(Self { text: text.to_owned(), whole: Regex::new(&format!("^(?:{text})$"))? })
    }

    /// Whether the whole of a value matches.
    pub fn matches(&self, value: &str) -> bool {
        self.whole.is_match(value)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({})", self.text)
    }
}

impl Catalogue {
    /// The service of a reference such as `creditsafe.getdata`, with its provider.
    pub fn service(&self, reference: &str) -> Option<(&Provider, &Arc<Service>)> {
        let (provider, service) = reference.split_once('.')?;
        let provider = self.providers.get(provider)?;
        Some((provider, provider.service(service)?))
    }

    /// Every reference, `provider.service`.
    pub fn references(&self) -> Vec<String> {
        let services =
            self.providers.values().flat_map(|provider| provider.services.iter().map(move |s| (provider, s)));
        services.map(|(provider, service)| format!("{}.{}", provider.name, service.name)).collect()
    }
}

impl Provider {
    /// The service of that name.
    pub fn service(&self, name: &str) -> Option<&Arc<Service>> {
        self.services.iter().find(|service| service.name == name)
    }
}

impl Service {
    /// The parameter of that name.
    pub fn param(&self, name: &str) -> Option<&Param> {
        self.params.iter().find(|param| param.name == name)
    }

    /// The blocks that a call names: where its parameter is a list, as D&B's segments are, each by itself.
    pub fn blocks<'b>(&self, named: &'b str) -> Vec<&'b str> {
        let param = self.block_param.as_deref().and_then(|name| self.param(name));
        if param.is_some_and(|param| matches!(param.kind, ParamKind::List(_))) {
            named.split(',').map(str::trim).collect()
        } else {
            vec![named]
        }
    }

    /// The block that is asked for where a call names none; `None` if the service has no such.
    pub fn usual_block(&self) -> Option<&str> {
        match self.param(self.block_param.as_deref()?)?.default.as_ref()? {
            Fallback::Text(text) => Some(text),
            Fallback::Reference => None,
        }
    }

    /// How many digits it takes of a kind of number; `None` if it does not take that kind.
    pub const fn digits(&self, kind: Kind) -> Option<Digits> {
        match kind {
            Kind::Organisation | Kind::Partnership => self.organisation,
            Kind::SoleTrader => self.sole_trader,
            Kind::Person => self.person,
        }
    }

    /// Whether a parameter's value can stand where the service places it, or why it cannot. The reason never holds the
    /// value.
    pub fn carries(&self, param: &str, value: &str) -> Result<(), &'static str> {
        let places = |fill: &Fill| fill.params().any(|name| name == param);
        let visible = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if !visible && self.headers.iter().any(|(_, fill)| places(fill)) {
            return Err("goes into a header, which takes visible ASCII only");
        }
        if places(&self.path) && value.bytes().all(|byte| byte == b'.') {
            return Err("goes into a path, where it would lead elsewhere");
        }
        Ok(())
    }

    /// Whether orgpull fills in what has this name on the wire, so that a job cannot.
    pub fn fills_by_itself(&self, name: &str) -> bool {
        request::filled_by_itself(&self.query, name)
            || self.body.as_ref().is_some_and(|body| body.fills_by_itself(name))
    }
}

impl Auth {
    /// Whether a login fetches a token that expires.
    pub const fn logs_in(self) -> bool {
        matches!(self, Self::Connect | Self::ClientCredentialsBasic | Self::ClientCredentialsBody)
    }
}

/// The value as it is sent, or why the catalogue does not allow it. An empty value of a parameter that is not required
/// is empty again: the caller leaves such a parameter out. The reason never holds the value, which may be personal, nor
/// the parameter's name, which the caller knows how to put before it.
pub fn check_value(param: &Param, value: &str, today: Date) -> Result<String, String> {
    let value = value.trim();
    if value.is_empty() {
        return if param.required { Err("must not be empty".to_owned()) } else { Ok(String::new()) };
    }
    let length = value.chars().count();
    if let Some(most) = param.max_length.filter(|most| length > *most) {
        return Err(format!("takes at most {most} characters, and this has {length}"));
    }
    // A date is told better by its own check than by the pattern that the register documents for it.
    let pattern = param.pattern.as_ref().filter(|_| param.kind != ParamKind::Date);
    if let Some(pattern) = pattern.filter(|pattern| !pattern.matches(value)) {
        return Err(format!("must have the form {pattern}"));
    }
    if param.numberless && redact::scrub(value) != value {
        return Err("must hold nothing like a personal or organisation number: others read it".to_owned());
    }
    match &param.kind {
        ParamKind::Text => Ok(value.to_owned()),
        ParamKind::Bool => match value.to_ascii_lowercase().as_str() {
            word @ ("true" | "false") => Ok(word.to_owned()),
            _ => Err("must be true or false".to_owned()),
        },
        ParamKind::Choice(words) if words.iter().any(|word| word == value) => Ok(value.to_owned()),
        ParamKind::Choice(words) => Err(format!("must be one of {}", words.join(", "))),
        ParamKind::List(words) => list(value, words),
        ParamKind::Integer { min, max } => match value.parse::<u64>() {
            Ok(number) if (*min..=*max).contains(&number) => Ok(number.to_string()),
            _ => Err(format!("must be a whole number from {min} to {max}")),
        },
        ParamKind::Date => date(value, today),
    }
}

/// Words with commas between, each once and in the catalogue's order, so that the same choice is the same purchase.
fn list(value: &str, words: &[String]) -> Result<String, String> {
    let given: Vec<&str> = value.split(',').map(str::trim).collect();
    if given.iter().any(|given| !words.iter().any(|word| word == given)) {
        return Err(format!("must be some of {}, with commas between", words.join(", ")));
    }
    let chosen: Vec<&str> = words.iter().map(String::as_str).filter(|word| given.contains(word)).collect();
    Ok(chosen.join(","))
}

/// A date in any of three forms, as yyyy-MM-dd.
fn date(value: &str, today: Date) -> Result<String, String> {
    let form = || "must be a date written yyyy-MM-dd, yyyyMMdd or yyMMdd".to_owned();
    let parts: Vec<&str> = value.split('-').collect();
    let digits: String = parts.concat();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let written = matches!(lengths.as_slice(), [6 | 8] | [4, 2, 2]);
    if !written || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(form());
    }
    let number = |text: &str| text.parse::<i8>().map_err(|_| form());
    let (years, rest) = digits.split_at(digits.len() - 4);
    let (month, day) = (number(&rest[..2])?, number(&rest[2..])?);
    let year: i16 = years.parse().map_err(|_| form())?;
    let real =
        |year: i16| Date::new(year, month, day).map_err(|_| "must be a day of the calendar".to_owned());
    let found = match years.len() {
        // Two digits of a year mean the last hundred years, since a date to come is never meant.
        2 => real(2000 + year).ok().filter(|date| *date <= today).map_or_else(|| real(1900 + year), Ok)?,
        _ => real(year)?,
    };
    if found > today {
        return Err("must not be in the future".to_owned());
    }
    Ok(found.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date as day;
    use proptest::prelude::*;

    fn param(kind: ParamKind) -> Param {
        Param {
            name: "p".to_owned(),
            description: String::new(),
            required: false,
            kind,
            max_length: None,
            pattern: None,
            identity: true,
            default: None,
            numberless: false,
            max_age: None,
        }
    }

    fn check(param: &Param, value: &str) -> Result<String, String> {
        check_value(param, value, day(2026, 3, 1))
    }

    #[test]
    fn a_reference_date_is_too_old_a_day_before_the_register_says_so() {
        let age = MaxAge { months: 60, months_person: 36 };
        let today = day(2026, 7, 21);
        for (date, person, passed) in [
            (day(2021, 7, 21), false, true),
            (day(2021, 7, 22), false, false),
            (day(2023, 7, 21), true, true),
            (day(2023, 7, 22), true, false),
            (day(2023, 7, 21), false, false),
            (today, true, false),
        ] {
            assert_eq!(age.is_passed(date, today, person), passed, "{date} {person}");
        }
        assert!(age.is_passed(day(2021, 2, 28), day(2026, 2, 28), false), "months end where they end");
        assert!(!age.is_passed(day(2021, 3, 1), day(2026, 2, 28), false));
    }

    #[test]
    fn dates_are_sent_in_one_form() {
        let param = param(ParamKind::Date);
        for (value, sent) in [
            ("2026-03-01", "2026-03-01"),
            ("20250102", "2025-01-02"),
            ("250102", "2025-01-02"),
            ("991231", "1999-12-31"),
            ("260302", "1926-03-02"),
            (" 2025-01-02 ", "2025-01-02"),
            ("000229", "2000-02-29"),
        ] {
            assert_eq!(check(&param, value).as_deref(), Ok(sent), "{value}");
        }
        for value in [
            "2026-03-02",
            "2025-02-29",
            "20251301",
            "2025-1-2",
            "25-01-02",
            "2025/01/02",
            "yyyymmdd",
            "2025-01-0a",
            "+50102",
        ] {
            assert!(check(&param, value).is_err(), "{value}");
        }
    }

    #[test]
    fn kinds_lengths_and_patterns() {
        let choice = param(ParamKind::Choice(vec!["en".to_owned(), "sv".to_owned()]));
        assert_eq!(check(&choice, "sv").as_deref(), Ok("sv"));
        assert_eq!(check(&choice, "no"), Err("must be one of en, sv".to_owned()));
        assert_eq!(check(&param(ParamKind::Bool), "True").as_deref(), Ok("true"));
        assert!(check(&param(ParamKind::Bool), "yes").is_err());
        let short = Param { max_length: Some(3), ..param(ParamKind::Text) };
        assert_eq!(check(&short, "åäö").as_deref(), Ok("åäö"));
        assert_eq!(check(&short, "åäöå"), Err("takes at most 3 characters, and this has 4".to_owned()));
        let digits = Param { pattern: Some(Pattern::new("a|[0-9]{5}").unwrap()), ..param(ParamKind::Text) };
        assert_eq!(check(&digits, "12345").as_deref(), Ok("12345"));
        assert!(check(&digits, "123456").is_err() && check(&digits, "ab").is_err());
        assert_eq!(check(&short, "").as_deref(), Ok(""));
        assert!(check(&Param { required: true, ..short }, " ").is_err());
    }

    #[test]
    fn lists_integers_and_what_may_hold_no_number() {
        let list = param(ParamKind::List(["RISK", "FINANCE", "EVENTS"].map(str::to_owned).to_vec()));
        assert_eq!(check(&list, "EVENTS, RISK,RISK").as_deref(), Ok("RISK,EVENTS"));
        assert!(check(&list, "RISK,").is_err() && check(&list, "risk").is_err());
        let integer = param(ParamKind::Integer { min: 1, max: 200 });
        assert_eq!(check(&integer, "007").as_deref(), Ok("7"));
        assert!(["0", "201", "1.0", "-1", "x"].iter().all(|value| check(&integer, value).is_err()));
        let reference = Param { numberless: true, ..param(ParamKind::Text) };
        assert_eq!(check(&reference, "customer 4711").as_deref(), Ok("customer 4711"));
        for value in ["556012-5790", "ref 198001010001", "16556012-5790"] {
            let reason = check(&reference, value).unwrap_err();
            assert!(!reason.contains(|c: char| c.is_ascii_digit()), "{reason}");
        }
    }

    proptest! {
        #[test]
        fn a_reason_never_holds_the_value(value in "[b-oq-z0-9]{12,16}") {
            for kind in [ParamKind::Date, ParamKind::Bool, ParamKind::Choice(Vec::new())] {
                let reason = check(&param(kind), &value).unwrap_err();
                prop_assert!(!reason.contains(&value) && !reason.contains("`p`"));
            }
        }

        #[test]
        fn every_real_past_date_is_taken(days in 0i32..20_000) {
            let date = day(2026, 3, 1).checked_sub(days.days()).unwrap();
            let param = param(ParamKind::Date);
            prop_assert_eq!(check(&param, &date.to_string()), Ok(date.to_string()));
            prop_assert_eq!(check(&param, &date.strftime("%Y%m%d").to_string()), Ok(date.to_string()));
        }
    }
}
