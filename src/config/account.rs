//! An account: where it is, what it logs in with, its pace, its prices and what it posts.

use super::catalogue::{Auth, Service};
use super::secret::Secret;
use crate::disk::Protected;
use crate::domain::address::normalized;
use crate::domain::budget::Limit;
use crate::domain::invoice::ColumnNames;
use crate::domain::money::Ore;
use crate::domain::outcome::Outcome;
use crate::domain::pace::Rate;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// One account at a provider.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name in the configuration, which is also the provider's in the catalogue.
    pub name: String,
    /// `production`, `sandbox`, `simulator`, or the base address in its normal form where the user gave others.
    pub environment: String,
    /// Scheme, host and optional path, without a trailing slash.
    pub base_url: String,
    /// The full address of the login; `None` if there is no login.
    pub token_url: Option<String>,
    /// What it logs in with.
    pub credentials: Credentials,
    /// Who asks, where the provider wants to know.
    pub requestor_id: Option<Secret>,
    /// Over all services of the account.
    pub rate: Rate,
    /// Calls that may follow one another without the pace's distance.
    pub burst: u32,
    /// Calls in flight at once.
    pub concurrency: u32,
    /// From sending to the last byte of the answer.
    pub timeout: Duration,
    /// For how long an idle connection is used again.
    pub keep_alive: Duration,
    /// Certificates (PEM) that are trusted beside the machine's.
    pub roots: Option<Roots>,
    /// Age at which a token is renewed.
    pub refresh_after: Duration,
    /// Logins per five minutes.
    pub logins: u32,
    /// Wait after 429 without `Retry-After`.
    pub cool_down: Duration,
    /// What sends a letter of disclosure: `service` or `service:block`.
    pub letters: Vec<String>,
    /// What never does: `service` or `service:block`.
    pub no_letters: Vec<String>,
    /// Price of a call by `service` or `service:block`.
    pub prices: BTreeMap<String, Ore>,
    /// `free`: outcomes that cost nothing, `outcome` or `service:outcome`.
    pub free: Vec<String>,
    /// `budget`: caps over all runs and processes.
    pub budget: AccountBudget,
    /// `timezone`: whose days and months those are counted by.
    pub timezone: TimeZone,
    /// `invoice`: how the columns of the provider's statement are called.
    pub invoice: ColumnNames,
}

/// `[providers.NAME.budget]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AccountBudget {
    /// For each day.
    pub day: Limit,
    /// For each month.
    pub month: Limit,
    /// The share, in percent, at which to warn.
    pub warn_at: Option<u8>,
}

/// What an account logs in with: where its secrets are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A user key and a password.
    Password {
        /// The user key.
        username: Secret,
        /// The password.
        password: Secret,
    },
    /// An OAuth2 client.
    Client {
        /// Its id.
        client_id: Secret,
        /// Its secret.
        client_secret: Secret,
        /// The scopes of its token.
        scope: Scope,
    },
    /// A token that was given once and for all.
    Token(Secret),
    /// None: whoever reaches the upstream may ask.
    Nothing,
}

/// The scopes that a login asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// These.
    Words(Vec<String>),
    /// Those that stand there, with spaces between.
    At(Secret),
}

impl Credentials {
    /// The simulator's, for a way of logging in.
    pub const fn simulated(auth: Auth) -> Self {
        match auth {
            Auth::Connect => Self::Password { username: Secret::Simulated, password: Secret::Simulated },
            Auth::ClientCredentialsBasic | Auth::ClientCredentialsBody => Self::Client {
                client_id: Secret::Simulated,
                client_secret: Secret::Simulated,
                scope: Scope::At(Secret::Simulated),
            },
            Auth::Bearer => Self::Token(Secret::Simulated),
            Auth::None => Self::Nothing,
        }
    }

    /// The places of its secrets, each with its key.
    pub fn secrets(&self) -> Vec<(&'static str, &Secret)> {
        match self {
            Self::Password { username, password } => vec![("username", username), ("password", password)],
            Self::Client { client_id, client_secret, scope } => {
                let mut secrets = vec![("client_id", client_id), ("client_secret", client_secret)];
                if let Scope::At(place) = scope {
                    secrets.push(("scope", place));
                }
                secrets
            }
            Self::Token(token) => vec![("token", token)],
            Self::Nothing => Vec::new(),
        }
    }
}

