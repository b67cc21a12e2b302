//! OAuth2 client credentials (RFC 6749 sections 2.3.1, 4.4 and 5): a POST form for a token that tells its life.

use super::page::{is_bare, is_phrase};
use super::request::encoded;
use super::{LoginContent, LoginReading, LoginRequest, Response, json, no_login};
use secrecy::{ExposeSecret, SecretString};

/// The request, with id and secret in HTTP Basic (`basic`) or in the form.
pub(super) fn request(
    token_url: &str,
    client_id: &SecretString,
    client_secret: &SecretString,
    scopes: &[String],
    basic: bool,
) -> LoginRequest {
    let mut fields = vec![("grant_type", "client_credentials".to_owned())];
    if !scopes.is_empty() {
        fields.push(("scope", scopes.join(" ")));
    }
    if !basic {
        fields.push(("client_id", client_id.expose_secret().to_owned()));
        fields.push(("client_secret", client_secret.expose_secret().to_owned()));
    }
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    // The standard has both encoded as in a form before they are joined, so that an id may hold a colon.
    let part = |secret: &SecretString| SecretString::from(encoded(secret.expose_secret()));
    LoginRequest {
        url: token_url.to_owned(),
        content: LoginContent::Form,
        basic: basic.then(|| (part(client_id), part(client_secret))),
        body: SecretString::from(fields.join("&")),
    }
}

pub(super) fn read(response: &Response) -> LoginReading {
    let Response { status, body, .. } = response;
    match status {
        200..=299 => token(body),
        400 | 401 | 403 => refusal(response),
        429 => LoginReading::Throttled,
        408 | 500..=599 => LoginReading::Unavailable { code: status.to_string() },
        _ => elsewhere(*status),
    }
}

/// By the error codes of RFC 6749 section 5.2. Its description is left out: it may repeat the client's id.
///
/// | code | meaning |
/// |---|---|
/// | `invalid_client`, `unauthorized_client`, `invalid_grant`, `invalid_scope` | what the account gives is not taken: refused |
/// | `access_denied` | not of that section; large providers say it of a wrong secret: refused |
/// | `invalid_request`, `unsupported_grant_type` | the provider's file describes another login than this one |
/// | `server_error`, `temporarily_unavailable` (section 4.1.2.1) and all others | it passes: tried again later |
///
/// A bare 401 is a refusal too, and so is one with a code that is not of that section: the first is what HTTP Basic has for
/// one, and to try wrong credentials again and again would lock the account. One with something else in it is another's: a
/// gateway writes JSON too, `{"message": "Unauthorized"}` or `{"error": "Unauthorized"}`. A 400 or 403 that says when to come again is none, whatever else it says.
fn refusal(response: &Response) -> LoginReading {
    let Response { status, retry_after, content_type, body } = response;
    let parsed = json::parse(content_type.as_deref(), body);
    let member = |name: &str| json::text(parsed.as_ref().and_then(|value| value.get(name)));
    let (code, explains) = (member("error"), member("error_description").is_some());
    if *status != 401 && retry_after.is_some() {
        return elsewhere(*status);
    }
    let why = match (code, status) {
        (Some("invalid_scope"), _) => "invalid_scope: the client may not have this scope; check scope",
        (Some("unauthorized_client"), _) => "unauthorized_client: the client may not log in this way",
        (Some("invalid_client"), _) => "invalid_client: check client_id and client_secret",
        (Some("invalid_grant"), _) => "invalid_grant: check client_id and client_secret",
        (Some("access_denied"), _) => "access_denied: check client_id, client_secret and scope",
        (Some("invalid_request" | "unsupported_grant_type"), _) => {
            return misconfigured("does not know the client credentials grant as this provider describes it");
        }
        (Some(code @ ("server_error" | "temporarily_unavailable")), _) => {
            return LoginReading::Unavailable { code: code.to_owned() };
        }
        (Some(code), 401) if is_code(code) && (explains || !is_phrase(code)) => {
            "check client_id and client_secret"
        }
        (None, 401) if is_bare(body) => "check client_id and client_secret",
        _ => return elsewhere(*status),
    };
    LoginReading::Refused { message: format!("the login was refused (status {status}): {why}") }
}

/// Whether an `error` is a code, as those of the standard are, and no sentence or status in words.
fn is_code(error: &str) -> bool {
    !error.is_empty()
        && error.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'-' | b'.'))
}

fn elsewhere(status: u16) -> LoginReading {
    no_login(&format!("with status {status}, and without an OAuth2 error that is known"))
}

fn misconfigured(what: &str) -> LoginReading {
    LoginReading::Misconfigured { message: format!("the login address {what}: check token_url") }
}

fn token(body: &[u8]) -> LoginReading {
    let parsed = json::parse(None, body);
    let member = |name: &str| json::scalar(parsed.as_ref().and_then(|value| value.get(name)));
    let token = member("access_token").filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()));
    let Some(token) = token else {
        return no_login("without a token that can be used");
    };
    if member("token_type").is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return misconfigured("gives a token of another type than Bearer");
    }
    let expires_in = json::life(parsed.as_ref().and_then(|value| value.get("expires_in")));
    LoginReading::Token { token: SecretString::from(token), expires_in }
}

#[cfg(test)]
mod tests {
    use super::super::answered;
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn ask(scopes: &[&str], basic: bool) -> LoginRequest {
        let scopes: Vec<String> = scopes.iter().map(|&scope| scope.to_owned()).collect();
        request("https://x.test/token", &"id:1".into(), &"a b+å".into(), &scopes, basic)
    }

