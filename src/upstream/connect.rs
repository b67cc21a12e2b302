//! Creditsafe CONNECT: a user key and a password for a token that holds an hour (apis.md section 2).

use super::page::{is_bare, is_page, is_phrase};
use super::{LoginContent, LoginReading, LoginRequest, Response, json, no_login};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

pub(super) fn request(token_url: &str, username: &SecretString, password: &SecretString) -> LoginRequest {
    let body = json!({ "username": username.expose_secret(), "password": password.expose_secret() });
    let body = SecretString::from(body.to_string());
    LoginRequest { url: token_url.to_owned(), content: LoginContent::Json, basic: None, body }
}

/// What is documented of a refusal: 401 and words that begin so. It is text, and never a page.
const DENIED: &str = "access denied -";

pub(super) fn read(response: &Response) -> LoginReading {
    let Response { status, body, .. } = response;
    match status {
        200..=299 => token(body),
        // 400 is an empty user key or password, 401 a wrong one. A bare status is taken for theirs: nothing in it is another's,
        // and to try wrong credentials again and again would lock the account.
        400 | 401 if is_bare(body) || says_denied(body) => {
            LoginReading::Refused { message: refusal(*status) }
        }
        // How a 400 is worded is not documented, and a 401 may come in other words than those.
        400 | 401 if complains(body) => LoginReading::Refused { message: refusal(*status) },
        403 if is_denial(response) => LoginReading::Refused { message: refusal(*status) },
        429 => LoginReading::Throttled,
        408 | 500..=599 => LoginReading::Unavailable { code: status.to_string() },
        _ => no_login(&format!("with status {status}, and not as the provider's login does")),
    }
}

/// A 403 is not documented, so it is theirs only by their words, and not where it says when to come again.
fn is_denial(response: &Response) -> bool {
    response.retry_after.is_none() && says_denied(&response.body)
}

/// Whether a login is refused in their words, and not in a gateway's, which writes JSON too: `{"message": "Unauthorized"}`.
fn says_denied(body: &[u8]) -> bool {
    !is_page(body) && String::from_utf8_lossy(body).to_ascii_lowercase().contains(DENIED)
}

/// Whether an error is told in words of its own: no page, no status in words, and not what a server says of itself (RFC 6749
/// section 4.1.2.1).
fn complains(body: &[u8]) -> bool {
    let parsed = json::parse(None, body);
    let error = json::text(parsed.as_ref().and_then(|value| value.get("error")));
    error.is_some_and(|error| {
        !is_phrase(error) && !matches!(error, "temporarily_unavailable" | "server_error")
    })
}

/// The upstream's text is left out: it may repeat the user key.
fn refusal(status: u16) -> String {
    format!(
        "the login was refused (status {status}): check the user key (not an e-mail address; upper and lower case \
         count) and the password"
    )
}

fn token(body: &[u8]) -> LoginReading {
    let parsed = json::parse(None, body);
    let member = |name: &str| json::scalar(parsed.as_ref().and_then(|value| value.get(name)));
    let Some(token) = member("token").filter(|token| token.bytes().all(|b| b.is_ascii_graphic())) else {
        return no_login("without a token that can be used");
    };
    let expires_in = json::life(parsed.as_ref().and_then(|value| value.get("expires_in")));
    LoginReading::Token { token: SecretString::from(token), expires_in }
}

#[cfg(test)]
mod tests {
    use super::super::answered;
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_body_is_json_whatever_the_password_holds() {
        let request = request("https://x.test/v1/authenticate", &"key".into(), &"a\"\\å".into());
        let value: serde_json::Value = serde_json::from_str(request.body.expose_secret()).unwrap();
        assert_eq!(value, json!({ "username": "key", "password": "a\"\\å" }));
        assert_eq!(request.url, "https://x.test/v1/authenticate");
    }

    fn read(status: u16, body: &str, retry_after: Option<u64>) -> LoginReading {
        let retry_after = retry_after.map(Duration::from_secs);
        super::read(&Response { retry_after, ..answered(status, body) })
    }

