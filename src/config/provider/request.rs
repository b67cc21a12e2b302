//! How a service is asked, read from its file: path, query, headers and body, and what may stand in them.

use crate::config::catalogue::{Body, Fill, Method, Node, Param, ParamKind, Piece};
use crate::problem::Problem;
use crate::shape::{View, suggestion};
use serde_json::{Number, Value};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Headers that the runner sets, or that a file has no business with.
const RESERVED: [&str; 12] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "host",
    "connection",
    "content-length",
    "content-type",
    "transfer-encoding",
    "te",
    "upgrade",
    "expect",
    "user-agent",
];

/// The parts of a request.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: Fill,
    pub(super) query: Vec<(String, Fill)>,
    pub(super) headers: Vec<(String, Fill)>,
    pub(super) body: Option<Body>,
}

/// Where a template stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Path,
    Query,
    Header,
    Body,
}

/// Reads the request of a service with these parameters. `personal` is whether it takes numbers of persons.
pub(super) fn read(view: &View<'_>, params: &[Param], personal: bool, problems: &mut Vec<Problem>) -> Asked {
    let mut reader = Reader { params, problems, seen: Vec::new() };
    let method = if view.text("method") == Some("post") { Method::Post } else { Method::Get };
    let path = view.item("path").map_or_else(
        || Fill::of(Piece::Text(String::new())),
        |item| reader.fill(item.text, item.span, Part::Path),
    );
    let mut query = Vec::new();
    if let Some(name) = view.item("number_param") {
        reader.seen.push((Fill::of(Piece::Number), name.span, Part::Query));
        query.push((name.text.to_owned(), Fill::of(Piece::Number)));
    }
    query.extend(reader.pairs(view, "query", Part::Query));
    let headers = reader.pairs(view, "headers", Part::Header);
    let body = reader.body(view);
    reader.headers(view);
    reader.method(view, method, body.is_some());
    reader.unplaced(view, body.is_some(), &mut query);
    query.extend(view.owned("reference_param").map(|name| (name, Fill::of(Piece::Reference))));
    reader.number(view, personal && (method == Method::Post || body.is_some()));
    Asked { method, path, query, headers, body }
}

struct Reader<'a> {
    params: &'a [Param],
    problems: &'a mut Vec<Problem>,
    /// Every template with its place.
    seen: Vec<(Fill, Range<usize>, Part)>,
}

