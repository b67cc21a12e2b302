//! Creditsafe CONNECT: a user key and a password for a token that holds an hour (apis.md section 2).

use super::{LoginContent, LoginReading, LoginRequest, json};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use std::time::Duration;

pub(super) fn request(token_url: &str, username: &SecretString, password: &SecretString) -> LoginRequest {
    let body = json!({ "username": username.expose_secret(), "password": password.expose_secret() });
    let body = SecretString::from(body.to_string());
    LoginRequest { url: token_url.to_owned(), content: LoginContent::Json, basic: None, body }
}

pub(super) fn read(status: u16, body: &[u8]) -> LoginReading {
    match status {
        200..=299 => token(body),
        // 400 is an empty user key or password, 401 a wrong one; a 403 comes from an account that is shut.
        400 | 401 | 403 => LoginReading::Refused { message: refusal(status) },
        429 => LoginReading::Throttled,
        408 | 500..=599 => LoginReading::Unavailable { code: status.to_string() },
        _ => LoginReading::Misconfigured { message: elsewhere(status) },
    }
}

/// The upstream's text is left out: it may repeat the user key.
fn refusal(status: u16) -> String {
    format!(
        "the login was refused (status {status}): check the user key (not an e-mail address; upper and lower case \
         count) and the password"
    )
}

fn elsewhere(status: u16) -> String {
    format!("the login address answers with status {status}, as no login does: check token_url")
}

fn token(body: &[u8]) -> LoginReading {
    let parsed = json::parse(body);
    let member = |name: &str| json::scalar(parsed.as_ref().and_then(|value| value.get(name)));
    let Some(token) = member("token").filter(|token| token.bytes().all(|b| b.is_ascii_graphic())) else {
        return LoginReading::Misconfigured {
            message: "the login address answers without a token that can be used: check token_url".to_owned(),
        };
    };
    let expires_in = member("expires_in").and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    LoginReading::Token { token: SecretString::from(token), expires_in }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_json_whatever_the_password_holds() {
        let request = request("https://x.test/v1/authenticate", &"key".into(), &"a\"\\å".into());
        let value: serde_json::Value = serde_json::from_str(request.body.expose_secret()).unwrap();
        assert_eq!(value, json!({ "username": "key", "password": "a\"\\å" }));
        assert_eq!(request.url, "https://x.test/v1/authenticate");
    }

    #[test]
    fn a_token_with_and_without_its_life() {
        let LoginReading::Token { token, expires_in } = read(200, br#"{"token":" ey.a-b_c "}"#) else {
            panic!()
        };
        assert_eq!((token.expose_secret(), expires_in), ("ey.a-b_c", None));
        let LoginReading::Token { expires_in, .. } = read(200, br#"{"token":"t","expires_in":3600}"#) else {
            panic!()
        };
        assert_eq!(expires_in, Some(Duration::from_hours(1)));
    }

    #[test]
    fn every_other_status_has_its_class() {
        let class = |status: u16, body: &[u8]| match read(status, body) {
            LoginReading::Token { .. } => "token",
            LoginReading::Refused { .. } => "refused",
            LoginReading::Throttled => "throttled",
            LoginReading::Unavailable { .. } => "unavailable",
            LoginReading::Misconfigured { .. } => "misconfigured",
        };
        let table: [(u16, &[u8], &str); 14] = [
            (200, b"", "misconfigured"),
            (200, b"<html>", "misconfigured"),
            (200, br#"{"token":""}"#, "misconfigured"),
            (200, br#"{"token":null}"#, "misconfigured"),
            (200, b"{\"token\":\"a\\r\\nX: y\"}", "misconfigured"),
            (400, b"", "refused"),
            (401, br#"{"message":"Access denied - ..."}"#, "refused"),
            (403, b"", "refused"),
            (302, b"", "misconfigured"),
            (404, b"<html>", "misconfigured"),
            (408, b"", "unavailable"),
            (429, b"", "throttled"),
            (500, b"", "unavailable"),
            (503, b"", "unavailable"),
        ];
        for (status, body, expected) in table {
            assert_eq!(class(status, body), expected, "{status}");
        }
    }

    #[test]
    fn a_refusal_does_not_repeat_what_the_upstream_says() {
        let LoginReading::Refused { message } = read(401, br#"{"error":"user KEY77 unknown"}"#) else {
            panic!()
        };
        assert!(!message.contains("KEY77"));
    }
}
