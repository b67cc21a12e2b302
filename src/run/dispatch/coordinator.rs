//! The loop that drives a run: the only one that writes the run's lookups, and the only one that asks the gates.
//!
//! One turn of the loop: hear what came back → decide what it means → see who may go → write all of it in one
//! transaction → send. An answer and the intent of the call that takes its place share a commit, so a busy run pays one
//! fsync for many lookups, and a request leaves only after its intent is durable.

use super::dependants::Dependants;
use super::earlier::earlier;
use super::flight::{Departure, Flight};
use super::halt::Halt;
use super::holds::{Holds, Use};
use super::lane::Lane;
use super::message::Message;
use super::reading::Asked;
use super::stop::StopRequest;
use super::streak::Streaks;
use super::tally::Tally;
use super::worker::{Sending, exchange};
use crate::domain::budget::Spend;
use crate::http::transport::Transport;
use crate::ledger::{AttemptIds, Batch, Intent, Ledger, LedgerError, Place, transactionid};
use crate::run::decide::budget::Purses;
use crate::run::decide::fetch::Saved;
use crate::run::decide::freshness::Freshness;
use crate::run::decide::prepared::Prepared;
use crate::run::error::RunError;
use crate::run::event::notice;
use crate::run::event::{Event, Level, Observer};
use crate::time::now_ms;
use crate::upstream::{Question, prepare};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::{self, JoinSet};
use tokio::time::Instant;

/// How often the run is told where it stands.
const PROGRESS: Duration = Duration::from_millis(200);

/// How often another tag is drawn for attempt ids before it is a fault: even one collision is unlikely.
const MOST_DRAWS: u32 = 8;

/// What came of driving a run.
pub(crate) struct Drove {
    /// Why the loop ended, and what was asked though another run's call for the same was lost.
    pub(crate) came: Result<(Halt, Spend), RunError>,
    /// Turns of the loop: many more than there were events to turn for would be a loop that spins.
    pub(crate) turns: u64,
}

pub(crate) struct Coordinator<T> {
    pub(super) ledger: Arc<Ledger>,
    pub(super) prepared: Arc<Prepared>,
    pub(super) run: i64,
    pub(super) lanes: Vec<Lane>,
    pub(super) freshness: Freshness,
    pub(super) observer: Observer,
    pub(super) dependants: Dependants,
    pub(super) saved: Arc<Saved>,
    pub(super) tally: Tally,
    /// Whether it was told of which services nobody knows the price.
    pub(super) told_prices: bool,
    pub(super) flights: HashMap<Place, Flight>,
    pub(super) batch: Batch,
    /// Steps that are not asked any more: their service was stopped, or their account's budget is reached.
    pub(super) stopped: Vec<bool>,
    /// Steps that were answered by an attempt of this run, as far as is known.
    pub(super) answered_steps: Vec<bool>,
    pub(super) streaks: Streaks,
    pub(super) purses: Purses,
    /// What was asked though another run's call for the same was lost.
    pub(super) again: Spend,
    pub(super) halt: Halt,
    /// The client of each lane.
    pub(super) transports: Vec<Arc<T>>,
    ids: AttemptIds,
    sender: mpsc::UnboundedSender<Message>,
    receiver: mpsc::UnboundedReceiver<Message>,
    /// The message that ended the last wait.
    heard: Option<Message>,
    tasks: JoinSet<()>,
    /// Whether lookups are being read, of which account, and which.
    pub(super) fetching: bool,
    pub(super) asked: Option<(usize, Asked)>,
    /// The accounts whose turn it is to be read, and to be asked who may go.
    pub(super) first_read: usize,
    pub(super) first_asked: usize,
    told: Instant,
    /// When `max_time` is over.
    deadline: Option<Instant>,
    pub(super) holds: Holds,
    turns: u64,
}

/// What the loop starts from.
pub(crate) struct Start<T> {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) run: i64,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) freshness: Freshness,
    pub(crate) observer: Observer,
    pub(crate) tally: Tally,
    /// The client of each lane.
    pub(crate) transports: Vec<Arc<T>>,
    pub(crate) purses: Purses,
    /// When this invocation began.
    pub(crate) began: Instant,
}

