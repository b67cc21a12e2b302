//! The lookups of one account that are not settled: those that wait, for whatever it is, and how far they have been read.

use super::flight::Flight;
use super::leaders::Leaders;
use super::queue::Queue;
use super::reading::Reading;
use super::trial::Trials;
use crate::ledger::LookupId;

/// What is left to do at one account.
pub(super) struct Work {
    pub(super) reading: Reading,
    pub(super) queue: Queue,
    pub(super) leaders: Leaders,
    pub(super) trials: Trials,
    /// Lookups whose attempts are spent while it is in doubt whether that was an outage.
    pub(super) doubted: Vec<Flight>,
    /// Those that may go or are on their way.
    pub(super) in_flight: u32,
}

impl Work {
    pub(super) fn new(reading: Reading) -> Self {
        Self {
            reading,
            queue: Queue::default(),
            leaders: Leaders::default(),
            trials: Trials::default(),
            doubted: Vec::new(),
            in_flight: 0,
        }
    }

    /// Whether nothing of the account may go or is held back.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.len() == 0 && self.doubted.is_empty()
    }

    /// Whether nothing of the account is left, to be read neither.
    pub(super) fn is_over(&self) -> bool {
        self.is_idle() && self.reading.is_over()
    }

    /// Lookups in memory that wait for something else than their turn.
    pub(super) fn waiting(&self) -> usize {
        self.leaders.waiting() + self.trials.waiting() + self.reading.waiting()
    }

    /// Lets go of the lookups of some steps that are not in flight, and gives them out.
    pub(super) fn drop_steps(&mut self, dropped: impl Fn(u16) -> bool) -> Vec<LookupId> {
        let mut gone = self.queue.drop_steps(&dropped);
        gone.extend(self.leaders.drop_steps(&dropped));
        gone.extend(self.trials.drop_steps(&dropped));
        gone.extend(self.reading.drop_steps(&dropped));
        gone.extend(
            self.doubted.extract_if(.., |flight| dropped(flight.ready.at.step)).map(|flight| flight.ready.at),
        );
        gone
    }
}
