//! Whether an answer is to the question that was asked. A server that writes a reply twice on a kept connection, or a proxy
//! that mixes two up, gives a report on somebody else, and nothing but the answer itself tells.
//!
//! What an answer names is held against what was sent: first our reference, of which there is one for each call, then the
//! number that it repeats, and only without either the number inside the report. What is cut short, masked or written in a
//! way that we do not know tells nothing. In doubt the answer is ours.

use crate::config::catalogue::{Dialect, Fallback, Fill, Piece, Pointer, Rules, Service};
use crate::domain::number::luhn;
use serde_json::Value;
use std::borrow::Cow;

/// What was asked, as far as an answer may name it again. Holds a number, and is never shown.
#[derive(Clone, Default)]
pub struct Question {
    /// The number in the form in which it was sent.
    number: String,
    /// Our reference of the attempt, where it was sent.
    own: Option<String>,
    /// References that the job gave in its place: others may carry the same.
    given: Vec<String>,
    /// Values of parameters, in which an answer may find fault too.
    values: Vec<String>,
}

impl Question {
    /// What a service is asked with these values, as [`prepare`](super::prepare) sends them.
    pub fn new(service: &Service, number: &str, reference: &str, params: &[(String, String)]) -> Self {
        let pairs = service.query.iter().chain(&service.headers).map(|(_, fill)| fill);
        let fills = pairs.chain([&service.path]).chain(service.body.iter().flat_map(|body| body.fills()));
        let (mut own, mut given) = (None, Vec::new());
        for piece in fills.flat_map(Fill::pieces) {
            match piece {
                Piece::Reference => own = Some(reference.to_owned()),
                Piece::Param(name) => {
                    let param = service.param(name);
                    if param.is_none_or(|param| param.default != Some(Fallback::Reference)) {
                        continue;
                    }
                    match params.iter().find(|(param, _)| param == name) {
                        Some((_, value)) => given.push(value.clone()),
                        None => own = Some(reference.to_owned()),
                    }
                }
                Piece::Text(_) | Piece::Number => {}
            }
        }
        let values = params.iter().map(|(_, value)| value.clone()).collect();
        Self { number: number.to_owned(), own, given, values }
    }

    /// Whether a body answers another question.
    pub(super) fn is_another(&self, dialect: &Dialect, body: &Value) -> bool {
        let named = match dialect {
            Dialect::Creditsafe => self.creditsafe(body),
            Dialect::Dnb => self.dnb(body),
            Dialect::Generic(rules) => self.generic(rules, body),
        };
        named == Some(Named::Another)
    }

    fn creditsafe(&self, body: &Value) -> Option<Named> {
        let meta = body.get("metaData");
        let url = meta.and_then(|meta| member(meta, "requestUrl")).or_else(|| member(body, "requestUrl"));
        if let Some(url) = url.and_then(Value::as_str) {
            let url = decoded(url);
            let values = |name| {
                query(&url).filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
            };
            let references = values("transactionid").map(|value| self.reference(&value));
            let named = first_of(references)
                .or_else(|| first_of(values("searchnumber").map(|value| self.number(&value))));
            if named.is_some() {
                return named;
            }
        }
        let code = body.pointer("/error/code").and_then(Value::as_str).unwrap_or_default();
        let report = body.get("report").filter(|_| code.trim() != CHANGED)?;
        self.inside(elements(report))
    }

    fn dnb(&self, body: &Value) -> Option<Named> {
        // What a call refused is a part of it.
        let refused =
            ["subErrors", "validationErrors"].iter().filter_map(|name| body.get(name)?.as_array()).flatten();
        let refused = first_of(refused.map(|error| self.refused(error)));
        // Who is named in an answer about a company is not whom it is about.
        let (lists, below): (&[&str], &[&str]) = if self.is_about_person() {
            (&["companies", "persons"], &["companyInformation", "personInformation", "company", "person"])
        } else {
            (&["companies"], &["companyInformation", "company"])
        };
        let inside = |of: &mut dyn Iterator<Item = &Value>| {
            self.inside(of.flat_map(|part| {
                std::iter::once(part).chain(below.iter().filter_map(move |name| part.get(name)))
            }))
        };
        let listed = inside(&mut lists.iter().filter_map(|name| body.get(name)?.as_array()).flatten());
        // A report lists others too: its subsidiaries.
        let listed = listed.filter(|named| *named == Named::Ours || is_search(body));
        refused.or_else(|| first_of([listed, inside(&mut elements(body))].into_iter()))
    }

    /// Whose number an error refuses. Other values that were sent may look like one.
    fn refused(&self, error: &Value) -> Option<Named> {
        let value = error.get("rejectedValue")?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let same = |one: &str, other: &str| {
            one.trim() == other.trim() || last_ten(one).is_some_and(|ten| Some(ten) == last_ten(other))
        };
        let field = error.get("field").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
        let mut steps =
            field.split(['.', '/', '[', ']']).filter(|step| step.bytes().any(|b| !b.is_ascii_digit()));
        let is_number = steps.next_back().is_some_and(|name| identifies(name) || REFUSED.contains(&name));
        let decides = is_number && !self.values.iter().any(|sent| same(sent, &text));
        self.scalar(value).filter(|named| *named == Named::Ours || decides)
    }

