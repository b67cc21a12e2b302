//! Invalid logins that come again and again are locked out for a while.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::reply::Reply;

/// So many identical invalid requests within [`WATCHED`] are answered; the next is locked out for [`LOCKED_OUT`].
const TOLERATED: usize = 5;

const WATCHED: Duration = Duration::from_mins(2);

const LOCKED_OUT: Duration = Duration::from_mins(5);

/// Invalid requests by digest of their body.
#[derive(Default)]
pub(super) struct WrongLogins(Mutex<HashMap<[u8; 32], Wrong>>);

#[derive(Default)]
struct Wrong {
    at: Vec<Instant>,
    locked_until: Option<Instant>,
}

impl WrongLogins {
    pub(super) fn answer(&self, status: u16, body: &[u8], now: Instant) -> Reply {
        if self.is_locked_out(body, now) {
            return Reply::json(
                429,
                r#"{"error":"Too many requests - the same invalid request was sent too often"}"#,
            );
        }
        match status {
            401 => Reply::json(401, r#"{"error":"Access denied - invalid username or password"}"#),
            _ => Reply::json(status, r#"{"error":"Bad request - username and password are required"}"#),
        }
    }

    fn is_locked_out(&self, body: &[u8], now: Instant) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wrong = all.entry(Sha256::digest(body).into()).or_default();
        if wrong.locked_until.is_some_and(|until| now < until) {
            return true;
        }
        wrong.at.retain(|at| now.duration_since(*at) < WATCHED);
        wrong.at.push(now);
        wrong.locked_until = (wrong.at.len() > TOLERATED).then_some(now + LOCKED_OUT);
        wrong.locked_until.is_some()
    }
}
