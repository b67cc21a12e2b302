//! One login: written down where it may be sent, sent, read.

use super::clients::transport;
use super::credentials::Credentials;
use crate::config::catalogue::Auth;
use crate::config::{Account, Settings};
use crate::http::throttle::LOGIN_WINDOW;
use crate::http::transport::{SendError, Transport};
use crate::ledger::{AccountChange, AccountUpdate, Ledger, LoginAdmission, NewLogin};
use crate::run::error::RunError;
use crate::time::now_ms;
use crate::upstream::{LoginReading, login_request, read_login};
use std::sync::Arc;
use std::time::Duration;

/// What came of a login. An error is the ledger's: the login could not be written down, so it was not sent.
pub(super) type LoginCame = Result<Login, RunError>;

/// What came of a login that was asked for.
pub(super) enum Login {
    /// Its reading, and the `Retry-After` that came with it.
    Read(LoginReading, Option<Duration>),
    /// It has no answer.
    Lost(SendError),
    /// These credentials were refused before: it was not sent.
    Refused,
    /// The cap over all processes is reached: it was not sent, and may be after so long.
    Wait(Duration),
}

/// Who asks for a login.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asks {
    /// A run: credentials that were refused before are not tried.
    Run(i64),
    /// The user, by name.
    User,
}

/// One login: written down where it may be sent, sent, read. Where the upstream has none, the token is the one that was
/// given, and nothing is sent.
pub(super) async fn log_in<T: Transport>(
    ledger: Arc<Ledger>,
    transport: Arc<T>,
    account: Account,
    auth: Auth,
    credentials: Arc<Credentials>,
    asks: Asks,
) -> LoginCame {
    let Credentials { name, secret, scopes, .. } = &*credentials;
    let address = account.token_url.as_deref().unwrap_or_default();
    let Some(request) = login_request(auth, address, name, secret, scopes) else {
        return Ok(Login::Read(LoginReading::Token { token: secret.clone(), expires_in: None }, None));
    };
    let (run, credentials_digest) = match asks {
        Asks::Run(run) => (Some(run), Some(credentials.digest.as_str())),
        Asks::User => (None, None),
    };
    let login = NewLogin {
        account: &account.name,
        environment: &account.environment,
        at: now_ms(),
        run,
        most: account.logins,
        window: i64::try_from(LOGIN_WINDOW.as_millis()).unwrap_or(i64::MAX),
        credentials: credentials_digest,
    };
    match ledger.take_login(&login).await? {
        LoginAdmission::Taken => {}
        LoginAdmission::Refused => return Ok(Login::Refused),
        LoginAdmission::Wait(wait) => return Ok(Login::Wait(wait)),
    }
    let error = match transport.login(&request).await {
        Ok(response) => {
            let reading = read_login(auth, &response);
            return Ok(Login::Read(reading, response.retry_after));
        }
        Err(error) => error,
    };
    if error.kind.is_unprocessed()
        && let Err(error) = ledger.give_back_login(&login).await
    {
        tracing::warn!(%error, "a login that was not sent counts as one");
    }
    Ok(Login::Lost(error))
}

/// What the user's own login came to.
pub enum TriedLogin {
    /// It was answered, or there is none.
    Answered(LoginReading),
    /// It has no answer.
    Lost(SendError),
}

/// Tries the login of an account once, also where its credentials were refused before: what the user asks for by name.
pub async fn try_login(
    ledger: &Arc<Ledger>,
    settings: &Settings,
    account: &Account,
) -> Result<TriedLogin, RunError> {
    let provider =
        settings.catalogue.providers.get(&account.name).ok_or_else(|| RunError::bug("no provider"))?;
    let credentials = Arc::new(Credentials::read(account, ledger.key()).await?);
    let transport = Arc::new(transport(account)?);
    let (digest, auth) = (credentials.digest.clone(), provider.auth);
    let came = log_in(ledger.clone(), transport, account.clone(), auth, credentials, Asks::User).await?;
    let reading = match came {
        Login::Read(reading, _) => reading,
        Login::Lost(error) => return Ok(TriedLogin::Lost(error)),
        Login::Wait(wait) => {
            return Err(RunError::LoginCap { account: account.name.clone(), seconds: wait.as_secs() + 1 });
        }
        Login::Refused => return Err(RunError::bug("a login that was asked for by name was not sent")),
    };
    let refused = match &reading {
        LoginReading::Token { .. } => Some(None),
        LoginReading::Refused { .. } => Some(Some(digest)),
        _ => None,
    };
    if let Some(refused) = refused {
        let (account, environment) = (account.name.clone(), account.environment.clone());
        ledger
            .update_account(&AccountUpdate { account, environment, what: AccountChange::Refusal(refused) })
            .await?;
    }
    Ok(TriedLogin::Answered(reading))
}
