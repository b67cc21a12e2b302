//! A model of everything that may happen to runs: **every run ends, and names why**.
//!
//! Worlds are drawn from a seed (accounts, jobs, budgets, troubles, faults of the ledger, signals, deaths) and driven with
//! the real coordinator and a real ledger; only the wire is a script. Time is simulated: it goes on when nobody has
//! anything left to do. After each invocation the ledger is held against what reached the upstreams, and in the end,
//! when all is well again, every run must come to its end.
//!
//! `ORGPULL_MODEL=500` draws so many worlds, `ORGPULL_SEED=17` that one. A seed draws the same world, the same acts, and the
//! same fate of each call. What it leaves to SQLite's threads is who of two comes first at the ledger at one moment, so that
//! a seed that has failed may have to be tried some times.

mod books;
mod cases;
mod draw;
mod upstream;
mod world;

use super::begin;
use super::context::{Context, Ended, Options};
use super::decide::freshness::Freshness;
use super::dispatch::SharedTokens;
use super::dispatch::StopRequest;
use super::drive::{Terms, coordinator, ended};
use super::ending::DrivenRun;
use super::event::Event;
use super::failed_run::FailedRun;
use crate::domain::budget::Limit;
use crate::domain::exit::Exit;
use crate::job::Job;
use crate::ledger::Access;
use crate::ledger::{JobLock, Lasting, Ledger};
use crate::time::{now_ms, simulated};
use draw::Draw;
use std::cell::Cell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use upstream::{Line, Upstream};
use world::{Act, World};

/// Worlds that are drawn where nobody says how many.
const SEEDS: u64 = 30;

/// A morning in November 2026, in microseconds since 1970.
const MORNING: i64 = 1_795_000_000_000_000;

/// No invocation of a drawn world has a reason to take longer.
const LONGEST: Duration = Duration::from_hours(3);

/// After so long every upstream's wish to be left alone is over.
const LATER: Duration = Duration::from_hours(1);

/// How long a process waits for another that writes, in milliseconds: long enough for one that is well, and of one that is
/// not it must not cost the test its time.
const PATIENT: u32 = 60_000;
const IMPATIENT: u32 = 1;

/// So often it is looked for the ledger to come to rest, and so far apart in real time, before a loop spins.
const MOST_LOOKS: u32 = 100_000;
const LOOK: Duration = Duration::from_micros(50);

/// So many looks in a row must find everybody at rest before time goes on.
const AT_REST: u32 = 4;

/// How an invocation ended (`None` if there was nothing to continue), and after how many turns.
type Finished = (Result<Option<Ended>, FailedRun>, u64);

/// One invocation of a job.
struct Process {
    job: usize,
    began: Instant,
    /// When its loop began: what is done to it is done so long after that.
    driven: Arc<OnceLock<Instant>>,
    /// Whether it is at its files, where nothing waits for a time: before its loop and after it.
    at_files: Rc<Cell<bool>>,
    ledger: Arc<Ledger>,
    stop: watch::Sender<StopRequest>,
    work: Pin<Box<dyn Future<Output = Finished>>>,
    acts: VecDeque<(Duration, Act)>,
    /// A fault of the ledger, and until when.
    lasting: Option<(Instant, Lasting)>,
    done: Vec<Act>,
}

impl Process {
    /// Whether it is in the middle of something that takes no simulated time: whoever is keeps its connections to itself.
    fn is_busy(&self) -> bool {
        self.at_files.get() || !self.ledger.is_at_rest()
    }
}

/// How a process came to its end.
struct Outcome {
    job: usize,
    /// When it began, and how long it took.
    since: Duration,
    took: Duration,
    /// What was done to it.
    acts: Vec<Act>,
    /// Whether the ledger could not be written when it ended.
    unwritable: bool,
    /// `None` if it died.
    finished: Option<Finished>,
}

impl Outcome {
    /// `None` if it died, or had nothing to do.
    fn exit(&self) -> Option<Exit> {
        match &self.finished.as_ref()?.0 {
            Ok(ended) => ended.as_ref().map(|ended| ended.exit),
            Err(broken) => Some(broken.error.exit()),
        }
    }

    /// Why, in words.
    fn reason(&self) -> String {
        match self.finished.as_ref().map(|(came, _)| came) {
            Some(Ok(Some(ended))) => ended.run.reason.clone().unwrap_or_default(),
            Some(Err(broken)) => broken.error.to_string(),
            Some(Ok(None)) | None => String::new(),
        }
    }
}

/// A world in which time goes on.
struct Simulation {
    world: World,
    upstream: Arc<Upstream>,
    healed: bool,
    /// Whether the ledger was at fault at any time.
    broken: Cell<bool>,
}

impl Simulation {
    fn begin(seed: u64, world: World) -> Self {
        println!("{world:#?}");
        let upstream = Arc::new(Upstream::new(seed, world.moods(), world.limits()));
        Self { world, upstream, healed: false, broken: Cell::new(false) }
    }

    fn has_broken(&self) -> bool {
        self.broken.get()
    }

    fn note(&self, text: &str) {
        println!("{:>10.3?} {text}", self.upstream.now());
    }

