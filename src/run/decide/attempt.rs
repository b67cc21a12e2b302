//! What an attempt that brought no usable answer leaves of its lookup: whether it is tried once more, and what it ends as.

use super::prepared::Ask;
use crate::domain::money::Ore;
use crate::domain::outcome::{Outcome, State};
use crate::job::{OnUnknown, Rules, Step};

/// What is certain to cost nothing.
pub(crate) const FREE: Option<Ore> = Some(Ore::ZERO);

/// What becomes of a lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// It is tried again after a back-off.
    Later,
    /// Its attempts are spent, and it is in doubt whether that was an outage: it is kept back until that is known.
    Doubt,
    /// It ends so, without an answer.
    End(Outcome),
}

/// The attempts of a lookup.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempts {
    /// Spent of those that the job allows, the last one included.
    pub(crate) spent: u32,
    /// Whether an answer to one of them was lost.
    pub(crate) lost: bool,
}

impl Attempts {
    /// After an attempt that was certainly not carried out.
    pub(crate) const fn after_refusal(self, rules: &Rules, in_doubt: bool) -> Next {
        match (self.spent < rules.attempts, in_doubt) {
            (true, _) => Next::Later,
            (false, true) => Next::Doubt,
            (false, false) => Next::End(self.end()),
        }
    }

    /// After an attempt whose answer is lost: it may have been billed, and it may have posted a letter.
    pub(crate) fn after_loss(self, rules: &Rules, step: &Step, letter_making: bool) -> Next {
        let again = step.on_unknown == OnUnknown::Retry && !letter_making;
        if again && self.spent < rules.attempts { Next::Later } else { Next::End(Outcome::Unknown) }
    }

    /// What a lookup ends as whose attempts are spent. An earlier one may have been carried out, whatever became of the last.
    pub(crate) const fn end(self) -> Outcome {
        if self.lost { Outcome::Unknown } else { Outcome::Failed }
    }
}

/// The state of a lookup that has ended so.
pub(crate) fn state_of(outcome: Outcome) -> State {
    if outcome == Outcome::Unknown { State::Parked } else { State::Settled }
}

/// What an answer costs: its price where it is billed, and zero if the account has that outcome free.
pub(crate) const fn cost(ask: &Ask, billed: bool, is_free: bool) -> Option<Ore> {
    if billed && !is_free { ask.price } else { FREE }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::config::catalogue::Catalogue;
    use crate::job::{Job, file};
    use std::path::Path;

    fn job(on_unknown: &str) -> Job {
        let text = format!(
            "name = 'a'\n[input]\nnumbers = ['556012-5790']\n[[lookup]]\nid = 'one'\nservice = 'creditsafe.getsignatory'\n\
             on_unknown = '{on_unknown}'\n[run]\nattempts = 3\n[[output]]\npath = 'o.csv'\n"
        );
        let configuration = "[providers.creditsafe]\nenvironment = 'sandbox'\nusername = { env = 'A' }\npassword = { env = 'B' }\n";
        let settings: Settings =
            crate::config::parse(Path::new("/none/orgpull.toml"), configuration, Catalogue::built_in())
                .unwrap();
        file::parse(Path::new("/none/a.toml"), &text, &settings, false).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn what_was_not_carried_out_is_repeated_as_often_as_the_job_allows() {
        let rules = job("park").rules;
        for (spent, lost, in_doubt, next) in [
            (1, false, false, Next::Later),
            (2, true, true, Next::Later),
            (3, false, false, Next::End(Outcome::Failed)),
            (3, true, false, Next::End(Outcome::Unknown)),
            (3, false, true, Next::Doubt),
            (4, true, true, Next::Doubt),
        ] {
            assert_eq!(
                Attempts { spent, lost }.after_refusal(&rules, in_doubt),
                next,
                "{spent} {lost} {in_doubt}"
            );
        }
    }

    #[test]
    fn what_may_have_been_billed_is_repeated_only_where_the_job_says_so_and_a_letter_never() {
        for (on_unknown, spent, letter_making, next) in [
            ("park", 1, false, Next::End(Outcome::Unknown)),
            ("retry", 1, false, Next::Later),
            ("retry", 2, false, Next::Later),
            ("retry", 3, false, Next::End(Outcome::Unknown)),
            ("retry", 1, true, Next::End(Outcome::Unknown)),
        ] {
            let job = job(on_unknown);
            let attempts = Attempts { spent, lost: true };
            let came = attempts.after_loss(&job.rules, &job.steps[0], letter_making);
            assert_eq!(came, next, "{on_unknown} {spent} {letter_making}");
        }
    }

    #[test]
    fn only_what_is_unknown_is_parked() {
        for outcome in Outcome::ALL {
            assert_eq!(state_of(outcome) == State::Parked, outcome == Outcome::Unknown, "{outcome}");
        }
    }
}
