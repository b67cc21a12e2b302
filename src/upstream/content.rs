//! What came in a body, read once for whoever reads on.

use super::page::{self, PAGE};
use super::{Reading, Response, Unread, charset, json};
use crate::domain::json::Json;

/// A body, read as far as it can be.
pub(super) struct Content {
    pub(super) json: Option<Json>,
    /// Whether it is a page for people.
    pub(super) is_page: bool,
    /// Whether there is nothing in it.
    pub(super) is_blank: bool,
}

impl Content {
    pub(super) fn of(response: &Response) -> Self {
        let Response { content_type, body, .. } = response;
        let json = json::parse(content_type.as_deref(), body);
        let media_type = content_type.as_deref().unwrap_or_default().split(';').next().unwrap_or_default();
        let html = ["text/html", "application/xhtml+xml"];
        let is_html = html.iter().any(|html| media_type.trim().eq_ignore_ascii_case(html));
        let is_blank = body.trim_ascii().is_empty();
        let is_page = json.is_none() && (is_html && !is_blank || page::is_page(body));
        Self { json, is_page, is_blank }
    }
}

/// What is kept of a `Content-Type`: the media type, and the charset unless what is kept is UTF-8 by now. A header may hold
/// anything, so nothing is kept of one that is not written as those are.
pub(super) fn kept(content_type: &str, is_utf_8: bool) -> Option<String> {
    const LONGEST: usize = 100;
    let is_name = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-' | b'_'))
    };
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (kind, form) = media_type.split_once('/')?;
    if !is_name(kind) || !is_name(form) || media_type.len() > LONGEST {
        return None;
    }
    let charset = charset::declared(content_type).filter(|label| !is_utf_8 && charset::is_known(label));
    Some(match charset {
        Some(label) => format!("{media_type}; charset={}", label.to_ascii_lowercase()),
        None => media_type,
    })
}

/// What a 2xx is that says nothing which its dialect knows. A page is the work of something that stands before the service.
pub(super) fn unread(is_page: bool) -> Reading {
    if is_page { Reading::Lost { code: PAGE.to_owned() } } else { Reading::Unreadable(Unread::default()) }
}

/// What cannot be read, as it is kept: without `echo`, a member's name, where it is JSON. It is read a second time, since that is
/// rare, and nobody else needs the whole of what was read beside what was made of it.
pub(super) fn kept_whole(response: &Response, echo: &str) -> Unread {
    let body = json::parse(response.content_type.as_deref(), &response.body).map(|mut json| {
        json.drop_members(echo);
        json.bytes()
    });
    let content_type = response.content_type.as_deref();
    let content_type = content_type.and_then(|as_it_came| kept(as_it_came, body.is_some()));
    Unread { body: body.unwrap_or_else(|| response.body.clone()), content_type }
}
