//! Bearer tokens, web tokens, and secrets that are known.

use serde_json::Value;

/// Shorter than any token or password that is worth one: what is shorter would mask ordinary text.
pub(super) const SHORTEST: usize = 6;

/// Where the run of such characters that begins at `from` ends.
fn run_end(chars: &[char], from: usize, belongs: impl Fn(char) -> bool) -> usize {
    chars[from..].iter().position(|c| !belongs(*c)).map_or(chars.len(), |length| from + length)
}

pub(super) fn mask_bearers(chars: &mut [char]) {
    const WORD: &str = "bearer";
    let mut at = 0;
    while at + WORD.len() < chars.len() {
        let after = at + WORD.len();
        if chars[at..after].iter().zip(WORD.chars()).all(|(c, word)| c.eq_ignore_ascii_case(&word)) {
            let token = run_end(chars, after, char::is_whitespace);
            let end = if token > after { run_end(chars, token, is_token) } else { token };
            chars[token..end].fill('*');
            at = end;
        } else {
            at += 1;
        }
    }
}

/// The characters of a bearer token, RFC 6750.
fn is_token(c: char) -> bool {
    is_base64url(c) || matches!(c, '.' | '~' | '+' | '/' | '=')
}

fn is_base64url(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// Masks every dotted run in which three parts in a row are long enough to be those of a JSON web token.
pub(super) fn mask_web_tokens(chars: &mut [char]) {
    const PART: usize = 10;
    let mut at = 0;
    while at < chars.len() {
        let end = run_end(chars, at, |c| is_base64url(c) || c == '.');
        let parts: Vec<usize> = chars[at..end].split(|c| *c == '.').map(<[char]>::len).collect();
        if parts.windows(3).any(|three| three.iter().all(|length| *length >= PART)) {
            chars[at..end].fill('*');
        }
        at = end + 1;
    }
}

/// Masks a secret wherever it stands.
pub(super) fn mask_secret(chars: &mut [char], secret: &str) {
    let secret: Vec<char> = secret.chars().collect();
    if secret.len() < SHORTEST {
        return;
    }
    let mut at = 0;
    while at + secret.len() <= chars.len() {
        if chars[at..].starts_with(&secret) {
            chars[at..at + secret.len()].fill('*');
            at += secret.len();
        } else {
            at += 1;
        }
    }
}

/// A secret as the bytes of a text, plain and escaped as in JSON, in UTF-8, UTF-16 and Latin-1.
pub(super) fn forms(secret: &str) -> Vec<Vec<u8>> {
    let quoted = Value::from(secret).to_string();
    let escaped = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    let ascii: String = escaped.chars().fold(String::new(), |mut text, c| {
        if c.is_ascii() {
            text.push(c);
        } else {
            text.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        }
        text
    });
    let slashed = [escaped, &ascii].map(|text| text.replace('/', "\\/"));
    let mut forms = Vec::new();
    for text in [secret, escaped, &ascii, &slashed[0], &slashed[1]] {
        let wide = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect();
        let latin: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c).ok()).collect();
        forms.extend([text.as_bytes().to_vec(), wide(u16::to_le_bytes), wide(u16::to_be_bytes)]);
        forms.extend(latin);
    }
    forms.sort_unstable();
    forms.dedup();
    forms
}
