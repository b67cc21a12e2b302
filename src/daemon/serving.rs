//! The daemon's loop, and what it keeps in mind between two looks.

mod fires;
mod retention;
mod tasks;

use super::folder::Folder;
use super::ticker::Ticker;
use super::{DaemonError, DaemonEvent, Setup, systemd};
use crate::config::Settings;
use crate::domain::exit::Exit;
use crate::domain::redact::scrub;
use crate::domain::schedule::Schedule;
use crate::job::Job;
use crate::ledger::{Daemon, FireRow, LedgerError};
use crate::run::event::Level;
use crate::run::{self, SharedTokens, StopRequest};
use crate::time::{local, now_ms};
use retention::Retention;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::pin::pin;
use std::time::Duration;
use tasks::{Done, Tasks};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

/// Looks at folder and ledger are so far apart at least, so that a tick that is lost or doubled changes nothing.
const LOOK: Duration = Duration::from_secs(4);
/// Heartbeats are.
const BEAT: Duration = Duration::from_secs(30);
/// Nothing is slept through for longer, whatever the ticker does.
const LONGEST: Duration = Duration::from_secs(30);

/// In milliseconds.
const DAY: i64 = 86_400_000;

/// A job that is watched.
struct Watch {
    job: Job,
    schedule: Schedule,
    /// What was due until then is dealt with, in milliseconds since 1970.
    last: i64,
    /// When to look at it again.
    wake: Option<i64>,
}

/// A job that is at work.
struct AtWork {
    /// The fire that is being carried out.
    fire: i64,
    /// Those that wait for it.
    waiting: VecDeque<FireRow>,
}

pub(super) struct Serving {
    setup: Setup,
    settings: Settings,
    daemon: Daemon,
    folder: Folder,
    watched: BTreeMap<String, Watch>,
    /// Whether the folder has changed since the jobs were last taken from it.
    unwatched: bool,
    /// Names that several files have, as they were last told.
    twice: Vec<super::DuplicateJob>,
    /// What was last told of jobs that a daemon of another folder has too.
    elsewhere: BTreeSet<String>,
    /// Fires of jobs that nobody has, each told once.
    untaken: BTreeSet<i64>,
    /// Jobs that are at work.
    at_work: BTreeMap<String, AtWork>,
    tasks: Tasks,
    /// Endings that are not in the ledger yet.
    endings: VecDeque<Done>,
    runs_stop: watch::Sender<StopRequest>,
    /// One token a process, however many runs it has.
    tokens: SharedTokens,
    retention: Retention,
    looked: Option<Instant>,
    beat: Option<Instant>,
    /// What went wrong with the ledger and has been told.
    trouble: Option<String>,
    /// What went wrong with the folder and has been told.
    folder_trouble: Option<String>,
}

impl Serving {
    pub(super) async fn begin(setup: Setup) -> Result<Self, DaemonError> {
        let settings = (setup.configure)()?;
        let mut folder = Folder::new(&setup.folder, setup.simulate);
        let (_, broken) = folder.look(&settings)?;
        for error in broken {
            (setup.observer)(broken_file(&error.to_string()));
        }
        if !folder.jobs().iter().any(|job| job.schedule.is_some()) && folder.duplicates().is_empty() {
            return Err(DaemonError::NothingToDo { folder: setup.folder, broken: folder.broken() });
        }
        let daemon = setup.ledger.enrol(&setup.host, &setup.folder, now_ms()).await?;
        let mut serving = Self {
            settings,
            daemon,
            folder,
            watched: BTreeMap::new(),
            unwatched: true,
            twice: Vec::new(),
            elsewhere: BTreeSet::new(),
            untaken: BTreeSet::new(),
            at_work: BTreeMap::new(),
            tasks: Tasks::default(),
            endings: VecDeque::new(),
            runs_stop: watch::Sender::new(StopRequest::None),
            tokens: SharedTokens::default(),
            retention: Retention::default(),
            looked: None,
            beat: None,
            trouble: None,
            folder_trouble: None,
            setup,
        };
        serving.watch().await?;
        Ok(serving)
    }

