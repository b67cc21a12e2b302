//! How a service is asked: templates with places for the number, our reference and the parameters of a job.

use serde_json::Value;

/// How a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// Everything in the address.
    #[default]
    Get,
    /// With a body, which keeps a number out of addresses.
    Post,
}

/// A text with places to fill in: `{number}`, `{transactionid}`, and `{name}` for a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    pieces: Vec<Piece>,
}

/// A part of a [`Fill`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// As it stands.
    Text(String),
    /// The number, in the form that the service takes for its kind.
    Number,
    /// Our reference of the attempt: at most 14 characters, unique.
    Reference,
    /// The value of a parameter.
    Param(String),
}

/// What a request carries.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// JSON.
    Json(Node),
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, Fill)>),
}

/// A JSON value with places to fill in.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A text with places. One that is nothing but a parameter has that parameter's JSON type, and is left out with it.
    Fill(Fill),
    /// A number or a flag, as it stands.
    Fixed(Value),
    /// An object.
    Object(Vec<(String, Node)>),
    /// A list.
    Array(Vec<Node>),
}

impl Fill {
    /// Reads a template. `{{` and `}}` stand for the braces themselves.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let tail = &rest[at..];
            if tail.starts_with("{{") || tail.starts_with("}}") {
                plain.push_str(&tail[..1]);
                rest = &tail[2..];
                continue;
            }
            if tail.starts_with('}') {
                return Err("a `}` without its `{`; write `}}` for the brace itself".to_owned());
            }
            let end = tail.find('}').ok_or("a `{` without its `}`; write `{{` for the brace itself")?;
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::named(tail[1..end].trim())?);
            rest = &tail[end + 1..];
        }
        plain.push_str(rest);
        if !plain.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self { pieces })
    }

    /// Nothing but this.
    pub fn of(piece: Piece) -> Self {
        Self { pieces: vec![piece] }
    }

    /// Its parts, in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The parameters that it names.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Param(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Whether the number is in it.
    pub fn has_number(&self) -> bool {
        self.pieces.contains(&Piece::Number)
    }

    /// The parameter, where it is nothing but one.
    pub fn lone_param(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [Piece::Param(name)] => Some(name),
            _ => None,
        }
    }

    /// Whether it is filled without a job's help.
    fn is_ours(&self) -> bool {
        matches!(self.pieces.as_slice(), [Piece::Number | Piece::Reference])
    }
}

impl Piece {
    fn named(name: &str) -> Result<Self, String> {
        match name {
            "" => Err("`{}` names nothing: write `{number}`, `{transactionid}` or a parameter".to_owned()),
            "number" => Ok(Self::Number),
            "transactionid" => Ok(Self::Reference),
            name => Ok(Self::Param(name.to_owned())),
        }
    }
}

impl Body {
    /// Every template in it.
    pub fn fills(&self) -> Vec<&Fill> {
        match self {
            Self::Form(fields) => fields.iter().map(|(_, fill)| fill).collect(),
            Self::Json(node) => {
                let mut fills = Vec::new();
                node.collect(&mut fills);
                fills
            }
        }
    }

    /// Whether the field of this name is filled in by orgpull itself.
    pub(super) fn fills_by_itself(&self, name: &str) -> bool {
        match self {
            Self::Form(fields) => fields.iter().any(|(field, fill)| field == name && fill.is_ours()),
            Self::Json(node) => node.fills_by_itself(name),
        }
    }
}

impl Node {
    fn collect<'a>(&'a self, fills: &mut Vec<&'a Fill>) {
        match self {
            Self::Fill(fill) => fills.push(fill),
            Self::Fixed(_) => {}
            Self::Object(members) => members.iter().for_each(|(_, node)| node.collect(fills)),
            Self::Array(nodes) => nodes.iter().for_each(|node| node.collect(fills)),
        }
    }

    fn fills_by_itself(&self, name: &str) -> bool {
        let ours = |node: &Self| matches!(node, Self::Fill(fill) if fill.is_ours());
        match self {
            Self::Fill(_) | Self::Fixed(_) => false,
            Self::Object(members) => members
                .iter()
                .any(|(member, node)| member == name && ours(node) || node.fills_by_itself(name)),
            Self::Array(nodes) => nodes.iter().any(|node| node.fills_by_itself(name)),
        }
    }
}

/// Whether one of these query parameters or headers is filled in by orgpull itself.
pub(super) fn filled_by_itself(pairs: &[(String, Fill)], name: &str) -> bool {
    pairs.iter().any(|(field, fill)| field == name && fill.is_ours())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_know_their_places() {
        let fill = Fill::parse("/a/{number}/{{x}}/{ p }").unwrap();
        let text = |text: &str| Piece::Text(text.to_owned());
        assert_eq!(fill.pieces(), [text("/a/"), Piece::Number, text("/{x}/"), Piece::Param("p".to_owned())]);
        assert!(fill.has_number() && fill.lone_param().is_none());
        assert_eq!(Fill::parse("{p}").unwrap().lone_param(), Some("p"));
        assert_eq!(Fill::parse("{transactionid}").unwrap(), Fill::of(Piece::Reference));
        for text in ["{", "}", "{}", "a{b"] {
            assert!(Fill::parse(text).is_err(), "{text}");
        }
    }
}