/// Certificates that an account trusts beside the machine's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// Their file.
    pub path: PathBuf,
    /// What is in it, in PEM.
    pub pem: Arc<[u8]>,
}

impl Account {
    /// The places of its secrets, and of who asks.
    pub(super) fn places(&self) -> impl Iterator<Item = &Secret> {
        let secrets = self.credentials.secrets().into_iter().map(|(_, secret)| secret);
        secrets.chain(&self.requestor_id)
    }

    /// What an operator should know about the places of this account's secrets.
    pub fn warnings(&self) -> Vec<String> {
        self.places().filter_map(Secret::warning).collect()
    }

    /// Adds the files of its secrets, the programs that give them and its certificates to what may not be replaced.
    pub(super) fn protect(&self, protected: &mut Protected) {
        if let Some(roots) = &self.roots {
            protected.add(&roots.path, "an account's certificates");
        }
        for secret in self.places() {
            match secret {
                Secret::File(path) => protected.add(path, "a secret's file"),
                Secret::Command(words) if words.first().is_some_and(|program| program.contains('/')) => {
                    protected.add(Path::new(&words[0]), "a secret's program");
                }
                Secret::Command(_) | Secret::Env(_) | Secret::Simulated => {}
            }
        }
    }

    /// Whether another account asks the same upstream as the same user.
    pub(super) fn asks_as(&self, other: &Self) -> bool {
        let user = |account: &Self| account.credentials.secrets().first().map(|(_, place)| (*place).clone());
        normalized(&self.base_url) == normalized(&other.base_url) && user(self) == user(other)
    }

    /// What to tell of another account that is this one at the upstream.
    pub fn is_also(&self, other: &str) -> String {
        let (one, other) =
            if self.name.as_str() < other { (&*self.name, other) } else { (other, &*self.name) };
        format!(
            "accounts `{one}` and `{other}` ask the same upstream ({}) as the same user: each keeps a pace, a cap on logins and \
             budgets of its own, and what was bought under one is bought again under the other; use one of them",
            normalized(&self.base_url)
        )
    }

    /// Whether an answer of this outcome costs nothing.
    pub fn is_free(&self, service: &str, outcome: Outcome) -> bool {
        let word = outcome.as_str();
        self.free.iter().any(|free| match free.split_once(':') {
            Some((of, free)) => of == service && free == word,
            None => free == word,
        })
    }

    /// Whether some budget of it is on money.
    pub const fn caps_cost(&self) -> bool {
        self.budget.day.max_cost.is_some() || self.budget.month.max_cost.is_some()
    }

    /// The price of a call: that of `service:block` before that of `service`. `None` if nobody has given one, which is
    /// something else than free.
    pub fn price(&self, service: &str, block: Option<&str>) -> Option<Ore> {
        let exact = block.and_then(|block| self.prices.get(&format!("{service}:{block}")));
        exact.or_else(|| self.prices.get(service)).copied()
    }

    /// Whether a call to `service` with this block may send a letter to a subject that gets letters. A block of a
    /// letter-making service that neither list names is taken to send one; of several that are asked for together each
    /// counts, in whatever order.
    pub fn may_send_letter(&self, service: &Service, block: Option<&str>) -> bool {
        if !service.letters {
            return false;
        }
        let Some(block) = block else { return !self.no_letters.contains(&service.name) };
        let stands =
            |list: &[String], block: &str| list.iter().any(|e| *e == format!("{}:{block}", service.name));
        let blocks = service.blocks(block);
        // What stands in a list as it is asked for is one too.
        if blocks.iter().chain([&block]).any(|block| stands(&self.letters, block)) {
            return true;
        }
        let is_harmless = self.no_letters.contains(&service.name) || stands(&self.no_letters, block);
        !is_harmless && !blocks.iter().all(|block| stands(&self.no_letters, block))
    }
}
