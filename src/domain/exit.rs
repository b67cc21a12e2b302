//! Exit codes: the public table, and which one wins where several apply.

use std::fmt::Write as _;
use std::process::ExitCode;

/// How the process ends. The numbers are the public contract, and scripts and supervisors branch on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// Every lookup is settled.
    Settled,
    /// A bug of ours.
    Bug,
    /// The command line makes no sense, or asks for what is not built.
    Usage,
    /// The job file, the catalogue or the configuration has to be mended.
    Config,
    /// The run is finished, with `failed` or `unknown` lookups.
    Unsettled,
    /// The upstream refused the login.
    Login,
    /// The ledger cannot be read or written.
    Ledger,
    /// An output cannot be written.
    Output,
    /// The budget is reached.
    Budget,
    /// Another process is running this job.
    Busy,
    /// The upstream stayed away longer than `outage_wait`.
    Unavailable,
    /// Stopped by a signal.
    Stopped,
}

impl Exit {
    /// Every exit, by number.
    pub const ALL: [Self; 12] = [
        Self::Settled,
        Self::Bug,
        Self::Usage,
        Self::Config,
        Self::Unsettled,
        Self::Login,
        Self::Ledger,
        Self::Output,
        Self::Budget,
        Self::Busy,
        Self::Unavailable,
        Self::Stopped,
    ];

    /// The first of these that applies is the one told. `Bug`, `Usage` and `Busy` stand in front because none of the
    /// others can be trusted, or has happened, where one of them applies; the rest is the public order 6 7 130 5 3 10 8 4 0.
    const PRECEDENCE: [Self; 12] = [
        Self::Bug,
        Self::Usage,
        Self::Busy,
        Self::Ledger,
        Self::Output,
        Self::Stopped,
        Self::Login,
        Self::Config,
        Self::Unavailable,
        Self::Budget,
        Self::Unsettled,
        Self::Settled,
    ];

    /// The number given to the operating system.
    pub const fn code(self) -> u8 {
        match self {
            Self::Settled => 0,
            Self::Bug => 1,
            Self::Usage => 2,
            Self::Config => 3,
            Self::Unsettled => 4,
            Self::Login => 5,
            Self::Ledger => 6,
            Self::Output => 7,
            Self::Budget => 8,
            Self::Busy => 9,
            Self::Unavailable => 10,
            Self::Stopped => 130,
        }
    }

    /// The exit of that number, as the ledger keeps it; `None` for a number that is not ours.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|exit| exit.code() == code)
    }

    /// What it means, in a few words.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Settled => "all settled",
            Self::Bug => "a bug",
            Self::Usage => "usage",
            Self::Config => "job, catalogue or configuration",
            Self::Unsettled => "finished, with failed or unknown lookups",
            Self::Login => "login refused",
            Self::Ledger => "ledger",
            Self::Output => "output",
            Self::Budget => "budget reached",
            Self::Busy => "another process is running this job",
            Self::Unavailable => "upstream unavailable",
            Self::Stopped => "stopped by a signal",
        }
    }

    /// The one to tell where both apply.
    #[must_use]
    pub fn worst(self, other: Self) -> Self {
        Self::PRECEDENCE.into_iter().find(|exit| *exit == self || *exit == other).unwrap_or(self)
    }

    /// The table for the help texts.
    pub fn table() -> String {
        let mut text = String::from("Exit codes:\n");
        for exit in Self::ALL {
            let _ = writeln!(text, "  {:>3}  {}", exit.code(), exit.meaning());
        }
        text.push_str("After 3 5 6 7 8 10 130 the run can be continued.");
        text
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_numbers_are_the_contract() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 130]);
        for exit in Exit::ALL {
            assert_eq!(Exit::from_code(exit.code()), Some(exit));
        }
        assert_eq!(Exit::from_code(11), None);
    }

    #[test]
    fn the_first_of_the_public_order_wins() {
        let order = [6, 7, 130, 5, 3, 10, 8, 4, 0].map(|code| Exit::from_code(code).unwrap());
        for (at, first) in order.into_iter().enumerate() {
            for second in &order[at..] {
                assert_eq!(first.worst(*second), first);
                assert_eq!(second.worst(first), first);
            }
        }
        assert_eq!(Exit::Bug.worst(Exit::Ledger), Exit::Bug);
    }

    fn exits() -> impl Strategy<Value = Exit> {
        proptest::sample::select(Exit::ALL.to_vec())
    }

    proptest! {
        #[test]
        fn the_order_in_which_they_are_met_does_not_matter(a in exits(), b in exits(), c in exits()) {
            prop_assert_eq!(a.worst(b), b.worst(a));
            prop_assert_eq!(a.worst(b).worst(c), a.worst(b.worst(c)));
            prop_assert!(a.worst(b) == a || a.worst(b) == b);
        }
    }
}
