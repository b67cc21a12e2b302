//! The request for one lookup, made from a service's templates.

use crate::config::catalogue::{Body, Fallback, Fill, Method, Node, ParamKind, Piece, Service};
use serde_json::{Map, Value};
use std::fmt;
use url::Url;

/// A request as the HTTP room sends it. No token in it, and never shown: address, query, headers and body may all hold
/// the number.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// How it is sent.
    pub method: Method,
    /// The full address without query.
    pub url: String,
    /// Query parameters in order, not yet encoded.
    pub query: Vec<(String, String)>,
    /// Headers beside those of every request; visible ASCII.
    pub headers: Vec<(String, String)>,
    /// What it carries.
    pub body: Option<RequestBody>,
}

/// What a request carries.
#[derive(Clone, PartialEq, Eq)]
pub enum RequestBody {
    /// JSON text.
    Json(String),
    /// Fields of `application/x-www-form-urlencoded` in order, not yet encoded.
    Form(Vec<(String, String)>),
}

/// The request for one lookup.
///
/// `number` is in the form in which the service wants it, `reference` is ours, `base_url` may end in a slash or not.
/// What a template places and `params` does not hold is left out.
pub fn prepare(
    base_url: &str,
    service: &Service,
    number: &str,
    reference: &str,
    params: &[(String, String)],
) -> Request {
    let values = Values { service, number, reference, params };
    Request {
        method: service.method,
        url: format!("{}{}", base_url.trim_end_matches('/'), values.path(&service.path)),
        query: values.pairs(&service.query),
        headers: values.pairs(&service.headers),
        body: service.body.as_ref().map(|body| match body {
            Body::Json(node) => RequestBody::Json(values.node(node).unwrap_or_default().to_string()),
            Body::Form(fields) => RequestBody::Form(values.pairs(fields)),
        }),
    }
}

/// The length of the longest reference of ours.
const LONGEST_REFERENCE: usize = 14;
/// The longest address that the `http` crate takes, in bytes. What of a request is no body is held to it.
const LONGEST: usize = 65_534;

/// Whether the request for one lookup is too long for the line: address and headers together. Bodies may be of any length.
pub fn is_too_long(base_url: &str, service: &Service, number: &str, params: &[(String, String)]) -> bool {
    // As long as the longest reference, and as harmless.
    let Request { url, query, headers, .. } =
        prepare(base_url, service, number, &"0".repeat(LONGEST_REFERENCE), params);
    let Ok(mut address) = Url::parse(&url) else { return false };
    if !query.is_empty() {
        address.query_pairs_mut().extend_pairs(&query);
    }
    let headers = headers.iter().map(|(name, value)| name.len() + value.len());
    address.as_str().len() + headers.sum::<usize>() > LONGEST
}

/// What the places of templates are filled with.
struct Values<'a> {
    service: &'a Service,
    number: &'a str,
    reference: &'a str,
    params: &'a [(String, String)],
}

impl<'a> Values<'a> {
    fn piece(&self, piece: &'a Piece) -> Option<&'a str> {
        match piece {
            Piece::Text(text) => Some(text),
            Piece::Number => Some(self.number),
            Piece::Reference => Some(self.reference),
            Piece::Param(name) => self.param(name),
        }
    }

    fn param(&self, name: &str) -> Option<&'a str> {
        let given = self.params.iter().find(|(param, _)| param == name).map(|(_, value)| value.as_str());
        let fallback = || self.service.param(name).and_then(|param| param.default.as_ref());
        given.or_else(|| (fallback() == Some(&Fallback::Reference)).then_some(self.reference))
    }

    /// The whole text, or `None` if a parameter in it has no value.
    fn text(&self, fill: &'a Fill) -> Option<String> {
        fill.pieces().iter().map(|piece| self.piece(piece)).collect()
    }

    fn pairs(&self, fills: &'a [(String, Fill)]) -> Vec<(String, String)> {
        fills.iter().filter_map(|(name, fill)| Some((name.clone(), self.text(fill)?))).collect()
    }

    /// The path, with every value encoded so that it stays within its segment.
    fn path(&self, fill: &'a Fill) -> String {
        let pieces = fill.pieces().iter().map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            other => encoded(self.piece(other).unwrap_or_default()),
        });
        pieces.collect()
    }

    fn node(&self, node: &'a Node) -> Option<Value> {
        Some(match node {
            Node::Fill(fill) => match fill.lone_param() {
                Some(name) => self.typed(name)?,
                None => Value::String(self.text(fill)?),
            },
            Node::Fixed(value) => value.clone(),
            Node::Object(members) => Value::Object(
                members
                    .iter()
                    .filter_map(|(name, node)| Some((name.clone(), self.node(node)?)))
                    .collect::<Map<_, _>>(),
            ),
            Node::Array(nodes) => nodes.iter().filter_map(|node| self.node(node)).collect(),
        })
    }

    /// A parameter's value in the JSON type of its kind.
    fn typed(&self, name: &str) -> Option<Value> {
        let value = self.param(name)?;
        let text = || Value::from(value);
        Some(match self.service.param(name).map(|param| &param.kind) {
            Some(ParamKind::Bool) => value.parse().map_or_else(|_| text(), Value::Bool),
            Some(ParamKind::Integer { .. }) => value.parse::<u64>().map_or_else(|_| text(), Value::from),
            Some(ParamKind::List(_)) => value.split(',').map(Value::from).collect(),
            Some(ParamKind::Text | ParamKind::Date | ParamKind::Choice(_)) | None => text(),
        })
    }
}