    #[test]
    fn basic_keeps_the_secret_out_of_the_form() {
        let request = ask(&["bci", "credit_data_companies"], true);
        assert_eq!(
            request.body.expose_secret(),
            "grant_type=client_credentials&scope=bci%20credit_data_companies"
        );
        let (id, secret) = request.basic.unwrap();
        assert_eq!((id.expose_secret(), secret.expose_secret()), ("id%3A1", "a%20b%2B%C3%A5"));
    }

    #[test]
    fn the_body_carries_both_and_no_scope_where_there_is_none() {
        let request = ask(&[], false);
        assert!(request.basic.is_none());
        assert_eq!(
            request.body.expose_secret(),
            "grant_type=client_credentials&client_id=id%3A1&client_secret=a%20b%2B%C3%A5"
        );
    }

    fn read(status: u16, body: &str, retry_after: Option<u64>) -> LoginReading {
        let retry_after = retry_after.map(Duration::from_secs);
        super::read(&Response { retry_after, ..answered(status, body) })
    }

    #[test]
    fn a_life_is_read_however_it_is_written() {
        for (life, seconds) in [
            ("3600", Some(3_600)),
            ("\"7199\"", Some(7_199)),
            ("59.0", Some(59)),
            ("null", None),
            ("0", None),
            ("-1", None),
            ("-9223372036854775808", None),
            ("\"soon\"", None),
            ("\"NaN\"", None),
            ("\"inf\"", Some(86_400)),
            ("[3600]", None),
            ("86401", Some(86_400)),
            ("9223372036854775807", Some(86_400)),
            ("\"18446744073709551616\"", Some(86_400)),
            ("1e400", Some(86_400)),
        ] {
            let body = format!(r#"{{"access_token":"t","token_type":"bearer","expires_in":{life}}}"#);
            match read(200, &body, None) {
                LoginReading::Token { expires_in, .. } => {
                    assert_eq!(expires_in.map(|life| life.as_secs()), seconds, "{life}");
                }
                other => panic!("{life}: {other:?}"),
            }
        }
    }

    #[test]
    fn only_the_standards_refusals_are_some() {
        let class = |status: u16, body: &str, retry_after| match read(status, body, retry_after) {
            LoginReading::Token { .. } => "token",
            LoginReading::Refused { .. } => "refused",
            LoginReading::Throttled => "throttled",
            LoginReading::Unavailable { .. } => "unavailable",
            LoginReading::Misconfigured { .. } => "misconfigured",
        };
        for (status, body, retry_after, expected) in [
            (200, r#"{"access_token":"t"}"#, None, "token"),
            (200, r#"{"token":"t"}"#, None, "unavailable"),
            (200, "<html>", None, "unavailable"),
            (200, r#"{"access_token":"a\r\nX: y"}"#, None, "unavailable"),
            (200, r#"{"access_token":"t","token_type":"mac"}"#, None, "misconfigured"),
            (400, "<html>", None, "unavailable"),
            (400, "", None, "unavailable"),
            (400, r#"{"message":"no"}"#, None, "unavailable"),
            (401, r#"{"error":"new_word"}"#, None, "refused"),
            (401, r#"{"error":"unauthorized","error_description":"Bad credentials"}"#, None, "refused"),
            (401, r#"{"message":"Unauthorized"}"#, None, "unavailable"),
            (401, r#"{"error":"Unauthorized"}"#, None, "unavailable"),
            (401, r#"{"error":"unauthorized"}"#, None, "unavailable"),
            (401, r#"{"error":"forbidden"}"#, None, "unavailable"),
            (401, r#"{"error":true,"message":"Unauthorized"}"#, None, "unavailable"),
            (401, r#"{"error":401,"message":"Unauthorized"}"#, None, "unavailable"),
            (401, "{}", None, "refused"),
            (401, r#"{"error":{"code":401,"message":"Unauthorized"}}"#, None, "unavailable"),
            (401, r#"{"errors":[{"message":"No API key"}],"success":false}"#, None, "unavailable"),
            (401, "Unauthorized", None, "refused"),
            (401, "", None, "refused"),
            (401, "<html>", None, "unavailable"),
            (403, "", None, "unavailable"),
            (403, "<html>", Some(30), "unavailable"),
            (403, r#"{"error":"new_word"}"#, None, "unavailable"),
            (403, r#"{"error":"invalid_client"}"#, Some(30), "unavailable"),
            (401, r#"{"error":"invalid_client"}"#, Some(30), "refused"),
            (302, "", None, "unavailable"),
            (404, "", None, "unavailable"),
            (408, "", None, "unavailable"),
            (429, "", None, "throttled"),
            (500, "", None, "unavailable"),
            (503, "", Some(60), "unavailable"),
        ] {
            assert_eq!(class(status, body, retry_after), expected, "{status} {body}");
        }
        for (code, expected) in [
            ("invalid_client", "refused"),
            ("unauthorized_client", "refused"),
            ("invalid_grant", "refused"),
            ("invalid_scope", "refused"),
            ("access_denied", "refused"),
            ("invalid_request", "misconfigured"),
            ("unsupported_grant_type", "misconfigured"),
            ("server_error", "unavailable"),
            ("temporarily_unavailable", "unavailable"),
        ] {
            for status in [400, 401, 403] {
                let body = format!(r#"{{"error":"{code}"}}"#);
                assert_eq!(class(status, &body, None), expected, "{status} {code}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_refusal_repeats_nothing_that_the_upstream_says(
            status in prop::sample::select(vec![400u16, 401, 403]),
            code in "[A-Z0-9]{12}",
        ) {
            let body = format!(r#"{{"error":"{code}","error_description":"{code}"}}"#);
            let (LoginReading::Refused { message } | LoginReading::Unavailable { code: message }) =
                read(status, &body, None)
            else {
                panic!()
            };
            prop_assert!(!message.contains(&code));
        }
    }
}