    pub(super) async fn serve(
        mut self,
        mut stop: watch::Receiver<StopRequest>,
        mut reload: mpsc::Receiver<()>,
    ) -> Result<Exit, DaemonError> {
        let ticker = Ticker::start().await?;
        self.tell_serving();
        systemd::ready();
        loop {
            let turned = self.turn().await;
            self.tell_trouble(turned);
            if let Err(gone) = self.setup.ledger.still_there() {
                self.tell(DaemonEvent::new(Level::Warning, "ledger-gone", gone.to_string()));
                break;
            }
            systemd::alive();
            let pause = self.pause();
            tokio::select! {
                biased;
                Ok(_) = stop.wait_for(|request| *request != StopRequest::None) => break,
                Some(()) = reload.recv() => self.reload(),
                Some(done) = self.tasks.next() => self.endings.push_back(done),
                () = ticker.tick() => {}
                () = sleep(pause) => {}
            }
        }
        ticker.stop().await;
        let exit = self.drain(stop.clone()).await;
        let Setup { ledger, observer, .. } = self.setup;
        let retired = ledger.retire(self.daemon).await;
        let tell = |message: String| observer(DaemonEvent::new(Level::Warning, "ledger-gone", message));
        if let Some(rescued) = run::rescue(&ledger, stop, tell).await? {
            tell(rescued);
            ledger.still_there()?;
        }
        retired?;
        Ok(exit)
    }