    #[test]
    fn a_token_with_and_without_its_life() {
        let LoginReading::Token { token, expires_in } = read(200, r#"{"token":" ey.a-b_c "}"#, None) else {
            panic!()
        };
        assert_eq!((token.expose_secret(), expires_in), ("ey.a-b_c", None));
        let LoginReading::Token { expires_in, .. } = read(200, r#"{"token":"t","expires_in":3600}"#, None)
        else {
            panic!()
        };
        assert_eq!(expires_in, Some(Duration::from_hours(1)));
    }

    #[test]
    fn only_their_own_refusal_is_one() {
        let class = |status: u16, body: &str, retry_after| match read(status, body, retry_after) {
            LoginReading::Token { .. } => "token",
            LoginReading::Refused { .. } => "refused",
            LoginReading::Throttled => "throttled",
            LoginReading::Unavailable { .. } => "unavailable",
            LoginReading::Misconfigured { .. } => "misconfigured",
        };
        let (page, denied) = ("<html>Access denied - by the firewall", "Access denied - wrong password");
        let table = [
            (200, "", None, "unavailable"),
            (200, page, None, "unavailable"),
            (200, r#"{"token":""}"#, None, "unavailable"),
            (200, r#"{"token":null}"#, None, "unavailable"),
            (200, r#"{"token":"a\r\nX: y"}"#, None, "unavailable"),
            (400, "", None, "refused"),
            (400, page, None, "unavailable"),
            (401, denied, None, "refused"),
            (401, r#"{"message":"Access denied - ..."}"#, None, "refused"),
            (401, "", None, "refused"),
            (400, "Access denied - no password", None, "refused"),
            (400, r#"{"error":"Bad request - username and password are required"}"#, None, "refused"),
            (400, r#"{"error":"Bad Request"}"#, None, "unavailable"),
            (400, r#"{"message":"Bad Request"}"#, None, "unavailable"),
            (400, r#"{"error":400,"message":"Bad Request"}"#, None, "unavailable"),
            (400, r#"{"error":true,"message":"Bad Request"}"#, None, "unavailable"),
            (400, "{}", None, "refused"),
            (401, "{ }", None, "refused"),
            (401, r#"{"error":"Wrong user key or password"}"#, None, "refused"),
            (401, r#"{"error":true,"message":"Unauthorized"}"#, None, "unavailable"),
            (400, "Bad Request\n", None, "refused"),
            (400, "no JSON, sorry", None, "unavailable"),
            (401, " \r\n", None, "refused"),
            (401, r#"{"message":"Unauthorized"}"#, None, "unavailable"),
            (401, r#"{"error":"Unauthorized"}"#, None, "unavailable"),
            (401, "Unauthorized", None, "refused"),
            (401, r#"{"message":"Invalid authentication credentials"}"#, None, "unavailable"),
            (
                401,
                r#"{"success":false,"errors":[{"code":10000,"message":"Authentication error"}]}"#,
                None,
                "unavailable",
            ),
            (
                401,
                r#"{"statusCode":401,"message":"Access denied due to invalid subscription key."}"#,
                None,
                "unavailable",
            ),
            (401, r#"{"error":"temporarily_unavailable"}"#, None, "unavailable"),
            (400, r#"{"error":"server_error"}"#, None, "unavailable"),
            (401, page, None, "unavailable"),
            (403, denied, None, "refused"),
            (403, r#"{"error":"Access denied - the account is shut"}"#, None, "refused"),
            (403, denied, Some(30), "unavailable"),
            (403, page, None, "unavailable"),
            (403, r#"{"message":"Forbidden"}"#, None, "unavailable"),
            (403, "", Some(30), "unavailable"),
            (302, "", None, "unavailable"),
            (404, page, None, "unavailable"),
            (405, "", None, "unavailable"),
            (407, "", None, "unavailable"),
            (408, "", None, "unavailable"),
            (429, denied, None, "throttled"),
            (500, denied, None, "unavailable"),
            (503, "", Some(60), "unavailable"),
        ];
        for (status, body, retry_after, expected) in table {
            assert_eq!(class(status, body, retry_after), expected, "{status} {body}");
        }
    }

    #[test]
    fn what_is_no_login_is_told_with_what_to_look_at() {
        let LoginReading::Unavailable { code } = read(404, "<html>5560125790", None) else { panic!() };
        assert!(code.contains("404") && code.contains("token_url") && !code.contains("5560125790"), "{code}");
    }

    #[test]
    fn a_refusal_does_not_repeat_what_the_upstream_says() {
        let LoginReading::Refused { message } =
            read(401, r#"{"error":"Access denied - user KEY77 unknown"}"#, None)
        else {
            panic!()
        };
        assert!(!message.contains("KEY77"));
    }
}
