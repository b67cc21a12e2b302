//! The tokens of each provider with a login of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use super::draw::Draw;
use super::tokens::Tokens;

/// The token that an upstream without a login takes: what `--simulate` has for a secret.
const GIVEN: &str = "Bearer simulator";

/// The tokens of each provider: one provider's are not valid at another.
pub(super) struct Providers {
    seed: u64,
    tokens: Mutex<HashMap<String, Arc<Tokens>>>,
}

impl Providers {
    /// None yet.
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, tokens: Mutex::default() }
    }

    /// The tokens of a provider.
    pub(super) fn tokens(&self, provider: &str) -> Arc<Tokens> {
        let mut all = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        // Seeded by its name, or two providers asked in the same millisecond would give out the same token.
        let seed = || Draw::new(self.seed, &["tokens", provider]).next();
        Arc::clone(all.entry(provider.to_owned()).or_insert_with(|| Arc::new(Tokens::new(seed()))))
    }

    /// Whether a call may be answered; else what its 401 says. A call without any token is for an upstream that wants
    /// none, and D&B's want one.
    pub(super) fn admits(&self, provider: &str, headers: &HeaderMap) -> Result<(), &'static str> {
        let told = headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
        match told {
            None if !matches!(provider, "dnb" | "bisnode" | "partner") => return Ok(()),
            Some(GIVEN) => return Ok(()),
            _ => {}
        }
        self.tokens(provider).check(headers).map_err(|code| match code {
            "R4" => "The access token expired",
            _ => "The access token is missing or was not given out here",
        })
    }
}
