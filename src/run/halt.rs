//! Why a run's loop ends before everything is settled.

use super::RunError;

/// Why the loop ended before everything was settled.
#[derive(Debug, Default)]
pub(super) struct Halt {
    /// A signal.
    pub(super) signalled: bool,
    /// The login was refused, or fresh tokens are.
    pub(super) login: Option<String>,
    /// A service cannot go on as it is configured.
    pub(super) config: Option<String>,
    /// A budget is reached.
    pub(super) budget: Option<String>,
    /// `max_time` is over.
    pub(super) is_late: bool,
    /// What answers at the login address is no login.
    pub(super) login_address: Option<String>,
    /// The upstream stayed away.
    pub(super) unavailable: Option<String>,
    /// The ledger or we ourselves failed; what is in flight is still heard, since it is paid for.
    pub(super) broken: Option<RunError>,
}

impl Halt {
    /// Whether nothing more is to be sent by any account.
    pub(super) fn draining(&self) -> bool {
        let refused = self.login.is_some() || self.login_address.is_some();
        self.signalled || self.is_late || refused || self.unavailable.is_some() || self.broken.is_some()
    }
}
