//! The text of a body, by the charset that is declared for it.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use std::borrow::Cow;

/// The text of a body. `None` if it is not in the charset that its `Content-Type` declares, or that a byte-order mark
/// tells; without either it is UTF-8, as JSON is.
pub(super) fn text<'b>(content_type: Option<&str>, body: &'b [u8]) -> Option<Cow<'b, str>> {
    let (charset, body) = match Encoding::for_bom(body) {
        Some((charset, mark)) => (charset, &body[mark..]),
        None => (content_type.and_then(declared).map_or(UTF_8, |label| named(label, body)), body),
    };
    if charset == UTF_16LE || charset == UTF_16BE {
        let whole = if body.len() % 2 == 1 { body.strip_suffix(b"\0")? } else { body };
        // All that is replaced is a surrogate that stands alone.
        return Some(charset.decode_without_bom_handling(whole).0);
    }
    let text = charset.decode_without_bom_handling_and_without_replacement(body);
    if charset == UTF_8 { text.or_else(|| with_surrogates(body).map(Cow::Owned)) } else { text }
}

/// Whether a charset is one that is known by its name.
pub(super) fn is_known(label: &str) -> bool {
    Encoding::for_label(label.as_bytes()).is_some()
}

/// The charset that a content type names.
pub(super) fn declared(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches(['"', '\'']).trim())
    })
}

/// A charset by its name. ISO-8859-1 is read as Windows-1252, as the Encoding Standard has it: those who declare the first
/// send the second, and where they differ the first has no characters. What nobody knows by its name is read as JSON's own
/// charset.
fn named(label: &str, body: &[u8]) -> &'static Encoding {
    if label.eq_ignore_ascii_case("utf-16") {
        // No JSON begins with U+0000: which half is zero tells which comes first.
        return if body.first() == Some(&0) { UTF_16BE } else { UTF_16LE };
    }
    // The standard takes ASCII for Windows-1252 too, but what is no ASCII contradicts it.
    let ascii = ["us-ascii", "ascii"].iter().any(|name| label.eq_ignore_ascii_case(name));
    Encoding::for_label(label.as_bytes()).filter(|_| !ascii).unwrap_or(UTF_8)
}

/// Text in UTF-8 but for surrogates, which UTF-8 does not allow and some encoders write: halves of a pair are one character,
/// one alone is U+FFFD. `None` if anything else is wrong.
fn with_surrogates(mut body: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(body.len());
    while let Err(error) = std::str::from_utf8(body) {
        let (valid, rest) = body.split_at(error.valid_up_to());
        text.push_str(std::str::from_utf8(valid).ok()?);
        let first = surrogate(rest)?;
        let pair = rest.get(3..).and_then(surrogate).map(|second| char::decode_utf16([first, second]).next());
        let (read, length) = match pair {
            Some(Some(Ok(character))) => (character, 6),
            _ => (char::REPLACEMENT_CHARACTER, 3),
        };
        text.push(read);
        body = &rest[length..];
    }
    text.push_str(std::str::from_utf8(body).ok()?);
    Some(text)
}

/// The surrogate that begins here, in three bytes as UTF-8 would write it.
fn surrogate(bytes: &[u8]) -> Option<u16> {
    match *bytes {
        [0xed, high @ 0xa0..=0xbf, low @ 0x80..=0xbf, ..] => {
            Some(0xd000 | u16::from(high & 0x3f) << 6 | u16::from(low & 0x3f))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(content_type: &str, body: &[u8]) -> Option<String> {
        text(Some(content_type).filter(|text| !text.is_empty()), body).map(Cow::into_owned)
    }

    #[test]
    fn a_declared_charset_is_obeyed() {
        let utf_16 = |swap: bool| {
            let bytes = "{\"ö\"}".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
            if swap { bytes.chunks(2).flat_map(|two| [two[1], two[0]]).collect() } else { bytes }
        };
        let marked = |mark: &[u8], body: &[u8]| [mark, body].concat();
        let odd = marked(&utf_16(false), b"\0");
        let utf_16s: [(&str, Vec<u8>); 8] = [
            ("application/json; charset=utf-16le", utf_16(false)),
            ("application/json; charset=UTF-16BE", utf_16(true)),
            ("application/json; charset=utf-16", utf_16(false)),
            ("application/json; charset=utf-16", utf_16(true)),
            ("", marked(b"\xff\xfe", &utf_16(false))),
            ("application/json; charset=utf-8", marked(b"\xfe\xff", &utf_16(true))),
            ("text/plain;charset=utf-16", marked(b"\xff\xfe", &utf_16(false))),
            ("application/json; charset=utf-16", odd),
        ];
        for (content_type, body) in &utf_16s {
            let read = read(content_type, body).unwrap();
            assert_eq!(read.trim_end_matches('\0'), "{\"ö\"}", "{content_type}");
        }
        for (content_type, body, expected) in [
            ("application/json; charset=ISO-8859-1", &b"\xe5\xe4\xf6"[..], Some("åäö")),
            ("application/json;version=1; Charset = \"latin1\" ", b"\xe5", Some("å")),
            ("text/json; charset='windows-1252'", b"\x80", Some("€")),
            ("application/json; charset=iso-8859-15", b"\xa4", Some("€")),
            ("application/json; charset=iso-8859-1", b"\xef\xbb\xbf\xc3\xa5", Some("å")),
            ("application/json; charset=utf-8", b"\xc3\xa5", Some("å")),
            ("application/json; charset=us-ascii", b"\xc3\xa5", Some("å")),
            ("application/json; charset=us-ascii", b"\xe5", None),
            ("application/json; charset=nobody-knows", b"\xc3\xa5", Some("å")),
            ("application/json; charset=", b"a", Some("a")),
            ("charset=iso-8859-1", b"\xe5", None),
            ("", b"\xe5", None),
            ("application/json", b"\xe5", None),
            ("application/json; charset=utf-8", b"\xe5", None),
            ("application/json; charset=utf-16", b"\x7b\x00\x41", None),
            ("application/json; charset=shift_jis", b"\x81", None),
        ] {
            assert_eq!(read(content_type, body).as_deref(), expected, "{content_type} {body:?}");
        }
    }

    #[test]
    fn surrogates_in_bytes_are_read_as_those_in_escapes() {
        for (body, expected) in [
            (&b"a\xed\xa0\x80b"[..], Some("a\u{fffd}b")),
            (b"\xed\xbf\xbf", Some("\u{fffd}")),
            (b"\xed\xa0\xbd\xed\xb8\x80\xc3\xa5", Some("😀å")),
            (b"\xed\xb8\x80\xed\xa0\xbd", Some("\u{fffd}\u{fffd}")),
            (b"\xed\xa0\x80\xff", None),
            (b"\xed\xa0", None),
        ] {
            assert_eq!(read("", body).as_deref(), expected, "{body:?}");
        }
        assert_eq!(read("x/y; charset=utf-16le", b"\x00\xd8a\0").as_deref(), Some("\u{fffd}a"));
    }

    proptest! {
        #[test]
        fn any_bytes_under_any_name(content_type in "\\PC*|a/b; ?charset=(utf-16|utf-8|latin1|big5|x)", body: Vec<u8>) {
            let _ = text(Some(&content_type), &body);
        }

        #[test]
        fn utf_8_is_read_as_it_is(body in "\\PC*") {
            prop_assert_eq!(read("application/json", body.as_bytes()), Some(body));
        }
    }
}
