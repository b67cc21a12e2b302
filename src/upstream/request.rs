//! The request for one lookup, made from a service's templates.

use crate::config::catalogue::{Body, Fill, Method, Node, ParamKind, Piece, Service};
use serde_json::{Map, Value};
use std::fmt;

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
        let given = self.params.iter().find(|(param, _)| param == name);
        given.map(|(_, value)| value.as_str())
    }

    /// The whole text, or nothing where a parameter in it has no value.
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
fn encoded(value: &str) -> String {
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