impl Reader<'_> {
    fn tell(&mut self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem::new(span, message).help(help));
    }

    fn fill(&mut self, text: &str, span: Range<usize>, part: Part) -> Fill {
        let fill = Fill::parse(text).unwrap_or_else(|reason| {
            self.problems.push(Problem::new(span.clone(), reason));
            Fill::of(Piece::Text(text.to_owned()))
        });
        let names: Vec<&str> = fill.params().collect();
        for name in names {
            self.place(name, &span, part, fill.lone_param().is_some());
        }
        if part == Part::Path {
            self.path(&fill, span.clone());
        }
        self.seen.push((fill.clone(), span, part));
        fill
    }

    /// A parameter at a place must be one of the service's, and be there where the place needs it.
    fn place(&mut self, name: &str, span: &Range<usize>, part: Part, alone: bool) {
        let Some(param) = self.params.iter().find(|param| param.name == name) else {
            let known = self.params.iter().map(|param| param.name.as_str());
            let known: Vec<&str> = ["number", "transactionid"].into_iter().chain(known).collect();
            let help = suggestion(name, known.iter().copied());
            let message = format!("`{{{name}}}` names no input of this service");
            return self.tell(
                span.clone(),
                message,
                format!("{help} A parameter is declared by [[service.param]]"),
            );
        };
        if !param.required && param.default.is_none() && (part == Part::Path || !alone) {
            let message = format!("`{{{name}}}` may be absent, and then this could not be filled");
            self.tell(span.clone(), message, "make the parameter required, or give it a default");
        }
        if part == Part::Path && matches!(param.kind, ParamKind::List(_)) {
            let message = "a list does not stand in a path";
            self.tell(span.clone(), message, "place it in [service.query] or in a body");
        }
    }

    fn path(&mut self, fill: &Fill, span: Range<usize>) {
        let texts: String = fill
            .pieces()
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.as_str(),
                _ => "x",
            })
            .collect();
        if !texts.starts_with('/') {
            let message = "a path below the base address begins with `/`";
            self.problems.push(Problem::new(span, message));
        } else if texts.contains(['?', '#', '\\', '%']) || texts.contains(char::is_whitespace) {
            let message = "a path holds no `?`, `#`, `%`, backslash or blank";
            self.tell(span, message, "query parameters stand in [service.query]");
        } else if texts.split('/').any(|segment| matches!(segment, "." | "..")) {
            self.tell(span, "a path goes down only", "write it without `.` and `..`");
        }
    }

    fn pairs(&mut self, view: &View<'_>, key: &str, part: Part) -> Vec<(String, Fill)> {
        let entries = view.entries(key).into_iter();
        entries
            .filter_map(|(name, value)| {
                let fill = self.fill(value.get_ref().as_str()?, value.span(), part);
                Some((name.text.to_owned(), fill))
            })
            .collect()
    }

    fn headers(&mut self, view: &View<'_>) {
        for (name, value) in view.entries("headers") {
            let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            if name.text.is_empty() || !name.text.bytes().all(token) {
                self.problems.push(Problem::new(name.span.clone(), "this is no name of a header"));
            }
            if RESERVED.contains(&name.text.to_ascii_lowercase().as_str()) {
                let message = format!("orgpull sets `{}` itself, or never sends it", name.text);
                self.tell(name.span, message, "remove it; a login is told by `auth`");
            }
            let visible = |text: &str| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
            if value.get_ref().as_str().is_some_and(|text| !visible(text)) {
                self.problems.push(Problem::new(value.span(), "a header takes visible ASCII only"));
            }
        }
    }

    fn body(&mut self, view: &View<'_>) -> Option<Body> {
        if view.has("json") && view.has("form") {
            self.tell(view.place("form"), "a request has one body", "keep `json` or `form`");
        }
        let json = view.value("json").and_then(|value| value.get_ref().as_table());
        json.map(|table| Body::Json(self.object(table)))
            .or_else(|| view.has("form").then(|| Body::Form(self.pairs(view, "form", Part::Body))))
    }

    fn object(&mut self, table: &DeTable<'_>) -> Node {
        let members = table.iter();
        Node::Object(members.map(|(name, value)| (name.get_ref().to_string(), self.node(value))).collect())
    }

    fn node(&mut self, value: &Spanned<DeValue<'_>>) -> Node {
        match value.get_ref() {
            DeValue::String(text) => Node::Fill(self.fill(text, value.span(), Part::Body)),
            DeValue::Boolean(flag) => Node::Fixed(Value::Bool(*flag)),
            DeValue::Table(table) => self.object(table),
            DeValue::Array(values) => Node::Array(values.iter().map(|value| self.node(value)).collect()),
            DeValue::Integer(number) => {
                let whole = i64::from_str_radix(number.as_str(), number.radix()).ok();
                self.number_of(whole.map(Number::from), value.span())
            }
            DeValue::Float(number) => {
                let real = number.as_str().parse::<f64>().ok().and_then(Number::from_f64);
                self.number_of(real, value.span())
            }
            DeValue::Datetime(_) => {
                let message = "JSON has no dates";
                self.tell(value.span(), message, "put it in quotes");
                Node::Fixed(Value::Null)
            }
        }
    }

    fn number_of(&mut self, number: Option<Number>, span: Range<usize>) -> Node {
        if number.is_none() {
            self.problems.push(Problem::new(span, "JSON has no such number"));
        }
        Node::Fixed(number.map_or(Value::Null, Value::Number))
    }

    fn method(&mut self, view: &View<'_>, method: Method, has_body: bool) {
        if method == Method::Get && has_body {
            let place = if view.has("json") { view.place("json") } else { view.place("form") };
            self.tell(place, "a GET carries no body", "write method = \"post\"");
        }
    }

    /// What no template names goes into the query under its own name, where there is no body.
    fn unplaced(&mut self, view: &View<'_>, has_body: bool, query: &mut Vec<(String, Fill)>) {
        let declared = view.tables("param");
        for param in self.params {
            let placed = self.seen.iter().any(|(fill, ..)| fill.params().any(|name| name == param.name));
            let declared = declared.iter().find(|view| view.text("name") == Some(&param.name));
            let (false, Some(declared)) = (placed, declared) else { continue };
            if has_body {
                let message = format!("the parameter `{}` is sent nowhere", param.name);
                let help = format!(
                    "write \"{{{}}}\" where it belongs: in the body, the query or a header",
                    param.name
                );
                self.tell(declared.place("name"), message, help);
            } else {
                query.push((param.name.clone(), Fill::of(Piece::Param(param.name.clone()))));
            }
        }
    }

    /// The number must be sent somewhere, and a personal one not in an address where a body can carry it.
    fn number(&mut self, view: &View<'_>, only_in_body: bool) {
        let sent: Vec<_> = self
            .seen
            .iter()
            .filter(|(fill, ..)| fill.has_number())
            .map(|(_, span, part)| (span.clone(), *part))
            .collect();
        if sent.is_empty() {
            let message = "this service sends the number nowhere";
            let help =
                "write \"{number}\" in the path, the query, a header or the body, or give `number_param`";
            self.tell(view.header(), message, help);
        }
        let in_address = sent.into_iter().filter(|(_, part)| matches!(part, Part::Path | Part::Query));
        for (span, _) in in_address.filter(|_| only_in_body) {
            let message = "a personal number does not go into an address where a body can carry it";
            self.tell(span, message, "write \"{number}\" in [service.json] or [service.form]");
        }
    }
}