impl<T: Transport> Coordinator<T> {
    pub(crate) fn new(start: Start<T>) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let deadline = start.prepared.job.rules.max_time.and_then(|most| start.began.checked_add(most));
        Self {
            deadline,
            stopped: vec![false; start.prepared.job.steps.len()],
            answered_steps: vec![false; start.prepared.job.steps.len()],
            ledger: start.ledger,
            prepared: start.prepared,
            run: start.run,
            lanes: start.lanes,
            freshness: start.freshness,
            observer: start.observer,
            tally: start.tally,
            told_prices: false,
            transports: start.transports,
            purses: start.purses,
            again: Spend::default(),
            dependants: Dependants::default(),
            streaks: Streaks::default(),
            saved: Arc::default(),
            flights: HashMap::new(),
            batch: Batch::default(),
            halt: Halt::default(),
            ids: AttemptIds::default(),
            sender,
            receiver,
            heard: None,
            tasks: JoinSet::new(),
            fetching: false,
            asked: None,
            first_read: 0,
            first_asked: 0,
            told: Instant::now(),
            holds: Holds::default(),
            turns: 0,
        }
    }

    /// Drives the run until nothing is pending or it must stop.
    pub(crate) async fn drive(mut self, stop: watch::Receiver<StopRequest>) -> Drove {
        self.tell_what_is_held();
        let came = self.turn_until_over(stop).await;
        self.tasks.abort_all();
        for warning in self.dependants.never_found(&self.prepared) {
            self.notice(Level::Warning, "gate-field", warning);
        }
        self.tell(self.told + PROGRESS);
        let came = came.and_then(|()| match self.halt.broken.take() {
            Some(error) => Err(error),
            None => Ok((self.halt, self.again)),
        });
        Drove { came, turns: self.turns }
    }

    async fn turn_until_over(&mut self, mut stop: watch::Receiver<StopRequest>) -> Result<(), RunError> {
        loop {
            self.turns += 1;
            self.hear().await;
            self.tell_others();
            self.resolve_doubts();
            self.obey(&mut stop);
            self.keep_time();
            if *stop.borrow() == StopRequest::Abort {
                return self.abort().await;
            }
            let (sends, mut next) = self.permits().await;
            self.commit(sends).await?;
            // After the commit: what ended must be in the ledger before the ledger is asked what has ended.
            self.read_ahead();
            self.tell(Instant::now());
            self.lose_patience();
            if self.is_over() {
                return Ok(());
            }
            let now = Instant::now();
            earlier(&mut next, self.next_look());
            earlier(&mut next, self.held_until(now));
            if next.is_none() && self.is_still() {
                self.broke(RunError::bug("something is left to do, and nothing is under way or waited for"));
            }
            // What was decided while committing is written before anything is waited for.
            if self.batch.is_empty() || self.held_until(now).is_some() {
                self.wait(&mut stop, next).await;
            }
        }
    }

    fn is_over(&self) -> bool {
        let idle = self.flights.is_empty() && self.batch.is_empty();
        let nothing_left = !self.fetching && self.lanes.iter().all(Lane::is_over);
        idle && (nothing_left || self.halt.draining())
    }

    /// Whether nothing is under way that a message could come from, so that only a time could bring what is next.
    fn is_still(&self) -> bool {
        let heard = self.heard.is_none() && self.receiver.is_empty();
        heard && self.tasks.is_empty() && self.flights.is_empty() && self.batch.is_empty()
    }

    /// Sleeps until something comes back, a time comes, or a signal does.
    async fn wait(&mut self, stop: &mut watch::Receiver<StopRequest>, next: Option<Instant>) {
        if !self.receiver.is_empty() {
            return;
        }
        let latest = Instant::now() + PROGRESS;
        let due = self.deadline.filter(|_| !self.halt.is_late);
        let next = [next, due].into_iter().flatten().fold(latest, Instant::min);
        tokio::select! {
            biased;
            changed = stop.changed() => if changed.is_err() { tokio::time::sleep_until(next).await },
            message = self.receiver.recv() => self.heard = message,
            () = tokio::time::sleep_until(next) => {}
        }
    }

    /// Handles everything that has come back.
    async fn hear(&mut self) {
        while let Some(joined) = self.tasks.try_join_next() {
            if let Err(error) = joined
                && error.is_panic()
            {
                self.panicked(error.id());
            }
        }
        // Bounded, so that a fast upstream cannot keep the loop from writing.
        for _ in 0..1_024 {
            let Some(message) = self.heard.take().or_else(|| self.receiver.try_recv().ok()) else { break };
            match message {
                Message::Done(done) => {
                    // What it did not cost after all may be enough for those that wait for money.
                    self.lanes.iter_mut().for_each(|lane| lane.is_short = false);
                    self.done(done).await;
                }
                Message::Fetched(page) => self.fetched(page),
                Message::Login { lane, came } => {
                    if let Err(error) = self.login_came(lane, came) {
                        self.broke(error);
                    }
                }
                Message::Health { lane, said } => self.health_came(lane, said),
            }
        }
    }

    /// Tells other processes at once what they are to know of an account before they send again.
    fn tell_others(&mut self) {
        self.lanes.iter_mut().filter(|lane| lane.gate.has_news()).for_each(|lane| lane.together(|_, _| ()));
    }

    pub(super) fn broke(&mut self, error: RunError) {
        self.halt.broken.get_or_insert(error);
    }

    /// A task panicked, and its message never comes. A call that it carried may have been carried out, and its answer is lost.
    fn panicked(&mut self, task: task::Id) {
        self.broke(RunError::bug("a task panicked"));
        let at = self.flights.iter().find(|(_, flight)| flight.task == task).map(|(at, _)| *at);
        if let Some(flight) = at.and_then(|at| self.flights.remove(&at)) {
            let lane = self.prepared.account_of[usize::from(flight.ready.at.step)];
            self.lanes[lane].in_flight -= 1;
            self.lost(lane, flight, "panicked".to_owned(), None);
        }
    }

    fn obey(&mut self, stop: &mut watch::Receiver<StopRequest>) {
        if *stop.borrow_and_update() != StopRequest::None && !self.halt.signalled {
            self.halt.signalled = true;
            self.notice(
                Level::Info,
                "draining",
                format!(
                    "stopping: nothing new is sent, and {} in flight are waited for, since they are paid for; a second \
                     signal leaves them unknown",
                    self.flights.len()
                ),
            );
        }
    }

    /// After `max_time` nothing new is sent, whatever is waited for.
    fn keep_time(&mut self) {
        let over = self.deadline.is_some_and(|deadline| deadline <= Instant::now());
        if over && !self.halt.is_late {
            self.halt.is_late = true;
            let message = format!(
                "the time that max_time allows is over: nothing new is sent, and {} in flight are waited for",
                self.flights.len()
            );
            self.notice(Level::Info, "max-time", message);
        }
    }

    /// Whether nothing is under way, so that only time can bring what comes next.
    pub(super) fn is_waiting(&self) -> bool {
        let idle = !self.fetching && self.lanes.iter().all(|lane| lane.reading.waiting() == 0);
        idle && self.is_still() && !self.holds.any() && !self.halt.draining()
    }

    /// Writes what ended and what begins in one transaction, then sends what begins.
    async fn commit(&mut self, sends: Vec<Departure>) -> Result<(), RunError> {
        let began = Instant::now();
        let held = self.held_until(began).is_some();
        // What came up while the gates were asked holds for those that were granted before.
        let sends = if held || self.halt.draining() { self.take_back(sends) } else { sends };
        if held || self.batch.is_empty() && sends.is_empty() {
            return Ok(());
        }
        let mut draws = 0;
        let committed = loop {
            let now = now_ms();
            self.batch.caps = self.purses.caps(now);
            self.batch.intents = self.intents(&sends, now);
            for intent in &mut self.batch.intents {
                intent.id = self.ids.next(now);
                intent.transactionid = transactionid(intent.id);
            }
            match self.ledger.commit(self.run, &self.batch).await {
                Ok(committed) => break committed,
                Err(LedgerError::IdTaken) if draws < MOST_DRAWS => {
                    draws += 1;
                    self.ids.redraw();
                }
                Err(error) => {
                    self.take_back(sends);
                    return match error {
                        LedgerError::Full(_) | LedgerError::Busy(_) => self.hold(error, began, Use::Write),
                        error => self.unwritten(error),
                    };
                }
            }
        };
        let batch = std::mem::take(&mut self.batch);
        tracing::trace!(
            ends = batch.ends.len(),
            changes = batch.changes.len(),
            intents = batch.intents.len(),
            "commit"
        );
        self.has_written();
        for change in &batch.changes {
            self.tally.change(change);
        }
        if !sends.is_empty() {
            self.look_for_ledger();
        }
        self.depart(sends, &batch.intents, committed);
        Ok(())
    }

    fn intents(&self, sends: &[Departure], now: i64) -> Vec<Intent> {
        let rules = Freshness { now, ..self.freshness };
        let intent = |send: &Departure| {
            let step = &self.prepared.job.steps[usize::from(send.ready.at.step)];
            self.lanes[send.lane].intent(&send.ready, &rules, step)
        };
        sends.iter().map(intent).collect()
    }

    /// Takes back what was granted and does not go. Nothing is left of it.
    fn take_back(&mut self, sends: Vec<Departure>) -> Vec<Departure> {
        self.batch.intents.clear();
        for Departure { lane, ready, .. } in sends {
            self.lanes[lane].in_flight -= 1;
            self.requeue(lane, ready);
        }
        Vec::new()
    }

    pub(super) fn send(&mut self, send: Departure, intent: &Intent) {
        let Departure { lane, ready, token, .. } = send;
        let at = ready.at;
        let service = &self.prepared.job.steps[usize::from(at.step)].service;
        let account = &mut self.lanes[lane];
        let base = &account.config.base_url;
        let sending = Sending {
            account: lane,
            at,
            request: prepare(base, service, &ready.ask.number, &intent.transactionid, &ready.ask.params),
            token,
            timeout: account.config.timeout,
            service: Arc::clone(service),
            question: Question::new(service, &ready.ask.number, &intent.transactionid, &ready.ask.params),
            shut: account.gate.shut(),
            number: ready.ask.number.clone(),
            credentials: Arc::clone(&account.credentials),
            stays: self.halt.broken.is_some(),
        };
        let (transport, sender) = (Arc::clone(&self.transports[lane]), self.sender.clone());
        let task = self.tasks.spawn(async move {
            let _ = sender.send(Message::Done(exchange(transport, sending).await));
        });
        self.flights.insert(at, Flight { ready, attempt: intent.id, task: task.id() });
    }

    /// Second signal: whatever is in flight may have been carried out, and nobody will hear of it.
    async fn abort(&mut self) -> Result<(), RunError> {
        self.tasks.abort_all();
        // What has come back already is heard.
        self.hear().await;
        self.batch.intents.clear();
        if let Err(error) = self.ledger.commit(self.run, &self.batch).await {
            self.tell_what_is_unwritten();
            return Err(error.into());
        }
        self.batch = Batch::default();
        self.flights.clear();
        self.ledger.park_started(self.run, now_ms()).await?;
        Ok(())
    }

    /// Tells where the run stands, a few times a second.
    fn tell(&mut self, now: Instant) {
        if now.duration_since(self.told) < PROGRESS {
            return;
        }
        self.told = now;
        // Where nothing is sent for hours, this is told all the same.
        self.look_for_ledger();
        let pause = self.pause(now);
        let progress = self.tally.progress(now, self.flights.len(), pause);
        (self.observer)(Event::Progress(progress));
    }

    pub(super) fn notice(&self, level: Level, kind: &'static str, message: String) {
        notice(&self.observer, level, kind, message);
    }

    /// Starts a task whose message comes back to the loop.
    pub(super) fn spawn(&mut self, task: impl Future<Output = Message> + Send + 'static) {
        let sender = self.sender.clone();
        self.tasks.spawn(async move {
            let _ = sender.send(task.await);
        });
    }
}
