//! Whether what answers a call for data is a login's answer: a proxy mixes two replies up, or an address points at the login.
//!
//! It holds a token, which is on no disk and in no output, and nothing that was asked for. A report that has a member called
//! `token` (of its next page, say) is none: it holds something besides.

use super::question::identifies;
use serde_json::Value;

/// The member of RFC 6749 section 5.1, in letters alone.
const ACCESS_TOKEN: &str = "accesstoken";

/// What logins say beside `access_token`, or `token`: RFC 6749 section 5.1, OpenID Connect, and what servers add of their own.
/// In lower case and letters alone, since they are written `expires_in`, `expiresIn` and `.expires`.
const BESIDE: [&str; 32] = [
    "accesstoken",
    "token",
    "tokentype",
    "type",
    "expires",
    "expiresin",
    "expireson",
    "expiresat",
    "expiry",
    "expiration",
    "exp",
    "extexpiresin",
    "iat",
    "issued",
    "issuedat",
    "issuedtokentype",
    "nbf",
    "notbefore",
    "notbeforepolicy",
    "validto",
    "validuntil",
    "scope",
    "scopes",
    "refreshtoken",
    "refreshtokenexpiresin",
    "refreshexpiresin",
    "idtoken",
    "sessionstate",
    "jti",
    "audience",
    "aud",
    "resource",
];

/// Whom a login was for, as some servers add it to `access_token`.
const USER: [&str; 6] = ["user", "account", "roles", "permissions", "authorities", "groups"];

/// Whether a body is a login's answer: an `access_token` without a report beside it, or a `token` with nothing beside it but
/// what logins say.
pub(super) fn is_logins(body: &Value) -> bool {
    let Value::Object(members) = body else { return false };
    let said =
        || members.iter().filter(|(_, value)| !is_empty(value)).map(|(name, value)| (plain(name), value));
    let has = |token: &str| said().any(|(name, value)| name == token && value.is_string());
    let says = |name: &str| BESIDE.contains(&name);
    if has(ACCESS_TOKEN) {
        let is_report = |name: &str, value: &Value| {
            let holds = value.is_object() || value.is_array();
            holds && !USER.contains(&name) || identifies(name)
        };
        return said().all(|(name, value)| says(&name) || !is_report(&name, value));
    }
    has("token") && said().all(|(name, _)| says(&name))
}

/// A member's name in lower case, without what parts its words.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | '.')).flat_map(char::to_lowercase).collect()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Question, Reading, answered, read};
    use crate::config::catalogue::{Catalogue, Dialect};
    use std::path::Path;

    fn dialects() -> Vec<Dialect> {
        let mut catalogue = Catalogue::built_in();
        let example = include_str!("../../config/providers/example.toml");
        catalogue.extend(Path::new("example.toml"), example).unwrap();
        let of = |name: &str| catalogue.service(name).unwrap().1.dialect.clone();
        ["creditsafe.getdata", "dnb.company", "example.company"].map(of).into()
    }

    #[test]
    fn a_logins_answer_is_no_data_and_is_not_kept() {
        for body in [
            r#"{"token":"t"}"#,
            r#"{"token":"t","expires_in":3600}"#,
            r#"{"token":"t","refresh_token":"r","token_type":"Bearer","scope":"bci"}"#,
            r#"{"Token":"t","expiresIn":3600,"refreshToken":"r"}"#,
            r#"{"token":"t","report":null,"error":{}}"#,
            r#"{"access_token":"t"}"#,
            r#"{"access_token":"t","token_type":"Bearer"}"#,
            r#"{"access_token":"t","token_type":"Bearer","expires_in":3600,"scope":"bci credit_data_companies"}"#,
            r#"{"access_token":"t","token_type":"Bearer","jti":"j","tenant":"x","message":"ok"}"#,
            r#"{"access_token":"t","token_type":"Bearer","scope":["a","b"],"user":{"name":"x"},"roles":["r"]}"#,
            r#"{"access_token":"t","userName":"x",".issued":"y",".expires":"z"}"#,
            r#"{"accessToken":"t","expiresIn":"3600"}"#,
            r#"{"access_token":"t","companies":[]}"#,
        ] {
            for (status, dialect) in dialects().into_iter().flat_map(|of| [(200, of.clone()), (201, of)]) {
                let reading = read(&dialect, &answered(status, body), &Question::default());
                assert!(matches!(reading, Reading::Mismatched { body: None }), "{body} {dialect:?}");
            }
        }
    }

    #[test]
    fn what_holds_more_than_a_token_is_no_logins() {
        for body in [
            r#"{"token":"page-2","items":[1]}"#,
            r#"{"token":"page-2","name":"A"}"#,
            r#"{"token":"page-2","expires_in":60,"data":{"name":"A"}}"#,
            r#"{"token":7}"#,
            r#"{"token":""}"#,
            r#"{"access_token":null,"message":"x"}"#,
            r#"{"access_token":"t","companyInformation":{"name":"A"}}"#,
            r#"{"access_token":"t","registrationNumber":"5560125790"}"#,
            r#"{"access_token":"t","data":{"name":"A"}}"#,
            r#"[{"access_token":"t"}]"#,
            r#""t""#,
        ] {
            for dialect in dialects() {
                let reading = read(&dialect, &answered(200, body), &Question::default());
                assert!(!matches!(reading, Reading::Mismatched { .. }), "{body} {dialect:?}");
            }
        }
        for dialect in dialects() {
            let reading = read(&dialect, &answered(400, r#"{"token":"t"}"#), &Question::default());
            assert!(!matches!(reading, Reading::Mismatched { .. }), "{dialect:?}");
        }
    }
}
