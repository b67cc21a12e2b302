//! The loop that drives a run: the only one that writes the run's lookups, and the only one that asks the throttles.
//!
//! One turn of the loop: hear what came back → decide what it means → see who may go → write all of it in one
//! transaction → send. An answer and the intent of the call that takes its place share a commit, so a busy run pays one
//! fsync for many lookups, and a request leaves only after its intent is durable.

use super::account_runtime::AccountRuntime;
use super::backlog::{Backlog, Left};
use super::earlier::earlier;
use super::flight::{Flight, GrantedCall};
use super::halt::Halt;
use super::ledger_availability::LedgerUse;
use super::mailbox::Mailbox;
use super::message::Message;
use super::services::Services;
use super::stop::StopRequest;
use super::tally::Tally;
use super::worker::{ExchangeInput, exchange};
use super::writer::{BatchResult, Unwritten, Writer};
use crate::domain::budget::Spend;
use crate::http::transport::Transport;
use crate::ledger::{DataKey, Intent, Ledger, LedgerError};
use crate::run::decide::budget::Budgets;
use crate::run::decide::fetch::Saved;
use crate::run::decide::freshness::Freshness;
use crate::run::decide::prepared::Prepared;
use crate::run::error::RunError;
use crate::run::event::{Event, Level, Observer, notice};
use crate::time::now_ms;
use crate::upstream::{Question, prepare};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task;
use tokio::time::Instant;

/// How often the run is told where it stands.
const PROGRESS: Duration = Duration::from_millis(200);

/// What came of driving a run.
pub(crate) struct LoopOutcome {
    /// Why the loop ended, and what was asked though another run's call for the same was lost.
    pub(crate) came: Result<(Halt, Spend), RunError>,
    /// Turns of the loop: many more than there were events to turn for would be a loop that spins.
    pub(crate) turns: u64,
}

pub(crate) struct Coordinator<T> {
    pub(super) ledger: Arc<Ledger>,
    pub(super) prepared: Arc<Prepared>,
    pub(super) run: i64,
    /// What its answers are sealed with.
    data_key: Arc<DataKey>,
    pub(super) accounts: Vec<AccountRuntime>,
    /// The client of each account.
    pub(super) transports: Vec<Arc<T>>,
    pub(super) backlog: Backlog,
    pub(super) writer: Writer,
    pub(super) mailbox: Mailbox,
    pub(super) halt: Halt,
    pub(super) budgets: Budgets,
    pub(super) services: Services,
    pub(super) freshness: Freshness,
    pub(super) saved: Arc<Saved>,
    pub(super) tally: Tally,
    /// The services of which it was told that nobody knows their price.
    pub(super) told_unpriced: Vec<String>,
    pub(super) observer: Observer,
    /// What was asked though another run's call for the same was lost.
    pub(super) again: Spend,
    /// The account whose turn it is to be asked who may go.
    pub(super) first_asked: usize,
    told: Instant,
    /// When `max_time` is over.
    deadline: Option<Instant>,
    turns: u64,
}

/// What the loop starts from.
pub(crate) struct Start<T> {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) run: i64,
    /// What its answers are sealed with.
    pub(crate) data_key: Arc<DataKey>,
    pub(crate) accounts: Vec<AccountRuntime>,
    pub(crate) freshness: Freshness,
    pub(crate) observer: Observer,
    pub(crate) tally: Tally,
    /// The client of each account.
    pub(crate) transports: Vec<Arc<T>>,
    pub(crate) budgets: Budgets,
    /// When this invocation began.
    pub(crate) began: Instant,
    /// The services of which it has been told that nobody knows their price.
    pub(crate) unpriced: Vec<String>,
}

impl<T: Transport> Coordinator<T> {
    pub(crate) fn new(start: Start<T>) -> Self {
        let deadline = start.prepared.job.rules.max_time.and_then(|most| start.began.checked_add(most));
        Self {
            backlog: Backlog::new(Arc::clone(&start.prepared)),
            writer: Writer::new(Arc::clone(&start.ledger), start.run),
            mailbox: Mailbox::new(),
            halt: Halt::default(),
            services: Services::new(start.prepared.job.steps.len()),
            saved: Arc::default(),
            again: Spend::default(),
            first_asked: 0,
            told: Instant::now(),
            turns: 0,
            deadline,
            ledger: start.ledger,
            prepared: start.prepared,
            run: start.run,
            data_key: start.data_key,
            accounts: start.accounts,
            transports: start.transports,
            budgets: start.budgets,
            freshness: start.freshness,
            tally: start.tally,
            told_unpriced: start.unpriced,
            observer: start.observer,
        }
    }

