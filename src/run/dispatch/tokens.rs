//! One token a process: what runs of a daemon that go on side by side, or one after the other, have in common.
//!
//! In memory only, and gone with the process.

use super::login::{Login, LoginCame};
use crate::upstream::LoginReading;
use secrecy::SecretString;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// A token that lives for no longer is not worth handing on: the throttle renews that long before the end.
const NEARLY_OVER: Duration = Duration::from_mins(1);

/// The tokens of a process, by the digest of what they were logged in with.
#[derive(Clone, Default)]
pub struct SharedTokens(Arc<Mutex<HashMap<String, Place>>>);

type Place = Arc<tokio::sync::Mutex<Option<Kept>>>;

struct Kept {
    /// Counts the logins at this place, from 1.
    serial: u64,
    token: SecretString,
    until: Instant,
}

/// One run's way to the token of one account.
pub(super) struct SharedToken {
    place: Place,
    /// The token that this run had last: what it asks for is another.
    seen: AtomicU64,
}

impl SharedTokens {
    pub(super) fn of(&self, credentials: &str) -> SharedToken {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        SharedToken {
            place: Arc::clone(places.entry(credentials.to_owned()).or_default()),
            seen: AtomicU64::new(0),
        }
    }
}

impl SharedToken {
    /// The token that another run has fetched since this one had its last, else that of a login. One asks at a time, and
    /// whoever waited finds what the first has brought. `life` is that of a token whose upstream does not tell.
    pub(super) async fn or_log_in(
        &self,
        life: Duration,
        log_in: impl Future<Output = LoginCame>,
    ) -> LoginCame {
        let mut place = self.place.lock().await;
        let seen = self.seen.load(Relaxed);
        if let Some(kept) = &*place
            && kept.serial > seen
        {
            let left = kept.until.saturating_duration_since(Instant::now());
            if left > NEARLY_OVER {
                self.seen.store(kept.serial, Relaxed);
                let (token, expires_in) = (kept.token.clone(), Some(left));
                return Ok(Login::Read(LoginReading::Token { token, expires_in }, None));
            }
        }
        let came = log_in.await?;
        if let Login::Read(LoginReading::Token { token, expires_in }, _) = &came {
            let serial = place.as_ref().map_or(0, |kept| kept.serial) + 1;
            let until = Instant::now() + expires_in.unwrap_or(life + NEARLY_OVER);
            *place = Some(Kept { serial, token: token.clone(), until });
            self.seen.store(serial, Relaxed);
        }
        Ok(came)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    async fn asked(shared: &SharedToken, token: &str, expires_in: Option<Duration>) -> String {
        let reading = LoginReading::Token { token: SecretString::from(token.to_owned()), expires_in };
        let login = async { Ok(Login::Read(reading, None)) };
        match shared.or_log_in(Duration::from_mins(55), login).await {
            Ok(Login::Read(LoginReading::Token { token, .. }, _)) => token.expose_secret().to_owned(),
            _ => panic!("no token"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_handed_on_until_it_is_over_or_fails() {
        let tokens = SharedTokens::default();
        let (one, two, other) = (tokens.of("a"), tokens.of("a"), tokens.of("b"));
        assert_eq!(asked(&one, "1", None).await, "1");
        assert_eq!(asked(&two, "2", None).await, "1");
        assert_eq!(asked(&other, "3", None).await, "3", "other credentials");
        // It fails for both, and the first to say so logs in for both.
        assert_eq!(asked(&two, "4", None).await, "4");
        assert_eq!(asked(&one, "5", None).await, "4");
        tokio::time::advance(Duration::from_mins(56)).await;
        assert_eq!(asked(&tokens.of("a"), "6", Some(Duration::from_secs(30))).await, "6", "too old");
        assert_eq!(asked(&tokens.of("a"), "7", None).await, "7", "too short");
    }
}
