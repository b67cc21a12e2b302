//! Why a run's loop ends before everything is settled.

use crate::run::error::RunError;

/// Why the loop ended before everything was settled.
#[derive(Debug, Default)]
pub(crate) struct Halt {
    /// A signal.
    pub(crate) signalled: bool,
    /// The login was refused, or fresh tokens are.
    pub(crate) login: Option<String>,
    /// A service cannot go on as it is configured.
    pub(crate) config: Option<String>,
    /// A budget is reached.
    pub(crate) budget: Option<String>,
    /// `max_time` is over.
    pub(crate) is_late: bool,
    /// What answers at the login address is no login.
    pub(crate) login_address: Option<String>,
    /// The upstream stayed away.
    pub(crate) unavailable: Option<String>,
    /// The ledger or we ourselves failed; what is in flight is still heard, since it is paid for.
    pub(crate) broken: Option<RunError>,
}

impl Halt {
    /// Whether nothing more is to be sent by any account.
    pub(crate) fn draining(&self) -> bool {
        let refused = self.login.is_some() || self.login_address.is_some();
        self.signalled || self.is_late || refused || self.unavailable.is_some() || self.broken.is_some()
    }
}
