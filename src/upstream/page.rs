//! A page that is not the provider's: what a proxy, a firewall or another server says in its place.

use super::{Fault, Reading};

/// The code of a success that turned out to be a page: it may have been carried out, and there is nothing to show for it.
pub(super) const PAGE: &str = "page";

/// Whether a body is written for people: HTML, or XML of any kind. No dialect has either, and JSON begins otherwise.
pub(super) fn is_page(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    body.trim_ascii_start().first() == Some(&b'<')
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
    fn pages_are_told_from_what_programs_write() {
        for page in ["<!DOCTYPE html><html>", "\u{feff}\r\n <HTML>", "<?xml version='1.0'?>", "<!-- x -->"] {
            assert!(is_page(page.as_bytes()), "{page}");
        }
        for other in ["", " ", "{\"a\":\"<html>\"}", "[]", "Access denied - no", "\"<html>\"", "503"] {
            assert!(!is_page(other.as_bytes()), "{other}");
        }
    }
}
