//! The token endpoints of the upstreams that log in with OAuth2 client credentials (apis.md sections 8 and 9). As at the
//! login of Creditsafe, any credentials are good unless a scenario says otherwise, and none is kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Response};
use serde_json::json;

use super::reply::Reply;
use super::scenario::Deed;
use super::service::Service;
use super::wire::Fate;
use super::world::{Line, World, canned};

/// Answers `POST /PROVIDER/token`.
pub(super) async fn token(
    provider: String,
    world: Arc<World>,
    fate: Fate,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let live = world.live();
    let fault = live.faults.choose(Service::Login, None);
    let deed = fault.as_ref().map(|fault| &fault.deed);
    let reply = reply(&world, live.scenario.token_life, deed, &provider, &headers, &body);
    let silent = matches!(deed, Some(Deed::Close | Deed::Reset | Deed::Stall));
    world.bill.enter_login((!silent).then_some(reply.status.as_u16()));
    let delay = fault.as_ref().and_then(|fault| fault.delay);
    let delay = delay.map_or(Duration::ZERO, |delay| delay.of(world.seed, world.bill.stats().logins));
    world.deliver(reply, delay, deed, Line { fate: &fate, sequence: 0 }).await.into_response()
}

fn reply(
    world: &World,
    life: Duration,
    deed: Option<&Deed>,
    provider: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Reply {
    if let Some(reply) = deed.and_then(|deed| canned(deed, "", &world.base_url)) {
        return reply;
    }
    let form = fields(body);
    if let Err((status, error)) = judge(provider, headers, &form) {
        return refused(status, error);
    }
    let scope = form.get("scope").map(String::as_str);
    match deed {
        Some(Deed::RefuseLogin) => refused(401, "invalid_client"),
        Some(Deed::NoToken) => Reply::json(200, "{}"),
        Some(Deed::ExpiredToken) => minted(world, provider, Duration::ZERO, scope),
        _ => minted(world, provider, life, scope),
    }
}

fn minted(world: &World, provider: &str, life: Duration, scope: Option<&str>) -> Reply {
    let token = world.providers.tokens(provider).mint(life);
    let mut body = json!({ "access_token": token, "token_type": "Bearer", "expires_in": life.as_secs() });
    if let Some(scope) = scope {
        body["scope"] = scope.into();
    }
    Reply::json(200, body.to_string())
}

fn refused(status: u16, error: &str) -> Reply {
    Reply::json(status, json!({ "error": error, "error_description": "Bad credentials" }).to_string())
}

/// D&B Nordic and Bisnode want id and secret in HTTP Basic and refuse them in the form; the partner API wants them there.
fn judge(
    provider: &str,
    headers: &HeaderMap,
    form: &HashMap<String, String>,
) -> Result<(), (u16, &'static str)> {
    let basic = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let basic = basic.and_then(|value| value.strip_prefix("Basic ")).is_some_and(|pair| pair.len() > 4);
    let filled = |name: &str| form.get(name).is_some_and(|value| !value.is_empty());
    let in_body = filled("client_id") && filled("client_secret");
    let good = match provider {
        "dnb" | "bisnode" => basic && !in_body,
        "partner" => in_body && !basic,
        _ => basic || in_body,
    };
    if !good {
        return Err((401, "invalid_client"));
    }
    match form.get("grant_type").map(String::as_str) {
        Some("client_credentials") => Ok(()),
        Some(_) => Err((400, "unsupported_grant_type")),
        None => Err((400, "invalid_request")),
    }
}

/// The fields of a form, decoded.
fn fields(body: &[u8]) -> HashMap<String, String> {
    url::form_urlencoded::parse(body).into_owned().collect()
}

#[cfg(test)]
mod tests {
    use super::super::providers::Providers;
    use super::*;

    #[test]
    fn who_takes_credentials_where() {
        let basic = HeaderMap::from_iter([(AUTHORIZATION, "Basic aWQ6c2VjcmV0".parse().unwrap())]);
        let none = HeaderMap::new();
        let form = fields(b"grant_type=client_credentials&scope=a%20b");
        let both = fields(b"grant_type=client_credentials&client_id=a&client_secret=b");
        let refused = Err((401, "invalid_client"));
        for (provider, headers, form, expected) in [
            ("dnb", &basic, &form, Ok(())),
            ("dnb", &none, &both, refused),
            ("dnb", &basic, &both, refused),
            ("partner", &none, &both, Ok(())),
            ("partner", &basic, &form, refused),
            ("mine", &basic, &form, Ok(())),
            ("mine", &none, &both, Ok(())),
            ("mine", &none, &form, refused),
            ("dnb", &basic, &fields(b"grant_type=password"), Err((400, "unsupported_grant_type"))),
            ("dnb", &basic, &fields(b""), Err((400, "invalid_request"))),
        ] {
            assert_eq!(judge(provider, headers, form), expected, "{provider}");
        }
        assert_eq!(form["scope"], "a b");
    }

    #[test]
    fn a_token_is_good_at_its_provider_only() {
        let providers = Providers::new(1);
        let token = providers.tokens("dnb").mint(Duration::from_mins(1));
        let headers = HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {token}").parse().unwrap())]);
        assert!(providers.admits("dnb", &headers).is_ok());
        assert!(providers.admits("bisnode", &headers).is_err());
        assert!(providers.admits("dnb", &HeaderMap::new()).is_err());
        assert!(providers.admits("mine", &HeaderMap::new()).is_ok());
    }
}