    /// Drives the run until nothing is pending or it must stop.
    pub(crate) async fn drive(mut self, stop: watch::Receiver<StopRequest>) -> LoopOutcome {
        self.tell_what_is_held();
        let came = self.turn_until_over(stop).await;
        self.mailbox.abort();
        for warning in self.backlog.never_found() {
            self.notice(Level::Warning, "gate-field", warning);
        }
        self.report(self.told + PROGRESS);
        let came = came.and_then(|()| Ok((self.halt.or_failure()?, self.again)));
        LoopOutcome { came, turns: self.turns }
    }

    async fn turn_until_over(&mut self, mut stop: watch::Receiver<StopRequest>) -> Result<(), RunError> {
        loop {
            self.turns += 1;
            self.receive().await;
            self.tell_others();
            self.resolve_doubts();
            self.handle_signal(&mut stop);
            self.keep_time();
            if *stop.borrow() == StopRequest::Abort {
                return self.abort().await;
            }
            let (sends, mut next) = self.permits().await;
            self.commit(sends).await?;
            // After the commit: what ended must be in the ledger before the ledger is asked what has ended.
            self.read_ahead();
            self.report(Instant::now());
            self.stop_if_put_off_too_long();
            if self.is_over() {
                return Ok(());
            }
            let now = Instant::now();
            earlier(&mut next, self.next_look());
            earlier(&mut next, self.held_until(now));
            if next.is_none() && self.is_idle() {
                self.broke(RunError::bug("something is left to do, and nothing is under way or waited for"));
            }
            // What was decided while committing is written before anything is waited for.
            if self.writer.is_empty() || self.held_until(now).is_some() {
                self.wait(&mut stop, next).await;
            }
        }
    }

    fn is_over(&self) -> bool {
        let over = match self.backlog.left() {
            Left::Nothing => true,
            Left::InFlight => false,
            Left::Reading | Left::ToRead | Left::Waiting => self.halt.draining(),
        };
        over && self.writer.is_empty()
    }

    /// Whether nothing is under way that a message could come from, so that only a time could bring what is next.
    fn is_idle(&self) -> bool {
        self.mailbox.is_idle() && self.backlog.left() != Left::InFlight && self.writer.is_empty()
    }

    /// Sleeps until something comes back, a time comes, or a signal does.
    async fn wait(&mut self, stop: &mut watch::Receiver<StopRequest>, next: Option<Instant>) {
        if self.mailbox.has_some() {
            return;
        }
        let latest = Instant::now() + PROGRESS;
        let due = self.deadline.filter(|_| !self.halt.is_late());
        let next = [next, due].into_iter().flatten().fold(latest, Instant::min);
        tokio::select! {
            biased;
            changed = stop.changed() => if changed.is_err() { tokio::time::sleep_until(next).await },
            () = self.mailbox.wait() => {}
            () = tokio::time::sleep_until(next) => {}
        }
    }

    /// Handles everything that has come back.
    async fn receive(&mut self) {
        for task in self.mailbox.panicked() {
            self.panicked(task);
        }
        for message in self.mailbox.take() {
            match message {
                Message::Done(done) => {
                    // What it did not cost after all may be enough for those that wait for money.
                    self.accounts.iter_mut().for_each(|account| account.is_short = false);
                    self.done(done).await;
                }
                Message::Fetched(page) => self.fetched(page),
                Message::Login { account, came } => {
                    if let Err(error) = self.login_came(account, came) {
                        self.broke(error);
                    }
                }
                Message::Health { account, said } => self.health_came(account, said),
            }
        }
    }

    /// Tells other processes at once what they are to know of an account before they send again.
    fn tell_others(&mut self) {
        self.accounts
            .iter_mut()
            .filter(|account| account.throttle.must_share())
            .for_each(|account| account.with_shared_state(|_, _| ()));
    }

    pub(super) fn broke(&mut self, error: RunError) {
        self.halt.fail(error);
    }

    /// A task panicked, and its message never comes. A call that it carried may have been carried out, and its answer is lost.
    fn panicked(&mut self, task: task::Id) {
        self.broke(RunError::bug("a task panicked"));
        if let Some(flight) = self.backlog.untrack_task(task) {
            let account = self.backlog.account_of(flight.ready.at);
            self.lost(account, flight, "panicked".to_owned(), None);
        }
    }

    fn handle_signal(&mut self, stop: &mut watch::Receiver<StopRequest>) {
        if *stop.borrow_and_update() != StopRequest::None && self.halt.signal() {
            // They are paid for too, and nobody has them yet.
            let unwritten = match self.writer.unwritten().len() {
                0 => String::new(),
                count => format!(", as are {count} answers that the ledger does not take yet"),
            };
            self.notice(
                Level::Info,
                "draining",
                format!(
                    "stopping: nothing new is sent, and {} in flight are waited for{unwritten}, since they are paid for; a second \
                     signal leaves them unknown",
                    self.backlog.flights.len()
                ),
            );
        }
    }

