//! The loop that drives a run: the only one that writes the run's lookups, and the only one that asks the gates.
//!
//! One turn of the loop: hear what came back → decide what it means → see who may go → write all of it in one
//! transaction → send. An answer and the intent of the call that takes its place share a commit, so a busy run pays one
//! fsync for many lookups, and a request leaves only after its intent is durable.

use super::budget::Purses;
use super::event::{Event, Level};
use super::fetch::{Freshness, Page, Saved};
use super::gates::Dependants;
use super::halt::Halt;
use super::lane::{Lane, LoginCame};
use super::prepared::Prepared;
use super::queue::{Leaders, Ready};
use super::streak::Streaks;
use super::tally::Tally;
use super::trial::Trials;
use super::worker::{Done, Sending, exchange};
use super::{Observer, RunError, StopRequest};
use crate::domain::budget::Spend;
use crate::domain::counted::counted;
use crate::domain::outcome::State;
use crate::http::account::{Permit, StopReason, Token};
use crate::http::transport::{Health, Transport};
use crate::ledger::{AttemptIds, Batch, Change, Intent, Ledger, LedgerError, Place, Turn, transactionid};
use crate::time::now_ms;
use crate::upstream::{Question, prepare};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How often the run is told where it stands.
const PROGRESS: Duration = Duration::from_millis(200);

/// How often another tag is drawn for attempt ids before it is a fault: even one collision is unlikely.
const MOST_DRAWS: u32 = 8;

/// How often a ledger that takes no writes is tried again.
const HELD_RETRY: Duration = Duration::from_secs(1);

/// What reaches the loop from outside.
pub(super) enum Message {
    Done(Done),
    Fetched(Result<Page, RunError>),
    Login { lane: usize, came: LoginCame },
    Health { lane: usize, said: Option<Health> },
}

/// A lookup whose request is on its way.
pub(super) struct Flight {
    pub(super) ready: Ready,
    pub(super) attempt: i64,
}

/// A lookup that may go.
pub(super) struct Departure {
    pub(super) lane: usize,
    pub(super) ready: Ready,
    pub(super) token: Arc<Token>,
    pub(super) granted: Instant,
}

pub(super) struct Coordinator<T> {
    pub(super) ledger: Arc<Ledger>,
    pub(super) prepared: Arc<Prepared>,
    pub(super) run: i64,
    pub(super) lanes: Vec<Lane>,
    pub(super) freshness: Freshness,
    pub(super) observer: Observer,
    pub(super) leaders: Leaders,
    pub(super) dependants: Dependants,
    pub(super) trials: Trials,
    /// Lookups whose question another process has in flight, and when the ledger is asked again about them.
    pub(super) elsewhere: BTreeSet<Place>,
    pub(super) look_again: Option<Instant>,
    /// Account and call of letters that nobody announced, to be remembered.
    pub(super) unannounced: Vec<(String, String)>,
    pub(super) saved: Arc<Saved>,
    pub(super) tally: Tally,
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
    /// Whether a task ended without its message, so that what it carried must not be waited for.
    lost_tasks: bool,
    tasks: JoinSet<()>,
    pub(super) after: Turn,
    pub(super) exhausted: bool,
    pub(super) fetching: bool,
    told: Instant,
    /// When `max_time` is over.
    deadline: Option<Instant>,
    /// Since when the ledger takes no writes, and when to try again.
    held: Option<(Instant, Instant)>,
}

/// What the loop starts from.
pub(super) struct Start<T> {
    pub(super) ledger: Arc<Ledger>,
    pub(super) prepared: Arc<Prepared>,
    pub(super) run: i64,
    pub(super) lanes: Vec<Lane>,
    pub(super) freshness: Freshness,
    pub(super) observer: Observer,
    pub(super) tally: Tally,
    /// The client of each lane.
    pub(super) transports: Vec<Arc<T>>,
    pub(super) purses: Purses,
    /// When this invocation began.
    pub(super) began: Instant,
}

