//! What comes back and is no answer to what was asked, counted in a row. One such thing says nothing of the next lookup;
//! several with no proper answer between them say that the service, or the way to it, is not what the configuration takes it
//! for, and then each further lookup would be paid for or spent in vain.

/// So many in a row stop the service.
const LONGEST: u32 = 5;
/// How many kinds there are.
const KINDS: usize = 3;

/// An answer that settles nothing, by what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnusableAnswer {
    /// It arrived whole and cannot be read.
    Unreadable,
    /// It answers another question.
    Mismatched,
    /// A page that is not the provider's.
    ForeignPage,
}

/// How often in a row each kind came from each service. A kind's streak ends with the next proper answer of the service,
/// not with something else that is none.
#[derive(Debug, Default)]
pub(super) struct Streaks(Vec<Streak>);

/// The streaks of one service.
#[derive(Debug)]
struct Streak {
    account: String,
    service: String,
    lengths: [u32; KINDS],
}

impl Streaks {
    /// Counts one more. Whether the service is to be stopped, which stays so until it answers properly.
    pub(super) fn count(&mut self, account: &str, service: &str, kind: UnusableAnswer) -> bool {
        let known = self.0.iter().position(|streak| streak.is_of(account, service));
        let at = known.unwrap_or_else(|| {
            let (account, service) = (account.to_owned(), service.to_owned());
            self.0.push(Streak { account, service, lengths: [0; KINDS] });
            self.0.len() - 1
        });
        let length = &mut self.0[at].lengths[kind as usize];
        *length = length.saturating_add(1);
        *length >= LONGEST
    }

    /// A proper answer of the service: whatever was counted of it is over.
    pub(super) fn answered(&mut self, account: &str, service: &str) {
        self.0.retain(|streak| !streak.is_of(account, service));
    }
}

impl Streak {
    fn is_of(&self, account: &str, service: &str) -> bool {
        self.account == account && self.service == service
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [UnusableAnswer; KINDS] =
        [UnusableAnswer::Unreadable, UnusableAnswer::Mismatched, UnusableAnswer::ForeignPage];

    #[test]
    fn the_fifth_in_a_row_stops_the_service_and_so_does_what_was_in_flight() {
        for kind in ALL {
            let mut streaks = Streaks::default();
            let told: Vec<bool> = (0..7).map(|_| streaks.count("a", "s", kind)).collect();
            assert_eq!(told, [false, false, false, false, true, true, true], "{kind:?}");
        }
    }

    #[test]
    fn a_proper_answer_begins_anew() {
        let mut streaks = Streaks::default();
        for _ in 0..100 {
            for kind in ALL.into_iter().chain([UnusableAnswer::Unreadable; 3]) {
                assert!(!streaks.count("a", "s", kind));
            }
            streaks.answered("a", "s");
        }
    }

    #[test]
    fn one_kind_does_not_end_the_streak_of_another() {
        let mut streaks = Streaks::default();
        for _ in 0..4 {
            assert!(ALL.into_iter().all(|kind| !streaks.count("a", "s", kind)));
        }
        assert!(ALL.into_iter().all(|kind| streaks.count("a", "s", kind)));
    }

    #[test]
    fn accounts_and_services_are_counted_apart() {
        let mut streaks = Streaks::default();
        let services = [("a", "s"), ("a", "t"), ("b", "s")];
        for _ in 0..4 {
            assert!(services.iter().all(|(account, name)| !streaks.count(
                account,
                name,
                UnusableAnswer::Mismatched
            )));
        }
        streaks.answered("a", "t");
        let stops = services.map(|(account, name)| streaks.count(account, name, UnusableAnswer::Mismatched));
        assert_eq!(stops, [true, false, true]);
    }

    proptest! {
        /// Held against counting from the end: a kind stops its service when five of it came since the last answer.
        #[test]
        fn it_counts_what_came_since_the_last_answer(came in prop::collection::vec(0usize..=KINDS, 0..40)) {
            let mut streaks = Streaks::default();
            for (at, &what) in came.iter().enumerate() {
                let Some(&kind) = ALL.get(what) else {
                    streaks.answered("a", "s");
                    continue;
                };
                let since = came[..=at].iter().rev().take_while(|&&what| what < KINDS);
                let of_this_kind = since.filter(|&&before| before == what).count();
                prop_assert_eq!(streaks.count("a", "s", kind), of_this_kind >= 5);
            }
        }
    }
}
