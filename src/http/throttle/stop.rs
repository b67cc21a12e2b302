//! Why an account is given up.

use crate::http::cause::Cause;

/// Why an account is given up for this run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StopReason {
    /// The credentials are not taken: exit 5.
    #[error("{message}")]
    LoginRefused {
        /// For the operator.
        message: String,
    },
    /// The login wants to be logged in to in another way: exit 3.
    #[error("{message}")]
    LoginMisconfigured {
        /// For the operator.
        message: String,
    },
    /// Logins succeed, and the services refuse what they bring: exit 5.
    #[error(
        "the service refuses fresh tokens again and again: check that base_url and token_url belong together"
    )]
    TokenRefused,
    /// 429 to a login, a wait, and 429 again: exit 10.
    #[error(
        "the login asks us to slow down, and again after the wait: try later, and check what else logs in"
    )]
    LoginThrottled,
    /// The outage outlasted `outage_wait`: exit 10.
    #[error("the upstream did not answer for as long as outage_wait allows{}: continue the run later", because(*cause))]
    Unavailable {
        /// Why it did not answer last; `None` if only another process met it.
        cause: Option<Cause>,
    },
}

/// A cause in brackets, after a blank; empty if there is none.
pub(super) fn because(cause: Option<Cause>) -> String {
    cause.map(|cause| format!(" ({cause})")).unwrap_or_default()
}
