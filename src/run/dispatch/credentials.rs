//! What logs an account in, and whether its login has refused that before.

use crate::config::secret::SecretError;
use crate::config::{Account, Credentials as Places, Scope, Unreadable};
use crate::domain::address::normalized;
use crate::domain::identity::DigestKey;
use crate::domain::redact::Known;
use crate::ledger::Ledger;
use crate::run::error::RunError;
use crate::time::now_ms;
use secrecy::{ExposeSecret, SecretString};

/// What logs an account in, read once at the start of the run.
pub(crate) struct Credentials {
    /// The user key or the client's id; empty where there is none.
    pub(super) name: SecretString,
    /// The password, the client's secret, or the token that was given once and for all.
    pub(super) secret: SecretString,
    pub(super) scopes: Vec<String>,
    /// Under which the ledger remembers that they were refused.
    pub(super) digest: String,
    /// Under which it knows the same user at the same upstream.
    pub(super) asker: Option<String>,
}

impl Credentials {
    /// What must not be seen of them, whoever echoes it.
    pub(crate) fn known(&self) -> Known {
        let (name, secret) = (self.name.expose_secret(), self.secret.expose_secret());
        // Without a name it is a token.
        if name.is_empty() {
            return Known::default().and_token(secret);
        }
        Known::default().and_secret(name).and_secret(secret)
    }

    pub(super) async fn read(account: &Account, key: &DigestKey) -> Result<Self, RunError> {
        let places = &account.credentials;
        let nothing = || SecretString::from(String::new());
        let mut unread = Unreadable::default();
        let mut secret = |what, read| unread.note(&account.name, what, read).unwrap_or_else(nothing);
        let (name, secret_value, scopes) = match places {
            Places::Password { username, password } => {
                let name = secret("username", username.read().await);
                (name, secret("password", password.read().await), Vec::new())
            }
            Places::Client { client_id, client_secret, scope } => {
                let name = secret("client_id", client_id.read().await);
                let value = secret("client_secret", client_secret.read().await);
                let scopes = scopes(scope).await;
                (name, value, unread.note(&account.name, "scope", scopes).unwrap_or_default())
            }
            Places::Token(token) => (nothing(), secret("token", token.read_token().await), Vec::new()),
            Places::Nothing => (nothing(), nothing(), Vec::new()),
        };
        unread.into_result()?;
        let address = normalized(account.token_url.as_deref().unwrap_or_default());
        let mut parts = vec![address.as_str(), name.expose_secret(), secret_value.expose_secret()];
        parts.extend(scopes.iter().map(String::as_str));
        let digest = key.hex("credentials", &parts);
        // A token that was given is a secret and no user: whose it is cannot be told.
        let user = !matches!(places, Places::Token(_));
        let asker = user.then(|| key.hex("asker", &[&normalized(&account.base_url), name.expose_secret()]));
        Ok(Self { name, secret: secret_value, scopes, digest, asker })
    }
}

/// Whether the login has refused the credentials that the configuration names now. Reads them, and sends nothing.
pub async fn remembered_refusal(
    ledger: Option<&Ledger>,
    account: &Account,
    key: &DigestKey,
) -> Result<bool, RunError> {
    let credentials = Credentials::read(account, key).await?;
    let Some(ledger) = ledger else { return Ok(false) };
    let memory = ledger.account(&account.name, &account.environment, now_ms()).await?;
    Ok(memory.refused_credentials.is_some_and(|refused| refused == credentials.digest))
}

async fn scopes(scope: &Scope) -> Result<Vec<String>, SecretError> {
    let text = match scope {
        Scope::Words(words) => return Ok(words.clone()),
        Scope::At(place) => place.read().await?,
    };
    Ok(text.expose_secret().split_whitespace().map(str::to_owned).collect())
}