impl<T: Transport> Coordinator<T> {
    pub(super) fn new(start: Start<T>) -> Self {
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
            transports: start.transports,
            purses: start.purses,
            again: Spend::default(),
            leaders: Leaders::default(),
            dependants: Dependants::default(),
            trials: Trials::default(),
            streaks: Streaks::default(),
            elsewhere: BTreeSet::new(),
            look_again: None,
            unannounced: Vec::new(),
            saved: Arc::default(),
            flights: HashMap::new(),
            batch: Batch::default(),
            halt: Halt::default(),
            ids: AttemptIds::default(),
            sender,
            receiver,
            heard: None,
            lost_tasks: false,
            tasks: JoinSet::new(),
            after: Turn::default(),
            exhausted: false,
            fetching: false,
            told: Instant::now(),
            held: None,
        }
    }

    /// Drives the run until nothing is pending or it must stop.
    pub(super) async fn drive(
        mut self,
        mut stop: watch::Receiver<StopRequest>,
    ) -> Result<(Halt, Tally, Spend), RunError> {
        self.tell_what_is_held();
        loop {
            self.hear().await;
            self.tell_others();
            self.resolve_doubts();
            self.obey(&mut stop);
            self.keep_time();
            if *stop.borrow() == StopRequest::Abort {
                self.abort().await?;
                break;
            }
            let (sends, next) = self.permits().await?;
            self.commit(sends).await?;
            // After the commit: what ended must be in the ledger before the ledger is asked what has ended.
            self.read_ahead();
            self.tell(Instant::now());
            self.lose_patience();
            if self.is_over() {
                break;
            }
            // What was decided while committing is written before anything is waited for.
            if self.batch.is_empty() || self.held.is_some() {
                self.wait(&mut stop, next).await;
            }
        }
        self.tasks.abort_all();
        self.warn_of_empty_gates();
        self.tell(self.told + PROGRESS);
        match self.halt.broken.take() {
            Some(error) => Err(error),
            None => Ok((self.halt, self.tally, self.again)),
        }
    }

    fn is_over(&self) -> bool {
        let unheard = self.lost_tasks && self.tasks.is_empty();
        let idle = (self.flights.is_empty() || unheard) && self.batch.is_empty();
        let read =
            self.exhausted && !self.fetching && self.dependants.none_ripe() && self.elsewhere.is_empty();
        let nothing_left = read && self.lanes.iter().all(Lane::is_idle);
        idle && (nothing_left || self.halt.draining())
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
            if joined.is_err_and(|error| error.is_panic()) {
                // Its message never comes: what it carried is found `started` at the next start.
                self.lost_tasks = true;
                self.broke(RunError::bug("a task panicked"));
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
                Message::Fetched(Ok(fetched)) => self.fetched(fetched),
                Message::Fetched(Err(error)) => self.broke(error),
                Message::Login { lane, came } => {
                    if let Err(error) = self.login_came(lane, came).await {
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

    pub(super) fn change(&mut self, change: Change) {
        let ended = matches!(change.state, State::Settled | State::Parked);
        if ended && self.prepared.gates[usize::from(change.at.step)] {
            self.dependants.ended(change.at, self.fetching);
        }
        if ended {
            self.trial_ended(&change);
        }
        self.batch.changes.push(change);
    }

    /// Gives a pending lookup an attempt back. It may have changed in this very batch, and one statement must not
    /// change a lookup twice.
    pub(super) fn refund(&mut self, at: Place) {
        match self.batch.changes.iter_mut().find(|change| change.at == at) {
            Some(change) => change.spent -= 1,
            None => self.change(Change { spent: -1, ..Change::to(at, State::Pending, None) }),
        }
    }

    /// Asks every account's gate who may go, and gives out what is to be sent and when to ask again.
    async fn permits(&mut self) -> Result<(Vec<Departure>, Option<Instant>), RunError> {
        let (mut sends, mut next) = (Vec::new(), None);
        if let Some((_, again)) = self.held.filter(|_| !self.may_write(Instant::now())) {
            return Ok((sends, Some(again)));
        }
        // While it is tried whether the ledger takes writes again, one call is enough to try it with.
        let mut room = if self.held.is_some() { self.room().min(1) } else { self.room() };
        for at in 0..self.lanes.len() {
            let now = Instant::now();
            self.lanes[at].queue.wake(now);
            earlier(&mut next, self.lanes[at].queue.next_due());
            while !self.halt.draining() && room > 0 && self.lanes[at].may_ask() {
                let lane = &mut self.lanes[at];
                let (granted, tokens, end) = lane.ask(room);
                for token in tokens {
                    let Some(ready) = lane.queue.pop() else { break };
                    lane.in_flight += 1;
                    room -= 1;
                    sends.push(Departure { lane: at, ready, token, granted });
                }
                match end {
                    None | Some(Permit::Go { .. }) => {}
                    Some(Permit::Wait { until, why }) => {
                        tracing::trace!(account = %lane.config.name, ?why, "wait");
                        earlier(&mut next, until);
                        break;
                    }
                    // A login is not for nothing either.
                    Some(Permit::Login) if !self.can_pay(at).await? => break,
                    Some(Permit::Login) => self.log_in(at),
                    Some(Permit::Health) => self.ask_health(at),
                    Some(Permit::Stop(reason)) => {
                        self.stop(at, &reason);
                        break;
                    }
                }
            }
        }
        earlier(&mut next, self.look_again);
        Ok((sends, next))
    }

    /// How many more lookups the job lets be under way.
    fn room(&self) -> usize {
        let most = self.prepared.job.rules.concurrency.map_or(usize::MAX, |most| most as usize);
        most.saturating_sub(self.flights.len())
    }

    /// Whether the ledger takes no writes.
    pub(super) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Whether the ledger may be tried.
    fn may_write(&self, now: Instant) -> bool {
        self.held.is_none_or(|(_, again)| again <= now)
    }

    /// Whether nothing is under way, so that only time can bring what comes next.
    pub(super) fn is_waiting(&self) -> bool {
        let idle =
            self.flights.is_empty() && self.tasks.is_empty() && self.batch.is_empty() && !self.fetching;
        idle && self.elsewhere.is_empty() && !self.is_held() && !self.halt.draining()
    }

    fn stop(&mut self, lane: usize, reason: &StopReason) {
        let why = format!("{}: {reason}", self.lanes[lane].config.name);
        let place = match reason {
            StopReason::LoginRefused { .. } | StopReason::TokenRefused => &mut self.halt.login,
            StopReason::LoginMisconfigured { .. } => &mut self.halt.login_address,
            StopReason::LoginThrottled | StopReason::Unavailable { .. } => &mut self.halt.unavailable,
        };
        place.get_or_insert(why);
    }

    /// Writes what ended and what begins in one transaction, then sends what begins.
    async fn commit(&mut self, sends: Vec<Departure>) -> Result<(), RunError> {
        let began = Instant::now();
        if self.batch.is_empty() && sends.is_empty() || !self.may_write(began) {
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
                Err(error @ (LedgerError::Full(_) | LedgerError::Busy(_))) => {
                    return self.hold(error, began, sends);
                }
                Err(error) => return self.unwritten(error, sends),
            }
        };
        let batch = std::mem::take(&mut self.batch);
        tracing::trace!(
            ends = batch.ends.len(),
            changes = batch.changes.len(),
            intents = batch.intents.len(),
            "commit"
        );
        if self.held.take().is_some() {
            self.notice(
                Level::Info,
                "resumed",
                "the ledger takes writes again: what was received is written".to_owned(),
            );
        }
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

    /// A full disk, or a process that does not let go of the ledger: what was received waits in memory, and nothing is
    /// sent until it is written. It is waited for as long as for an upstream.
    fn hold(&mut self, error: LedgerError, began: Instant, sends: Vec<Departure>) -> Result<(), RunError> {
        self.take_back(sends);
        let now = Instant::now();
        let since = self.held.map_or(began, |(since, _)| since);
        if now.duration_since(since) > self.prepared.job.rules.outage_wait {
            let unwritten = self.batch.ends.len() + self.flights.len();
            let answers = counted(unwritten as u64, "answer", "answers");
            let message = format!("{answers} could not be written: what was asked so ends unknown");
            self.notice(Level::Warning, "unknown", message);
            return Err(error.into());
        }
        if self.held.replace((since, now + HELD_RETRY)).is_none() {
            let waiting = self.batch.ends.len() + self.flights.len();
            let waiting = match waiting as u64 {
                0 => String::new(),
                waiting => format!(
                    "; {} in memory until it can be written",
                    counted(waiting, "answer waits", "answers wait")
                ),
            };
            let message = format!("{error}. Nothing is sent{waiting}");
            self.notice(Level::Warning, "ledger-held", message);
        }
        Ok(())
    }

    /// Any other failure ends the run, but not before what is in flight is heard, since it is paid for; then its answers
    /// are tried once more.
    fn unwritten(&mut self, error: LedgerError, sends: Vec<Departure>) -> Result<(), RunError> {
        self.take_back(sends);
        if self.halt.broken.is_some() && self.flights.is_empty() {
            return Err(error.into());
        }
        self.broke(error.into());
        Ok(())
    }

    fn take_back(&mut self, sends: Vec<Departure>) {
        self.batch.intents.clear();
        for Departure { lane, ready, .. } in sends {
            self.lanes[lane].in_flight -= 1;
            self.lanes[lane].queue.push(ready);
        }
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
        self.flights.insert(at, Flight { ready, attempt: intent.id });
        let (transport, sender) = (Arc::clone(&self.transports[lane]), self.sender.clone());
        self.tasks.spawn(async move {
            let _ = sender.send(Message::Done(exchange(transport, sending).await));
        });
    }

    /// Second signal: whatever is in flight may have been carried out, and nobody will hear of it.
    async fn abort(&mut self) -> Result<(), RunError> {
        self.tasks.abort_all();
        // What has come back already is heard.
        self.hear().await;
        self.batch.intents.clear();
        if let Err(error) = self.ledger.commit(self.run, &self.batch).await {
            let unwritten = self.batch.ends.len();
            if unwritten > 0 {
                let answers = counted(unwritten as u64, "answer", "answers");
                let message =
                    format!("{answers} could not be written and lost with that: what was asked ends unknown");
                self.notice(Level::Warning, "unknown", message);
            }
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
        super::notice(&self.observer, level, kind, message);
    }

    /// Starts a task whose message comes back to the loop.
    pub(super) fn spawn(&mut self, task: impl Future<Output = Message> + Send + 'static) {
        let sender = self.sender.clone();
        self.tasks.spawn(async move {
            let _ = sender.send(task.await);
        });
    }
}

fn earlier(next: &mut Option<Instant>, other: Option<Instant>) {
    *next = match (*next, other) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
}
