//! What came and is no use: an answer that cannot be read, one that is too large, and one to another question. What is whole
//! is kept and shown by nothing, but for a login's answer, of which nothing is kept. None is a step towards an outage, since somebody is there and answers.

use super::coordinator::Coordinator;
use super::flight::Flight;
use super::streak::UnusableAnswer;
use super::worker::{ExchangeResult, Kept, TOO_LARGE};
use crate::domain::outcome::{Outcome, State};
use crate::http::transport::Transport;
use crate::ledger::{AttemptState, Change};
use crate::upstream::{MISMATCHED, UNREADABLE};

/// Why a service is stopped whose answers cannot be read or are too large, in whichever mixture: only what arrived whole is
/// kept.
const USELESS: &str = "five answers in a row cannot be read or are larger than 16 MiB: those that arrived whole are kept, and \
                       `retry` reads them again, as a newer version of orgpull may; ask the provider what has changed";

/// Why one is stopped whose answers are another's. A login's answer is among those, and is not kept.
const OTHERS: &str = "five answers in a row are to other questions than those that were asked: something between here and the \
                      provider mixes them up (a proxy, a cache), or base_url leads elsewhere; what they hold is shown nowhere";

impl<T: Transport> Coordinator<T> {
    /// Takes such an answer.
    pub(super) fn unusable_answer(&mut self, account: usize, flight: Flight, came: ExchangeResult) {
        match came {
            ExchangeResult::Unread(kept) => self.unread(&flight, kept),
            ExchangeResult::Mismatched(kept) => self.mismatched(account, flight, kept),
            _ => self.too_large(account, flight),
        }
    }

    /// It cannot be read: it was carried out, and costs what it costs. To ask again at once would bring the same, so it is not
    /// lost in the sense of `on_unknown`.
    fn unread(&mut self, flight: &Flight, kept: Kept) {
        let (at, price) = (flight.ready.at, flight.ready.ask.price);
        self.end_with(flight, AttemptState::Unread, price, Some(UNREADABLE.to_owned()), Some(kept));
        let cost = price.unwrap_or_default();
        let change = Change { spent: 1, cost, lost: 1, ..Change::to(at, State::Parked, None) };
        self.give_up(flight, Outcome::Unknown, change);
        let (account, service) = self.asked(flight);
        self.count_unusable((&account, &service), UnusableAnswer::Unreadable, UNREADABLE, USELESS);
    }

    /// More comes than is taken. What it was nobody knows, and the next would be no smaller.
    fn too_large(&mut self, account: usize, flight: Flight) {
        let (name, service) = self.asked(&flight);
        self.lost(account, flight, TOO_LARGE.to_owned(), None);
        self.count_unusable((&name, &service), UnusableAnswer::Unreadable, TOO_LARGE, USELESS);
    }

    /// It answers another question. What became of ours nobody knows: it is lost.
    fn mismatched(&mut self, account: usize, flight: Flight, kept: Option<Kept>) {
        let (name, service) = self.asked(&flight);
        self.lost(account, flight, MISMATCHED.to_owned(), kept);
        self.count_unusable((&name, &service), UnusableAnswer::Mismatched, MISMATCHED, OTHERS);
    }

    fn asked(&self, flight: &Flight) -> (String, String) {
        let step = self.step(flight);
        (step.account.clone(), step.service.name.clone())
    }

    /// Counts one. The fifth in a row stops the service.
    fn count_unusable(
        &mut self,
        (account, service): (&str, &str),
        kind: UnusableAnswer,
        code: &str,
        why: &str,
    ) {
        if self.services.streaks.count(account, service, kind) {
            self.stop_for(account, service, code, why);
        }
    }
}
