//! The tokens that were given out, each with an end of its own. Several are valid at once.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::time;

/// All tokens of this simulator. Those of an earlier process are not valid here.
pub(super) struct Tokens {
    seed: u64,
    ends: RwLock<HashMap<String, Instant>>,
}

impl Tokens {
    /// None yet.
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, ends: RwLock::default() }
    }

    /// Gives out another, valid that long from now.
    pub(super) fn mint(&self, life: Duration) -> String {
        let mut ends = self.ends.write().unwrap_or_else(PoisonError::into_inner);
        let token = token(self.seed, ends.len(), time::now_ms(), life);
        ends.insert(token.clone(), Instant::now() + life);
        token
    }

    /// Lets the token of this call expire now, for every call that uses it.
    pub(super) fn expire(&self, headers: &HeaderMap) {
        let mut ends = self.ends.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(end) = bearer(headers).and_then(|token| ends.get_mut(token)) {
            *end = Instant::now();
        }
    }

    /// Whether the call carries a valid token; else the code by which it is refused.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), &'static str> {
        let token = bearer(headers).ok_or("R2")?;
        let ends = self.ends.read().unwrap_or_else(PoisonError::into_inner);
        match ends.get(token) {
            None => Err("R5"),
            Some(end) if *end <= Instant::now() => Err("R4"),
            Some(_) => Ok(()),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let token = value.strip_prefix("Bearer")?.trim();
    (!token.is_empty()).then_some(token)
}

/// Three base64url parts, so that a client which looks inside finds what the manual shows. Nobody's name is in it.
fn token(seed: u64, serial: usize, now_ms: i64, life: Duration) -> String {
    let issued = now_ms / 1_000;
    let expires = issued.saturating_add(i64::try_from(life.as_secs()).unwrap_or(i64::MAX));
    let payload = format!(
        r#"{{"iss":"http://simulator.invalid/","iat":{issued},"exp":{expires},"aud":"CreditsafeSwedishAPI","scope":["datacheck","companygetdata"],"client_id":"simulator","jti":"{serial}"}}"#
    );
    let signature = Sha256::digest(format!("{seed} {serial} {now_ms} {}", std::process::id()));
    let header = base64url(br#"{"alg":"RS256","typ":"at+jwt"}"#);
    format!("{header}.{}.{}", base64url(payload.as_bytes()), base64url(&signature))
}

fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            let six = (bits >> (18 - 6 * place)) & 63;
            text.push(char::from(ALPHABET[usize::try_from(six).unwrap_or(0)]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().expect("a header"))])
    }

    #[test]
    fn base64url_has_no_padding() {
        for (bytes, text) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("??>", "Pz8-")] {
            assert_eq!(base64url(bytes.as_bytes()), text, "{bytes}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_live_side_by_side_and_end_each_at_its_time() {
        let tokens = Tokens::new(1);
        let (one, two) = (tokens.mint(Duration::from_secs(10)), tokens.mint(Duration::from_secs(20)));
        assert_ne!(one, two);
        let check = |token: &str| tokens.check(&headers(&format!("Bearer {token}")));
        assert_eq!((check(&one), check(&two)), (Ok(()), Ok(())));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!((check(&one), check(&two)), (Err("R4"), Ok(())));
        tokens.expire(&headers(&format!("Bearer {two}")));
        assert_eq!(check(&two), Err("R4"));
    }

    #[test]
    fn what_is_refused_and_how() {
        let tokens = Tokens::new(1);
        assert_eq!(tokens.check(&HeaderMap::new()), Err("R2"));
        assert_eq!(tokens.check(&headers("Bearer ")), Err("R2"));
        assert_eq!(tokens.check(&headers("Bearer a.b.c")), Err("R5"));
        let token = tokens.mint(Duration::from_mins(1));
        assert_eq!(token.split('.').count(), 3);
        assert!(token.len() > 200, "as long as a real one");
    }
}
