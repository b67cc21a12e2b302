//! The login: any credentials are good, unless a scenario says otherwise. They are compared with nothing, kept only as
//! a digest where they were malformed, and written nowhere.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Response;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::reply::Reply;
use super::scenario::Deed;
use super::service::Service;
use super::wire::Fate;
use super::world::{Line, World, canned};

/// Both credentials have at most that many characters (apis.md section 2).
const LONGEST: usize = 30;
#[derive(Deserialize)]
struct Credentials {
    username: Option<String>,
    password: Option<String>,
}

/// Answers `POST /v1/authenticate`.
pub(super) async fn answer(world: Arc<World>, fate: Fate, body: Bytes) -> Response<Body> {
    let live = world.live();
    let fault = live.faults.choose(Service::Login, None);
    let deed = fault.as_ref().map(|fault| &fault.deed);
    let reply = reply(&world, live.scenario.token_life, deed, &body);
    let silent = matches!(deed, Some(Deed::Close | Deed::Reset | Deed::Stall));
    world.bill.enter_login((!silent).then_some(reply.status.as_u16()));
    let delay = fault.as_ref().and_then(|fault| fault.delay);
    let delay = delay.map_or(Duration::ZERO, |delay| delay.of(world.seed, world.bill.stats().logins));
    world.deliver(reply, delay, deed, Line { fate: &fate, sequence: 0 }).await.into_response()
}

fn reply(world: &World, life: Duration, deed: Option<&Deed>, body: &[u8]) -> Reply {
    if let Some(reply) = deed.and_then(|deed| canned(deed, "", &world.base_url)) {
        return reply;
    }
    let refusal = match (deed, judge(body)) {
        (_, Err(status)) => Some(status),
        (Some(Deed::RefuseLogin), Ok(())) => Some(401),
        (_, Ok(())) => None,
    };
    match (refusal, deed) {
        (Some(status), _) => world.wrong_logins.answer(status, body, Instant::now()),
        (None, Some(Deed::NoToken)) => Reply::json(200, "{}"),
        (None, Some(Deed::ExpiredToken)) => token(&world.tokens.mint(Duration::ZERO)),
        (None, _) => token(&world.tokens.mint(life)),
    }
}

fn token(token: &str) -> Reply {
    Reply::json(200, json!({ "token": token }).to_string())
}

/// 400 for an empty or minimal body, 401 for one that lacks a field or has one that no account has.
fn judge(body: &[u8]) -> Result<(), u16> {
    let Ok(Credentials { username, password }) = serde_json::from_slice(body) else { return Err(400) };
    if username.is_none() && password.is_none() {
        return Err(400);
    }
    let good =
        |field: Option<String>| field.is_some_and(|text| (1..=LONGEST).contains(&text.chars().count()));
    if good(username) && good(password) { Ok(()) } else { Err(401) }
}

/// Answers a health address: free, without a token.
pub(super) async fn health(service: Service, world: Arc<World>, fate: Fate) -> Response<Body> {
    world.bill.enter_health();
    let live = world.live();
    let fault = live.faults.choose(Service::Health, None);
    let deed = fault.as_ref().map(|fault| &fault.deed);
    let canned = deed.and_then(|deed| canned(deed, "", &world.base_url));
    let reply = canned.unwrap_or_else(|| {
        let timestamp = crate::time::rfc3339(crate::time::now_ms());
        let body = json!({
            "status": "healthy", "service": service.resource(), "timestamp": timestamp, "version": "simulator"
        });
        Reply::json(200, body.to_string())
    });
    let delay = fault.as_ref().and_then(|fault| fault.delay);
    let delay = delay.map_or(Duration::ZERO, |delay| delay.of(world.seed, world.bill.stats().health));
    world.deliver(reply, delay, deed, Line { fate: &fate, sequence: 0 }).await.into_response()
}

#[cfg(test)]
mod tests {
    use super::super::wrong_logins::WrongLogins;
    use super::*;

    #[test]
    fn bodies_and_what_they_are_worth() {
        let cases = [
            ("", Err(400)),
            ("{}", Err(400)),
            ("no JSON", Err(400)),
            (r#"{"username":"key"}"#, Err(401)),
            (r#"{"username":"key","password":""}"#, Err(401)),
            (r#"{"username":"key","password":"0123456789012345678901234567890"}"#, Err(401)),
            (r#"{"username":"key","password":"word"}"#, Ok(())),
        ];
        for (body, expected) in cases {
            assert_eq!(judge(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn the_sixth_identical_invalid_request_is_locked_out_for_five_minutes() {
        let wrong = WrongLogins::default();
        let start = Instant::now();
        let status = |body: &[u8], second: u64| {
            wrong.answer(401, body, start + Duration::from_secs(second)).status.as_u16()
        };
        let answers: Vec<u16> = (0..6).map(|second| status(b"one", second)).collect();
        assert_eq!(answers, [401, 401, 401, 401, 401, 429]);
        assert_eq!(status(b"another", 6), 401);
        assert_eq!((status(b"one", 304), status(b"one", 305)), (429, 401));
    }

    #[test]
    fn spread_over_more_than_two_minutes_they_are_only_refused() {
        let wrong = WrongLogins::default();
        let start = Instant::now();
        for turn in 0..20_u64 {
            let reply = wrong.answer(401, b"one", start + Duration::from_secs(turn * 30));
            assert_eq!(reply.status.as_u16(), 401, "{turn}");
        }
    }
}