    /// After `max_time` nothing new is sent, whatever is waited for.
    fn keep_time(&mut self) {
        let over = self.deadline.is_some_and(|deadline| deadline <= Instant::now());
        if over && self.halt.late() {
            let message = format!(
                "the time that max_time allows is over: nothing new is sent, and {} in flight are waited for",
                self.backlog.flights.len()
            );
            self.notice(Level::Info, "max-time", message);
        }
    }

    /// Whether nothing is under way, so that only time can bring what comes next.
    pub(super) fn is_waiting(&self) -> bool {
        let idle = matches!(self.backlog.left(), Left::Nothing | Left::Waiting);
        idle && self.is_idle() && !self.writer.availability().any() && !self.halt.draining()
    }

    /// Writes what ended and what begins in one transaction, then sends what begins.
    async fn commit(&mut self, sends: Vec<GrantedCall>) -> Result<(), RunError> {
        let held = self.held_until(Instant::now()).is_some();
        // What came up while the throttles were asked holds for those that were granted before.
        let sends = if held || self.halt.draining() { self.take_back(sends) } else { sends };
        if held || self.writer.is_empty() && sends.is_empty() {
            return Ok(());
        }
        let now = now_ms();
        let submitted = self.writer.submit(self.intents(&sends, now), self.budgets.caps(now));
        let returned = submitted.commit().await;
        self.committed(sends, returned)
    }

    /// What was handed over is on disk, and what begins is sent; or it is not, and waits.
    fn committed(&mut self, sends: Vec<GrantedCall>, returned: BatchResult) -> Result<(), RunError> {
        let written = match self.writer.written(returned) {
            Ok(written) => written,
            Err(Unwritten { began, error }) => {
                self.take_back(sends);
                return match error {
                    LedgerError::Full(_) | LedgerError::Busy(_) => self.hold(error, began, LedgerUse::Write),
                    error => self.unwritten(error),
                };
            }
        };
        if written.resumes {
            let message = "the ledger takes writes again: what was received is written";
            self.notice(Level::Info, "resumed", message.to_owned());
        }
        for change in &written.changes {
            self.tally.change(change);
        }
        if !sends.is_empty() {
            self.look_for_ledger();
        }
        self.dispatch(sends, &written.intents, written.committed);
        Ok(())
    }

    fn intents(&self, sends: &[GrantedCall], now: i64) -> Vec<Intent> {
        let rules = Freshness { now, ..self.freshness };
        let intent = |send: &GrantedCall| {
            let step = &self.prepared.job.steps[usize::from(send.ready.at.step)];
            self.accounts[send.account].intent(&send.ready, &rules, step)
        };
        sends.iter().map(intent).collect()
    }

    /// Takes back what was granted and does not go. Nothing is left of it.
    fn take_back(&mut self, sends: Vec<GrantedCall>) -> Vec<GrantedCall> {
        self.backlog.take_back(sends);
        Vec::new()
    }

    pub(super) fn send(&mut self, send: GrantedCall, intent: &Intent) {
        let GrantedCall { account, ready, token, .. } = send;
        let at = ready.at;
        let service = &self.prepared.job.steps[usize::from(at.step)].service;
        let runtime = &mut self.accounts[account];
        let base = &runtime.config.base_url;
        let input = ExchangeInput {
            account,
            at,
            request: prepare(base, service, &ready.ask.number, &intent.transactionid, &ready.ask.params),
            token,
            timeout: runtime.config.timeout,
            service: Arc::clone(service),
            question: Question::new(service, &ready.ask.number, &intent.transactionid, &ready.ask.params),
            latch: runtime.throttle.latch(),
            number: ready.ask.number.clone(),
            credentials: Arc::clone(&runtime.credentials),
            data_key: Arc::clone(&self.data_key),
            attempt: intent.id,
            held_back: self.halt.is_broken(),
        };
        let transport = Arc::clone(&self.transports[account]);
        let task = self.mailbox.spawn(async move { Message::Done(exchange(transport, input).await) });
        self.backlog.track(Flight { ready, attempt: intent.id, task, took: None });
    }

    /// Second signal: whatever is in flight may have been carried out, and nobody will hear of it.
    async fn abort(&mut self) -> Result<(), RunError> {
        self.mailbox.abort();
        // What has come back already is heard.
        self.receive().await;
        if let Err(error) = self.writer.give_up().await {
            self.tell_what_is_unwritten();
            return Err(error.into());
        }
        self.backlog.flights.clear();
        Ok(())
    }

    /// Tells where the run stands, a few times a second.
    fn report(&mut self, now: Instant) {
        if now.duration_since(self.told) < PROGRESS {
            return;
        }
        self.told = now;
        // Where nothing is sent for hours, this is told all the same.
        self.look_for_ledger();
        let pause = self.pause(now);
        let progress = self.tally.progress(now, self.backlog.flights.len(), pause);
        (self.observer)(&Event::Progress(progress));
    }

    pub(super) fn notice(&self, level: Level, kind: &'static str, message: String) {
        notice(&self.observer, level, kind, message);
    }
}
