//! What must hold over restarts and processes for an account: its cool-down, its logins, credentials that were refused.

use std::time::Duration;

/// What the ledger remembers of an account in an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountMemory {
    /// End of the last cool-down, in milliseconds since 1970.
    pub cool_down_until: i64,
    /// How often in a row it had to cool down.
    pub cool_down_level: u32,
    /// No login before, in milliseconds since 1970.
    pub login_held_until: i64,
    /// Keyed digest of credentials that the login refused.
    pub refused_credentials: Option<String>,
    /// Times of the logins since the time asked for.
    pub logins: Vec<i64>,
    /// When the account last sent anything.
    pub last_attempt: Option<i64>,
}

/// An account that was asked to wait, with a 429.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The account.
    pub account: String,
    /// Its environment.
    pub environment: String,
    /// Nothing before, in milliseconds since 1970.
    pub until: i64,
    /// Whether only logins wait.
    pub login: bool,
}

/// A login that is about to be sent.
#[derive(Debug, Clone, Copy)]
pub struct NewLogin<'a> {
    /// The account.
    pub account: &'a str,
    /// Its environment.
    pub environment: &'a str,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// The run that needs it.
    pub run: Option<i64>,
    /// The cap: so many logins in `window`.
    pub most: u32,
    /// The span over which logins are counted, in milliseconds.
    pub window: i64,
    /// Keyed digest of the credentials; `None` to try them even if they were refused before.
    pub credentials: Option<&'a str>,
}

/// Whether a login is admitted under the cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginAdmission {
    /// It is written down and may be sent.
    Taken,
    /// These credentials were refused, perhaps to another process a moment ago.
    Refused,
    /// The cap is reached, or the login asked for patience: not before so long from now.
    Wait(Duration),
}

/// A cool-down that was told by a clock that was ahead, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoolDownMoved {
    /// Its end by that clock.
    pub was: i64,
    /// Its end by this one.
    pub is: i64,
}