/// All but the unreserved characters of RFC 3986 as `%XX`.
pub(super) fn encoded(value: &str) -> String {
    use fmt::Write as _;
    value.bytes().fold(String::with_capacity(value.len()), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("method", &self.method).finish_non_exhaustive()
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json(_) => "Json(…)",
            Self::Form(_) => "Form(…)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::catalogue::Catalogue;
    use std::path::Path;

    const NUMBER: &str = "5560125790";

    fn catalogue() -> Catalogue {
        let mut catalogue = Catalogue::built_in();
        let example = include_str!("../../config/providers/example.toml");
        catalogue.extend(Path::new("example.toml"), example).unwrap();
        catalogue
    }

    fn request(service: &str, params: &[(&str, &str)]) -> Request {
        let params: Vec<_> = params.iter().map(|(name, value)| pair(name, value)).collect();
        prepare("https://x.test/api/", catalogue().service(service).unwrap().1, NUMBER, "r1", &params)
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_query_has_the_number_first_and_the_reference_last() {
        let request = request("creditsafe.getdata", &[("blockname", "Basic"), ("language", "sv")]);
        assert_eq!((request.method, request.url.as_str()), (Method::Get, "https://x.test/api/getdata"));
        let names: Vec<_> = request.query.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["searchnumber", "blockname", "language", "transactionid"]);
        assert!(request.headers.is_empty() && request.body.is_none());
    }

    #[test]
    fn a_body_has_the_types_of_its_parameters_and_nothing_that_is_absent() {
        let company = request("dnb.company", &[("segments", "RISK,FINANCE")]);
        let body = r#"{"registrationNumber":"5560125790","segments":["RISK","FINANCE"],"reference":"r1"}"#;
        assert_eq!(json(&company), serde_json::from_str::<Value>(body).unwrap());
        assert!(company.query.is_empty() && !company.url.contains(NUMBER));
        let given = request("dnb.company", &[("segments", "RISK"), ("reference", "4711")]);
        assert_eq!(json(&given)["reference"], "4711");
        let search =
            request("dnb.company-search", &[("country", "SE"), ("limit", "0"), ("includeBranches", "true")]);
        let body = r#"{"country":"SE","registrationNumber":"5560125790","limit":0,"includeBranches":true}"#;
        assert_eq!(json(&search), serde_json::from_str::<Value>(body).unwrap());
    }

    #[test]
    fn the_example_is_asked_as_its_file_says() {
        let company = request("example.company", &[("detail", "full"), ("parts", "names,board")]);
        assert_eq!(
            (company.method, company.url.as_str()),
            (Method::Post, "https://x.test/api/companies/full")
        );
        assert_eq!(company.headers, [pair("X-Reference", "r1")]);
        let body = r#"{"country":"SE","parts":["names","board"],"subject":{"number":"5560125790","kind":"registration"}}"#;
        assert_eq!(json(&company), serde_json::from_str::<Value>(body).unwrap());
        let status = request("example.status", &[("language", "sv")]);
        assert_eq!(status.query, [pair("id", NUMBER), pair("language", "sv"), pair("ref", "r1")]);
    }

    #[test]
    fn what_is_too_long_for_the_line_is_told_to_the_byte() {
        let (base, service) =
            ("https://x.test/api/", Service::clone(catalogue().service("example.status").unwrap().1));
        let is_too_long =
            |service: &Service, value: &str| is_too_long(base, service, NUMBER, &[pair("language", value)]);
        let short = request("example.status", &[("language", "")]);
        let mut url = Url::parse(&short.url).unwrap();
        url.query_pairs_mut().extend_pairs(&short.query);
        // The reference of this request has two letters.
        let room = LONGEST - (url.as_str().len() + LONGEST_REFERENCE - 2);
        for (unit, length) in [("a", 1), (" ", 1), ("&", 3), ("å", 6)] {
            let most = room / length;
            assert!(!is_too_long(&service, &unit.repeat(most)), "{unit}");
            assert!(is_too_long(&service, &unit.repeat(most + 1)), "{unit}");
        }
        let mut in_path = service.clone();
        in_path.path = Fill::parse("/c/{language}").unwrap();
        assert!(is_too_long(&in_path, &"å".repeat(11_000)) && !is_too_long(&in_path, &"å".repeat(1_000)));
        let mut in_header = service.clone();
        in_header.query.clear();
        in_header.headers = vec![("X-Note".to_owned(), Fill::parse("{language}").unwrap())];
        assert!(
            is_too_long(&in_header, &"a".repeat(66_000)) && !is_too_long(&in_header, &"a".repeat(60_000))
        );
        let mut in_body = service;
        in_body.query.clear();
        in_body.body = Some(Body::Form(vec![("note".to_owned(), Fill::parse("{language}").unwrap())]));
        assert!(!is_too_long(&in_body, &"a".repeat(1_000_000)));
    }

    #[test]
    fn a_value_stays_within_its_segment_of_the_path() {
        let mut service = Service::clone(catalogue().service("example.company").unwrap().1);
        service.path = Fill::parse("/c/{detail}/{number}").unwrap();
        service.body = Some(Body::Form(vec![("n".to_owned(), Fill::of(Piece::Number))]));
        let params = [pair("detail", "a/../b?c=d#å")];
        let request = prepare("https://x.test", &service, NUMBER, "r1", &params);
        assert_eq!(request.url, "https://x.test/c/a%2F..%2Fb%3Fc%3Dd%23%C3%A5/5560125790");
        assert!(request.body == Some(RequestBody::Form(vec![pair("n", NUMBER)])));
        let shown = format!("{request:?}{:?}", request.body);
        assert!(!shown.contains(NUMBER) && !shown.contains("x.test"), "{shown}");
    }

    fn json(request: &Request) -> Value {
        match &request.body {
            Some(RequestBody::Json(text)) => serde_json::from_str(text).unwrap(),
            other => panic!("{other:?}"),
        }
    }
}