    /// Starts an invocation of a job.
    async fn start(&self, job: usize, after: Duration, acts: Vec<(Duration, Act)>) -> Process {
        let ledger = Arc::new(Ledger::open(&self.world.database(), &Access::unmarked()).await.unwrap());
        let settings = self.world.settings(self.healed);
        let file = self.world.job(job, &settings, self.healed);
        let stop = watch::Sender::new(StopRequest::None);
        let upstream = Arc::clone(&self.upstream);
        let driven = Arc::new(OnceLock::new());
        let begins = Arc::clone(&driven);
        let observer = move |event: &Event| match event {
            Event::Started(_) => drop(begins.set(Instant::now())),
            Event::Loading { .. } | Event::Progress(_) | Event::Attempt(_) => {}
            told => println!("{:>10.3?} job {job}: {told:?}", upstream.now()),
        };
        let context = Context {
            ledger: Arc::clone(&ledger),
            settings,
            observer: Arc::new(observer),
            stop: stop.subscribe(),
            tokens: SharedTokens::default(),
        };
        let at_files = Rc::new(Cell::new(false));
        let reads = Rc::clone(&at_files);
        let line = Arc::new(Line { upstream: Arc::clone(&self.upstream), job });
        Process {
            job,
            began: Instant::now(),
            driven,
            at_files,
            ledger,
            stop,
            work: Box::pin(async move {
                tokio::time::sleep(after).await;
                Box::pin(invoke(context, file, line, &reads)).await
            }),
            acts: acts.into(),
            lasting: None,
            done: Vec::new(),
        }
    }

    /// Lets processes go on until each has ended, been killed, or taken longer than anything takes.
    async fn go_on(&self, mut processes: Vec<Process>) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let (mut looks, mut still, mut rested) = (0_u32, 0_u32, 0_u32);
        let mut events = self.upstream.events();
        while !processes.is_empty() {
            let mut at = 0;
            while at < processes.len() {
                let work = &mut processes[at].work;
                match poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await {
                    Poll::Pending => at += 1,
                    Poll::Ready(finished) => {
                        let unwritable = is_unwritable(&processes);
                        outcomes.push(self.over(processes.remove(at), Some(finished), unwritable).await);
                    }
                }
            }
            tokio::task::yield_now().await;
            looks += 1;
            assert!(looks < MOST_LOOKS, "a loop spins: time does not go on");
            if processes.iter().any(Process::is_busy) {
                std::thread::sleep(LOOK);
                rested = 0;
                continue;
            }
            // What came of it is heard first, and may begin something else.
            rested += 1;
            if rested < AT_REST {
                continue;
            }
            rested = 0;
            let was = is_unwritable(&processes);
            for at in 0..processes.len() {
                let faulty = processes.iter().any(|process| process.lasting.is_some());
                self.act(&mut processes[at], faulty).await;
            }
            let unwritable = is_unwritable(&processes);
            for process in processes.iter().filter(|_| unwritable != was) {
                process.ledger.wait_for_others(if unwritable { IMPATIENT } else { PATIENT }).await;
            }
            while let Some(dead) = processes.iter().position(|process| process.done.contains(&Act::Die)) {
                outcomes.push(self.over(processes.remove(dead), None, unwritable).await);
            }
            still = if self.upstream.events() == events { still + 1 } else { 0 };
            events = self.upstream.events();
            // In small steps where something happens, in large ones where it is only waited.
            let step = match still {
                0..200 => 5,
                200..300 => 100,
                _ => 1_000,
            };
            tokio::time::advance(Duration::from_millis(step)).await;
            looks = 0;
        }
        outcomes
    }

    /// Does what is due to be done to a process. `faulty` is whether the ledger is at fault already.
    async fn act(&self, process: &mut Process, faulty: bool) {
        assert!(process.began.elapsed() < LONGEST, "job {} does not end", process.job);
        if let Some((_, lasting)) = process.lasting.take_if(|(until, _)| *until <= Instant::now()) {
            process.ledger.mend(lasting).await;
            self.note(&format!("job {}: the ledger is mended", process.job));
        }
        let Some(age) = process.driven.get().map(Instant::elapsed) else { return };
        let Some((_, act)) = process.acts.pop_front_if(|(after, _)| *after <= age) else { return };
        self.note(&format!("job {}: {act:?}", process.job));
        process.done.push(act);
        match act {
            Act::Drain => drop(process.stop.send_replace(StopRequest::Drain)),
            Act::Abort => drop(process.stop.send_replace(StopRequest::Abort)),
            Act::Die => {}
            Act::Look => self.no_other_waits(process).await,
            Act::Break(..) if faulty => {}
            Act::Break(fault, lasts) => {
                self.broken.set(true);
                process.lasting = Some((Instant::now() + lasts, process.ledger.break_it(fault).await));
            }
        }
    }

    /// By now everything is done that does not depend on the first account, which is closed.
    async fn no_other_waits(&self, process: &Process) {
        let name = format!("job-{}", process.job);
        let Some(run) = process.ledger.unfinished(&name, None).await.unwrap() else { return };
        let waits = self.world.jobs[process.job].waits_for(0);
        let left = process.ledger.left(run.id).await;
        let other = left.iter().find(|(step, _)| !waits[usize::from(*step)]);
        assert!(other.is_none(), "a pause of one account stops another: {left:?}");
    }

    async fn over(&self, process: Process, finished: Option<Finished>, unwritable: bool) -> Outcome {
        let Process { job, began, ledger, work, lasting, done, .. } = process;
        // What is dropped is gone as a process is: its tasks, its locks, its connections.
        drop(work);
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        if let Some((_, lasting)) = lasting {
            ledger.mend(lasting).await;
        }
        let how = match &finished {
            None => "died".to_owned(),
            Some((Ok(None), _)) => "nothing to continue".to_owned(),
            Some((Ok(Some(ended)), turns)) => {
                let reason = ended.run.reason.clone().unwrap_or_default();
                format!("exit {} after {turns} turns: {reason}", ended.exit.code())
            }
            Some((Err(broken), turns)) => {
                format!("exit {} after {turns} turns: {}", broken.error.exit().code(), broken.error)
            }
        };
        self.note(&format!("job {job}: {how}"));
        let took = began.elapsed();
        let since = self.upstream.now().saturating_sub(took);
        Outcome { job, since, took, acts: done, unwritable, finished }
    }
}

