//! Why a run's loop ends before everything is settled.

use crate::run::error::RunError;

/// Something that keeps the rest of a run, or a part of it, from being sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The login was refused, or fresh tokens are.
    Login,
    /// What answers at the login address is no login.
    LoginAddress,
    /// A service cannot go on as it is configured. The others go on.
    Config,
    /// A budget is reached. What it does not count goes on.
    Budget,
    /// The upstream stayed away.
    Unavailable,
}

impl Reason {
    /// In the order in which they are told apart: of two that end a run alike the first is told.
    pub(crate) const ALL: [Self; 5] =
        [Self::Login, Self::LoginAddress, Self::Config, Self::Budget, Self::Unavailable];

    /// Whether nothing more is to be sent by any account.
    const fn ends_all(self) -> bool {
        matches!(self, Self::Login | Self::LoginAddress | Self::Unavailable)
    }
}

/// Why the loop ended before everything was settled.
#[derive(Debug, Default)]
pub(crate) struct Halt {
    signalled: bool,
    is_late: bool,
    /// The first message of each reason.
    told: [Option<String>; Reason::ALL.len()],
    /// The ledger or we ourselves failed; what is in flight is still heard, since it is paid for.
    broken: Option<RunError>,
}

impl Halt {
    /// A signal asks to stop. Whether that is new.
    pub(crate) fn signal(&mut self) -> bool {
        !std::mem::replace(&mut self.signalled, true)
    }

    /// `max_time` is over. Whether that is new.
    pub(crate) fn late(&mut self) -> bool {
        !std::mem::replace(&mut self.is_late, true)
    }

    /// Notes a reason; the first of its kind counts.
    pub(crate) fn stop(&mut self, reason: Reason, message: String) {
        self.told[reason as usize].get_or_insert(message);
    }

    /// Notes a failure; the first counts.
    pub(crate) fn fail(&mut self, error: RunError) {
        self.broken.get_or_insert(error);
    }

    /// Whether a signal has asked to stop.
    pub(crate) const fn is_signalled(&self) -> bool {
        self.signalled
    }

    /// Whether `max_time` is over.
    pub(crate) const fn is_late(&self) -> bool {
        self.is_late
    }

    /// Whether the ledger or we ourselves failed.
    pub(crate) const fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// What was told of a reason.
    pub(crate) fn told(&self, reason: Reason) -> Option<&str> {
        self.told[reason as usize].as_deref()
    }

    /// Whether nothing more is to be sent by any account.
    pub(crate) fn draining(&self) -> bool {
        let ends_all = |reason: &Reason| reason.ends_all() && self.told(*reason).is_some();
        self.signalled || self.is_late || self.is_broken() || Reason::ALL.iter().any(ends_all)
    }

    /// The failure, where that is what ended the run.
    ///
    /// # Errors
    /// That failure.
    pub(crate) fn or_failure(mut self) -> Result<Self, RunError> {
        self.broken.take().map_or(Ok(self), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_or_a_budget_stops_a_part_and_everything_else_the_whole() {
        assert!(!Halt::default().draining());
        for reason in Reason::ALL {
            let mut halt = Halt::default();
            halt.stop(reason, "first".to_owned());
            halt.stop(reason, "second".to_owned());
            assert_eq!(halt.told(reason), Some("first"), "{reason:?}");
            let others = Reason::ALL.iter().filter(|other| **other != reason);
            assert!(others.clone().all(|other| halt.told(*other).is_none()), "{reason:?}");
            assert_eq!(halt.draining(), !matches!(reason, Reason::Config | Reason::Budget), "{reason:?}");
        }
        for halt in [Halt::signal, Halt::late] {
            let mut halted = Halt::default();
            assert!(halt(&mut halted) && !halt(&mut halted), "told once");
            assert!(halted.draining());
        }
    }

    #[test]
    fn the_first_failure_is_what_ended_it() {
        let mut halt = Halt::default();
        halt.fail(RunError::Stopped);
        halt.fail(RunError::Bug("later".to_owned()));
        assert!(halt.draining() && halt.is_broken());
        assert!(matches!(halt.or_failure(), Err(RunError::Stopped)));
        assert!(Halt::default().or_failure().is_ok());
    }
}
