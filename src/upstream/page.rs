//! A page that is not the provider's: what a proxy, a firewall or another server says in its place.

use super::{Fault, Reading};

/// The code of a success that turned out to be a page: it may have been carried out, and there is nothing to show for it.
pub(super) const PAGE: &str = "page";

/// Whether a body is written for people: HTML, or XML of any kind. No dialect has either, and JSON begins otherwise.
pub(super) fn is_page(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    body.trim_ascii_start().first() == Some(&b'<')
}

/// Whether a body adds nothing to its status: it is empty, an empty object, or the status in words.
pub(super) fn is_bare(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body).trim_ascii();
    let inside = body.strip_prefix(b"{").and_then(|body| body.strip_suffix(b"}")).unwrap_or(body);
    inside.trim_ascii().is_empty() || std::str::from_utf8(body).is_ok_and(is_phrase)
}

/// What HTTP itself says of a status, as frameworks and gateways repeat it in JSON: no provider explains itself by it alone.
const PHRASES: [&str; 24] = [
    "bad request",
    "unauthorized",
    "not authorized",
    "authentication required",
    "payment required",
    "forbidden",
    "access denied",
    "not found",
    "method not allowed",
    "not acceptable",
    "proxy authentication required",
    "request timeout",
    "conflict",
    "gone",
    "length required",
    "payload too large",
    "request entity too large",
    "unsupported media type",
    "unprocessable entity",
    "unprocessable content",
    "too many requests",
    "internal server error",
    "bad gateway",
    "service unavailable",
];

/// Whether a text is a status in words and nothing more.
pub(super) fn is_phrase(text: &str) -> bool {
    let words = text.trim().trim_end_matches(['.', '!']).to_ascii_lowercase();
    let words = words.trim_start_matches(|c: char| c.is_ascii_digit() || c.is_whitespace());
    PHRASES.contains(&words)
}

/// A redirect or a refusal that does not have the provider's form. Nothing of it says what became of the request.
pub(super) fn foreign(status: u16) -> Reading {
    let message = match status {
        300..=399 => {
            "the service answers with a redirect to elsewhere, which is not followed; check base_url"
                .to_owned()
        }
        // Only where no login could bring another token.
        401 => "the service answers with status 401; check the account's token, and base_url".to_owned(),
        404 => "nothing is served at this address; check base_url and the service's path".to_owned(),
        _ => format!(
            "the service answers with status {status} and a page that is not the provider's; check base_url, and what \
             stands between (a proxy, a firewall)"
        ),
    };
    Reading::Foreign(Fault { code: status.to_string(), message, billed: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_in_words_are_told_from_what_a_provider_says() {
        for phrase in
            ["Forbidden", "Not Found", " not found. ", "403 Forbidden", "Unauthorized!", "BAD REQUEST"]
        {
            assert!(is_phrase(phrase), "{phrase}");
        }
        for other in [
            "",
            "no such number",
            "Forbidden for this scope",
            "Access denied - wrong password",
            "invalid_client",
        ] {
            assert!(!is_phrase(other), "{other}");
        }
    }

    #[test]
    fn a_status_without_anything_else_is_bare() {
        for bare in ["", " \r\n", "\u{feff}", "{}", "{ \n}", "Unauthorized\n", "401 Unauthorized"] {
            assert!(is_bare(bare.as_bytes()), "{bare:?}");
        }
        for other in ["[]", "}", "\"Unauthorized\"", "{\"message\":\"Unauthorized\"}", "<html>"] {
            assert!(!is_bare(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn pages_are_told_from_what_programs_write() {
        for page in ["<!DOCTYPE html><html>", "\u{feff}\r\n <HTML>", "<?xml version='1.0'?>", "<!-- x -->"] {
            assert!(is_page(page.as_bytes()), "{page}");
        }
        for other in ["", " ", "{\"a\":\"<html>\"}", "[]", "Access denied - no", "\"<html>\"", "503"] {
            assert!(!is_page(other.as_bytes()), "{other}");
        }
    }
}