    fn generic(&self, rules: &Rules, body: &Value) -> Option<Named> {
        let at = |pointers: &[Pointer]| {
            pointers.iter().flat_map(|pointer| all_of(pointer, body)).collect::<Vec<_>>()
        };
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let is_scalar = |value: &&Value| value.is_string() || value.is_number();
        let references = at(&rules.transactionid);
        let references = references.into_iter().filter(is_scalar).map(|value| self.reference(&text(value)));
        first_of(references)
            .or_else(|| first_of(at(&rules.number).into_iter().map(|value| self.scalar(value))))
    }

    /// What the parts of a report say of whom they are about. A report that names a new number is about the old one too.
    fn inside<'v>(&self, parts: impl Iterator<Item = &'v Value>) -> Option<Named> {
        let (mut named, mut renamed) = (None, false);
        for members in parts.filter_map(Value::as_object) {
            for (name, value) in members {
                let name = name.to_ascii_lowercase();
                let identifies = identifies(&name);
                let doubtful = name == "companyid";
                if !identifies && !doubtful && !name.contains("number") && !name.contains("nummer") {
                    continue;
                }
                let read = match value {
                    Value::Array(items) => first_of(items.iter().map(|item| self.scalar(item))),
                    value => self.scalar(value),
                };
                match read {
                    Some(Named::Ours) => return Some(Named::Ours),
                    Some(Named::Another) if name.starts_with("new") || name.starts_with("ny") => {
                        renamed = true;
                    }
                    Some(Named::Another)
                        if (identifies || doubtful && is_number(value)) && self.is_of_kind(&name, value) =>
                    {
                        named = Some(Named::Another);
                    }
                    _ => {}
                }
            }
        }
        named.filter(|_| !renamed)
    }

    /// Whether it was asked about a person: a sole trader's number is the owner's, whatever the service.
    fn is_about_person(&self) -> bool {
        digits(&self.number).is_some_and(|digits| is_persons(&digits))
    }

    /// Whether what stands in a member that says whom a report is about can be held against what was asked: a company's
    /// signatory is not the company, nor a person's company the person.
    fn is_of_kind(&self, name: &str, value: &Value) -> bool {
        let personal = PERSONAL.contains(&name);
        // What was searched for is of whatever kind.
        name == SEARCHED
            || if self.is_about_person() { personal || elements(value).all(is_person) } else { !personal }
    }

    /// Whose reference this is.
    fn reference(&self, text: &str) -> Option<Named> {
        let text = text.trim();
        let same = |sent: &String| sent.eq_ignore_ascii_case(text);
        if self.own.as_ref().is_some_and(same) {
            return Some(Named::Ours);
        }
        // Others may have been sent with the same.
        if text.is_empty() || self.given.iter().any(same) || self.own.is_none() && self.given.is_empty() {
            return None;
        }
        let cut =
            |sent: &String| sent.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text));
        (!self.given.iter().chain(&self.own).any(cut)).then_some(Named::Another)
    }

    /// Whose number stands here.
    fn scalar(&self, value: &Value) -> Option<Named> {
        match value {
            Value::String(text) => self.number(text),
            Value::Number(number) => self.number(&number.to_string()),
            Value::Array(items) => {
                first_of(items.iter().filter(|item| !item.is_array()).map(|item| self.scalar(item)))
            }
            Value::Null | Value::Bool(_) | Value::Object(_) => None,
        }
    }

    /// Whose number this is, with or without century, prefix and suffix. `None` if it is none that can be read.
    fn number(&self, text: &str) -> Option<Named> {
        let digits = digits(text)?;
        let ours = self.number.len().checked_sub(10).and_then(|from| self.number.get(from..))?;
        let last = digits.len().checked_sub(10)?;
        // The last ten; before a suffix the first ten, or those after a century.
        let readings = [Some(&digits[last..]), digits.get(..10), digits.get(2..12)];
        Some(if readings.into_iter().flatten().any(|ten| ten == ours) { Named::Ours } else { Named::Another })
    }
}

/// What an answer names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Ours,
    Another,
}

/// Creditsafe's code of a personal number that has changed.
const CHANGED: &str = "S7";

/// The member that repeats what was searched for, in lower case.
const SEARCHED: &str = "searchnumber";

/// Fields under which the number is sent, beside those that say whom a report is about, in lower case.
const REFUSED: [&str; 2] = ["number", "legalid"];

/// Those members of [`IDENTIFYING`] that hold the number of a person.
const PERSONAL: [&str; 5] = [
    "personalnumber",
    "personnumber",
    "personnummer",
    "personalidentitynumber",
    "nationalidentificationnumber",
];