    /// Does whatever there is to do now.
    async fn turn(&mut self) -> Result<(), LedgerError> {
        self.settle().await?;
        let due = |now: i64| self.watched.values().any(|watch| watch.wake.is_some_and(|wake| wake <= now));
        let is_due = due(now_ms());
        if is_due || self.looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            self.look().await?;
            if is_due {
                self.fire().await?;
            }
            self.take_over().await?;
            self.tell_elsewhere().await?;
            if let Some(told) = self.retention.turn(&self.setup.ledger, &self.settings).await? {
                self.tell(told);
            }
        }
        if self.beat.is_none_or(|beat| beat.elapsed() >= BEAT) {
            self.beat().await?;
        }
        Ok(())
    }

    async fn beat(&mut self) -> Result<(), LedgerError> {
        let jobs: Vec<&str> = self.watched.keys().map(String::as_str).collect();
        self.setup.ledger.beat(&self.daemon, &jobs, now_ms()).await?;
        self.beat = Some(Instant::now());
        Ok(())
    }

    /// How long there is nothing to do, as far as is known.
    fn pause(&self) -> Duration {
        if self.trouble.is_some() {
            return LOOK;
        }
        let now = now_ms();
        let wake = self.watched.values().filter_map(|watch| watch.wake).min();
        let until = wake.map_or(LONGEST, |wake| Duration::from_millis((wake - now).max(1).unsigned_abs()));
        until.min(LONGEST).min(systemd::watchdog_interval().unwrap_or(LONGEST))
    }

    /// Looks at the folder again.
    async fn look(&mut self) -> Result<(), LedgerError> {
        self.looked = Some(Instant::now());
        self.correct_clocks();
        match self.folder.look(&self.settings) {
            Ok((changed, broken)) => {
                for error in broken {
                    (self.setup.observer)(broken_file(&error.to_string()));
                }
                if self.folder_trouble.take().is_some() {
                    self.tell(DaemonEvent::new(
                        Level::Info,
                        "resumed",
                        "the folder of jobs can be read again",
                    ));
                }
                self.unwatched |= changed;
                if self.unwatched { self.watch().await } else { Ok(()) }
            }
            Err(error) => {
                let message = format!("{error}; the jobs that were there go on");
                if self.folder_trouble.as_ref() != Some(&message) {
                    self.tell(DaemonEvent::new(Level::Warning, "trouble", message.clone()));
                    self.folder_trouble = Some(message);
                }
                Ok(())
            }
        }
    }

    /// Jobs that fired while the clock was far ahead are not silent until it is that late again.
    fn correct_clocks(&mut self) {
        let now = now_ms();
        for watch in self.watched.values_mut().filter(|watch| watch.last > now + DAY) {
            watch.last = now;
            watch.wake = Some(now);
            let message = format!("{0}: the clock was ahead; its fires are counted from now", watch.job.name);
            (self.setup.observer)(DaemonEvent::new(Level::Warning, "trouble", message).of(&watch.job.name));
        }
    }

    /// Makes the watched jobs those of the folder.
    async fn watch(&mut self) -> Result<(), LedgerError> {
        let now = now_ms();
        let twice = self.folder.duplicates();
        if twice != self.twice {
            for twice in &twice {
                self.tell(DaemonEvent::new(Level::Warning, "broken", scrub(&twice.to_string())));
            }
            self.twice = twice;
        }
        let mut watched = BTreeMap::new();
        let mut before: BTreeSet<String> = self.watched.keys().cloned().collect();
        let mut fresh = Vec::new();
        for job in self.folder.jobs() {
            let Some(schedule) = &job.schedule else { continue };
            let (last, wake) = match self.watched.get(&job.name) {
                Some(watch) if watch.schedule == *schedule => (watch.last, watch.wake),
                _ => (self.setup.ledger.watch(&job.name, &schedule.text(), now).await?.last, Some(now)),
            };
            let watch = Watch { job: job.clone(), schedule: schedule.clone(), last, wake };
            if !before.remove(&job.name) {
                fresh.push(job.name.clone());
            }
            watched.insert(job.name.clone(), watch);
        }
        self.watched = watched;
        self.unwatched = false;
        self.beat().await?;
        if self.looked.is_some() {
            self.tell_watched(fresh, before);
        }
        Ok(())
    }

    /// Tells of jobs that a daemon of another folder has too. Daemons of one folder stand in for one another; of two, each has
    /// a list of its own, and only one of them is read.
    async fn tell_elsewhere(&mut self) -> Result<(), LedgerError> {
        let real = |folder: &Path| folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let own = real(&self.setup.folder);
        let mut found = BTreeSet::new();
        for other in self.setup.ledger.daemons().await? {
            if real(Path::new(&other.folder)) == own {
                continue;
            }
            found.extend(other.jobs.iter().filter(|job| self.watched.contains_key(*job)).map(|job| {
                format!(
                    "{job}: a daemon of {} (process {}) has a job of this name on the same ledger: each fire is one of theirs or \
                     ours, and the other's list is left out; give them names of their own",
                    other.folder, other.pid
                )
            }));
        }
        for message in found.difference(&self.elsewhere) {
            self.tell(DaemonEvent::new(Level::Warning, "twice", message.clone()));
        }
        self.elsewhere = found;
        Ok(())
    }

    fn tell_watched(&self, fresh: Vec<String>, gone: BTreeSet<String>) {
        for name in fresh {
            self.tell(DaemonEvent::new(Level::Info, "watched", format!("{name} is watched now")).of(&name));
        }
        for name in gone {
            let message = format!("{name} is no longer watched: it does not fire");
            self.tell(DaemonEvent::new(Level::Warning, "gone", message).of(&name));
        }
    }

    /// Reads configuration and folder anew. What is running goes on as it began.
    fn reload(&mut self) {
        systemd::reloading();
        match (self.setup.configure)() {
            Ok(mut settings) => {
                if settings.database != self.settings.database {
                    let message = format!(
                        "the configuration names another ledger, {}: this daemon stays with {} until it is started anew",
                        settings.database.display(),
                        self.settings.database.display()
                    );
                    self.tell(DaemonEvent::new(Level::Warning, "reloaded", message));
                    settings.database.clone_from(&self.settings.database);
                }
                self.setup.ledger.set_sink(settings.sink.clone());
                self.settings = settings;
                self.folder.forget();
                self.twice.clear();
                self.looked = None;
                self.tell(DaemonEvent::new(Level::Info, "reloaded", "configuration and jobs are read again"));
            }
            Err(error) => {
                let message = format!("{error}\nthe configuration as it was stays in force");
                self.tell(DaemonEvent::new(Level::Warning, "broken", message));
            }
        }
        systemd::ready();
    }

    /// Lets runs come to a rest: nothing new is sent, and what is in flight is waited for, as long as `grace` says.
    async fn drain(&mut self, mut stop: watch::Receiver<StopRequest>) -> Exit {
        systemd::stopping();
        let message = match self.tasks.len() {
            0 => "stopping".to_owned(),
            1 => "stopping: 1 run is brought to a rest".to_owned(),
            several => format!("stopping: {several} runs are brought to a rest"),
        };
        self.tell(DaemonEvent::new(Level::Info, "stopping", message));
        // From here it takes no fire, and `orgpull fire` is not to give it one.
        let takes_none = self.setup.ledger.beat(&self.daemon, &[], now_ms()).await;
        self.tell_trouble(takes_none);
        self.runs_stop.send_replace(StopRequest::Drain);
        let mut exit = Exit::Settled;
        let mut grace = pin!(sleep(self.setup.grace));
        while self.tasks.len() > 0 {
            tokio::select! {
                Some(done) = self.tasks.next() => {
                    self.endings.push_back(done);
                    continue;
                }
                () = &mut grace, if exit == Exit::Settled => {}
                Ok(_) = stop.wait_for(|request| *request == StopRequest::Abort), if exit == Exit::Settled => {}
            }
            exit = Exit::Stopped;
            self.runs_stop.send_replace(StopRequest::Abort);
            let message = "runs are cut short: what was in flight is unknown";
            self.tell(DaemonEvent::new(Level::Warning, "stopping", message));
        }
        if let Some(told) = self.retention.stop().await {
            self.tell(told);
        }
        let settled = self.settle().await;
        self.tell_trouble(settled);
        exit
    }

    fn tell_serving(&self) {
        let jobs = self.watched.len();
        let first = self.watched.values().filter_map(|watch| {
            let next = watch.schedule.next(watch.last.max(now_ms()))?;
            Some((next.at, format!("{} at {}", watch.job.name, local(&watch.schedule.zone, next.at))))
        });
        let next = first.min().map_or_else(String::new, |(_, next)| format!("; next is {next}"));
        let jobs = if jobs == 1 { "1 job".to_owned() } else { format!("{jobs} jobs") };
        let message = format!("serving {jobs} of {}{next}", self.setup.folder.display());
        self.tell(DaemonEvent::new(Level::Info, "serving", message));
    }

    /// Tells what keeps it from its work: once, and when it is over.
    fn tell_trouble(&mut self, turned: Result<(), LedgerError>) {
        match turned {
            Err(error) => {
                let message = format!("{error}; it is tried again every few seconds");
                if self.trouble.as_ref() != Some(&message) {
                    self.tell(DaemonEvent::new(Level::Warning, "trouble", message.clone()));
                    self.trouble = Some(message);
                }
            }
            Ok(()) if self.trouble.take().is_some() => {
                self.tell(DaemonEvent::new(Level::Info, "resumed", "all is well again"));
            }
            Ok(()) => {}
        }
    }

    fn tell(&self, entry: DaemonEvent) {
        (self.setup.observer)(entry);
    }
}

fn broken_file(problems: &str) -> DaemonEvent {
    // A file's name may hold a number.
    DaemonEvent::new(Level::Warning, "broken", format!("{}\nthe other jobs go on", scrub(problems)))
}