fn is_unwritable(processes: &[Process]) -> bool {
    processes
        .iter()
        .filter_map(|process| process.lasting.as_ref())
        .any(|(_, lasting)| lasting.hinders_writing())
}

/// What `execute` does, with a script for a wire.
async fn invoke(context: Context, job: Job, line: Arc<Line>, at_files: &Cell<bool>) -> Finished {
    let mut turns = 0;
    at_files.set(true);
    let came = Box::pin(drive(context, job, line, at_files, &mut turns)).await;
    (came, turns)
}

async fn drive(
    context: Context,
    job: Job,
    line: Arc<Line>,
    at_files: &Cell<bool>,
    turns: &mut u64,
) -> Result<Option<Ended>, FailedRun> {
    let _lock = JobLock::take(context.ledger.path(), &job.name, "now")?;
    for cut_short in context.ledger.half_loaded(&job.name).await? {
        context.ledger.discard(cut_short.id).await?;
    }
    let Some(begun) = begin::begin(&context, job, Options::default()).await? else { return Ok(None) };
    let (run, prepared) = (begun.run.clone(), begun.prepared.clone());
    let (now, began, buy_again) = (now_ms(), run.started_at, run.buy_again);
    let freshness = Freshness { now, began, buy_again, unknown_too: false };
    let terms = Terms { freshness, extra: Limit::default(), began: Instant::now() };
    let accounts =
        prepared.accounts.iter().map(|account| (account.name.clone(), Arc::clone(&line))).collect();
    let (coordinator, before) = coordinator(&context, begun, terms, accounts).await?;
    at_files.set(false);
    let drove = coordinator.drive(context.stop.clone()).await;
    at_files.set(true);
    *turns = drove.turns;
    let came = drove.came.map(|(halt, again)| DrivenRun { halt, before, again });
    ended(&context, run, &prepared.job, came).await.map(Some)
}

/// Runs a test in simulated time.
fn simulate(seed: u64, test: impl AsyncFnOnce()) {
    fastrand::seed(seed);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        simulated::begin(MORNING);
        // While a blocking task is there, paused time goes on only where it is told to: not while SQLite is at work.
        let (_until, over) = std::sync::mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || over.recv());
        test().await;
    });
}

/// Some rounds in a drawn world, and one in which all is well.
async fn live(seed: u64) {
    let mut draw = Draw::new(seed);
    let world = World::draw(&mut draw);
    let mut simulation = Simulation::begin(draw.seed(), world);
    let jobs = simulation.world.jobs.len();
    for _ in 0..draw.within(1..4) {
        let mut processes = Vec::new();
        for job in 0..jobs {
            let acts = Act::draw(&mut draw, simulation.world.theme);
            let after = Duration::from_millis(draw.one(&[0, 100, 2_000]));
            processes.push(simulation.start(job, after, acts).await);
        }
        for outcome in simulation.go_on(processes).await {
            books::hold(&simulation, &outcome).await;
        }
    }
    simulation.upstream.heal();
    simulation.healed = true;
    tokio::time::advance(LATER).await;
    simulation.world.credentials("another password");
    let mut processes = Vec::new();
    for job in 0..jobs {
        processes.push(simulation.start(job, Duration::ZERO, Vec::new()).await);
    }
    for outcome in simulation.go_on(processes).await {
        books::hold(&simulation, &outcome).await;
        let is_over = matches!(outcome.exit(), Some(Exit::Settled | Exit::Unsettled));
        assert!(is_over, "job {} does not come to its end", outcome.job);
    }
}

#[test]
fn every_run_ends_and_names_why() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("ORGPULL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("ORGPULL_MODEL").unwrap_or(SEEDS),
    };
    for seed in seeds {
        println!("ORGPULL_SEED={seed}");
        simulate(seed, async || live(seed).await);
    }
}