/// Members that say whom a report is about, in lower case.
const IDENTIFYING: [&str; 12] = [
    "organizationnumber",
    "organisationnumber",
    "orgnumber",
    "orgnr",
    "organisationsnummer",
    "personalnumber",
    "personnumber",
    "personnummer",
    "personalidentitynumber",
    "registrationnumber",
    "nationalidentificationnumber",
    SEARCHED,
];

/// Whether a member of this name, in lower case, says whom a report is about.
pub(super) fn identifies(name: &str) -> bool {
    IDENTIFYING.contains(&name)
}

/// Ours where one is, another's where one says so, else nothing.
fn first_of(named: impl Iterator<Item = Option<Named>>) -> Option<Named> {
    named.flatten().reduce(|one, other| if one == Named::Ours { one } else { other })
}

/// A member in whatever case.
fn member<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    value.as_object()?.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The elements of a list, or the value itself.
fn elements(value: &Value) -> impl Iterator<Item = &Value> {
    let (list, one) = match value {
        Value::Array(items) => (items.as_slice(), None),
        other => (&[][..], Some(other)),
    };
    list.iter().chain(one)
}

/// The digits of a number that is written as numbers are. `None` for anything else: a mask, an interim number with letters.
fn digits(text: &str) -> Option<String> {
    let text = text.trim();
    let bare = ["SE", "se"].iter().find_map(|country| text.strip_prefix(country)).unwrap_or(text);
    let mut digits = String::with_capacity(16);
    for c in bare.chars() {
        match c {
            '0'..='9' => digits.push(c),
            '-' | '+' | '.' | '/' | '\u{2010}'..='\u{2015}' | '\u{2212}' => {}
            c if c.is_whitespace() => {}
            _ => return None,
        }
    }
    (10..=16).contains(&digits.len()).then_some(digits)
}

/// The last ten of them.
fn last_ten(text: &str) -> Option<[u8; 10]> {
    digits(text)?.as_bytes().last_chunk().copied()
}

/// Whether it is a Swedish number by its check digit.
fn is_number(value: &Value) -> bool {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    last_ten(&text).is_some_and(|ten| luhn(&ten))
}

/// Whether it is a person's number by its form. The third digit of an organisation's is never below 2.
fn is_person(value: &Value) -> bool {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    digits(&text).is_some_and(|digits| is_persons(&digits))
}

/// The same of digits, with or without century and suffix.
fn is_persons(digits: &str) -> bool {
    let centuries = ["16", "18", "19", "20"];
    let has_century = digits.len() >= 12 && centuries.iter().any(|century| digits.starts_with(century));
    let ten = digits.get(if has_century { 2.. } else { 0.. }).unwrap_or_default().as_bytes();
    ten.get(2).is_some_and(|third| *third < b'2')
}

/// Whether it is a list of what was found and nothing else.
fn is_search(body: &Value) -> bool {
    let counts = ["paging", "resultcount", "totalcount", "total", "count", "offset", "limit"];
    let is_list = |name: &String| {
        let name = name.to_ascii_lowercase();
        name == "companies" || name == "persons" || name.starts_with('_') || counts.contains(&name.as_str())
    };
    body.as_object().is_some_and(|members| members.keys().all(is_list))
}

/// An address that was encoded as a whole, decoded.
fn decoded(url: &str) -> Cow<'_, str> {
    let encoded = !url.contains('?') && !url.contains('=') && url.contains('%');
    if encoded {
        // A form's decoder, which takes `+` for a blank: there is none in a name, nor in what is compared here.
        let once = url::form_urlencoded::parse(url.as_bytes()).next();
        return once.map_or(Cow::Borrowed(url), |(whole, _)| Cow::Owned(whole.into_owned()));
    }
    Cow::Borrowed(url)
}

/// The query of an address, whole or relative, or of what is left of one.
fn query(url: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    let query = url.split_once('?').map_or(url, |(_, query)| query);
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    // Written into a page, `&` is `&amp;`.
    pairs.map(|(name, value)| match name.strip_prefix("amp;") {
        Some(bare) => (Cow::Owned(bare.to_owned()), value),
        None => (name, value),
    })
}

/// Everything that stands at a pointer. A list on its way that it does not number is looked through whole.
fn all_of<'v>(pointer: &Pointer, body: &'v Value) -> Vec<&'v Value> {
    let mut found = vec![body];
    for token in pointer.0.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        let numbers = token.parse::<usize>().is_ok();
        found = found
            .into_iter()
            .flat_map(|value| match value {
                Value::Array(items) if !numbers => items.iter().filter_map(|item| item.get(&token)).collect(),
                value => value
                    .pointer(&format!("/{}", token.replace('~', "~0").replace('/', "~1")))
                    .into_iter()
                    .collect::<Vec<_>>(),
            })
            .collect();
    }
    found
}

#[cfg(test)]
mod tests;
