//! A drawn world: accounts, jobs, what goes wrong and when. Its files are written as a user would write them.

use super::draw::Draw;
use super::upstream::{LETTER_BLOCK, Mood, PLAIN_BLOCK};
use crate::config::catalogue::Catalogue;
use crate::config::{self, Settings};
use crate::job::{Job, file};
use crate::ledger::Fault;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

const NAMES: [&str; 3] = ["alpha", "beta", "gamma"];
const CREDITSAFE: &str = include_str!("../../../config/providers/creditsafe.toml");

#[derive(Debug, Clone)]
pub(super) struct AccountSpec {
    pub(super) rate: &'static str,
    pub(super) concurrency: u32,
    pub(super) cool_down: u64,
    pub(super) logins: u32,
    /// Calls a day.
    pub(super) day: Option<u64>,
}

#[derive(Debug, Clone)]
pub(super) struct StepSpec {
    pub(super) account: usize,
    /// The block of `getdata`; nothing is `getsignatory`.
    pub(super) block: Option<&'static str>,
    /// `on_unknown = "retry"`.
    pub(super) retry: bool,
    /// Earlier lookups and the outcome that each must have.
    pub(super) when: Vec<(usize, &'static str)>,
}

#[derive(Debug, Clone)]
pub(super) struct JobSpec {
    /// Which of [`numbers`].
    pub(super) rows: Vec<usize>,
    pub(super) steps: Vec<StepSpec>,
    /// Lines of `[run]`.
    pub(super) concurrency: Option<u32>,
    pub(super) attempts: u32,
    pub(super) outage_wait: u64,
    pub(super) oldest: bool,
    /// `[budget]`.
    pub(super) max_calls: Option<u64>,
}

/// What is done to a process, and when after its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Drain,
    Abort,
    Die,
    /// Something is wrong with the ledger for so long.
    Break(Fault, Duration),
    /// It is looked whether anything waits for an account that it has nothing to do with.
    Look,
}

/// What a world is mostly about: trouble of one kind is met often only where there is much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Theme {
    Anything,
    /// Little money, and accounts that log in late.
    Money,
    /// Two processes, few numbers, letters, deaths.
    Letters,
    /// The first account is closed for a long time, and all else is well.
    Pause,
    /// The ledger.
    Ledger,
    /// Each lookup depends on the one before it, and accounts stop in the middle.
    Chains,
}

#[derive(Debug)]
pub(super) struct World {
    folder: TempDir,
    pub(super) theme: Theme,
    pub(super) accounts: Vec<AccountSpec>,
    pub(super) jobs: Vec<JobSpec>,
    pub(super) moods: Vec<Mood>,
}

/// A valid number: of a partnership, which gets letters, or of a company.
pub(super) fn number(at: usize) -> String {
    let digits = format!("{}{at:05}", if at % 3 == 2 { "9699" } else { "5599" });
    let sum: u32 = (digits.bytes().enumerate())
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0') * if place % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

impl World {
    pub(super) fn new(
        theme: Theme,
        accounts: Vec<AccountSpec>,
        jobs: Vec<JobSpec>,
        moods: Vec<Mood>,
    ) -> Self {
        // In memory where there is such a folder: what is tested is no disk.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let world = Self { folder: folder.unwrap(), theme, accounts, jobs, moods };
        world.credentials("a password");
        world
    }

    /// Draws accounts, jobs and moods.
    pub(super) fn draw(draw: &mut Draw) -> Self {
        use Theme::{Anything, Chains, Ledger, Letters, Money, Pause};
        let theme = draw.one(&[Anything, Anything, Money, Letters, Pause, Ledger, Chains]);
        let accounts = match theme {
            Anything | Ledger => draw.within(1..4),
            Letters => 1,
            Money | Pause | Chains => draw.within(2..4),
        };
        let accounts: Vec<AccountSpec> = (0..accounts).map(|_| AccountSpec::draw(draw, theme)).collect();
        let jobs = if theme == Letters { 2 } else { draw.one(&[1, 1, 2]) };
        let jobs = (0..jobs).map(|_| JobSpec::draw(draw, theme, accounts.len())).collect();
        let calm = theme == Pause || draw.percent(20);
        let mood = |at| match (calm, theme) {
            _ if theme == Pause && at == 0 => Mood::closed(),
            (true, _) => Mood::calm(),
            (false, Chains) => Mood {
                fault: draw.percent(40).then(|| Duration::from_millis(draw.within(0..1_000))),
                ..Mood::calm()
            },
            (false, Letters) => Mood { lost: 300, delay: 1..3_000, ..Mood::calm() },
            (false, _) => Mood::draw(draw),
        };
        let moods = (0..accounts.len()).map(mood).collect();
        Self::new(theme, accounts, jobs, moods)
    }

    pub(super) fn database(&self) -> PathBuf {
        self.folder.path().join("orgpull.db")
    }

    pub(super) fn credentials(&self, password: &str) {
        for (file, text) in [("username", "a user key"), ("password", password)] {
            std::fs::write(self.folder.path().join(file), text).unwrap();
        }
    }

    pub(super) fn name(account: usize) -> &'static str {
        NAMES[account]
    }

    /// Moods by account.
    pub(super) fn moods(&self) -> BTreeMap<String, Mood> {
        self.moods.iter().enumerate().map(|(at, mood)| (Self::name(at).to_owned(), mood.clone())).collect()
    }

    /// The most in flight at once.
    pub(super) fn limits(&self) -> BTreeMap<String, u32> {
        // Each process keeps to it by itself.
        let jobs = u32::try_from(self.jobs.len()).unwrap();
        let accounts = self.accounts.iter().enumerate();
        let accounts = accounts.map(|(at, account)| (Self::name(at).to_owned(), account.concurrency * jobs));
        let jobs = self.jobs.iter().enumerate();
        let jobs = jobs.filter_map(|(at, job)| Some((format!("job {at}"), job.concurrency?)));
        accounts.chain(jobs).collect()
    }

    /// The configuration; `healed` is without budgets, and calls a letter a letter.
    pub(super) fn settings(&self, healed: bool) -> Settings {
        let mut text = format!("database = '{}'\n", self.database().display());
        let mut catalogue = Catalogue::built_in();
        for (at, account) in self.accounts.iter().enumerate() {
            let name = Self::name(at);
            let provider = CREDITSAFE.replacen("name = \"creditsafe\"", &format!("name = '{name}'"), 1);
            catalogue.extend(&self.folder.path().join(format!("{name}.toml")), &provider).unwrap();
            let letters = if healed { "'getdata:Credit', 'getdata:Basic'" } else { "'getdata:Credit'" };
            let none = if healed { "" } else { "'getdata:Basic'" };
            let AccountSpec { rate, concurrency, cool_down, logins, day } = account;
            write!(
                text,
                "[providers.{name}]\nbase_url = 'http://127.0.0.1:1/{name}'\n\
                 token_url = 'http://127.0.0.1:1/{name}/login'\nusername = {{ file = 'username' }}\n\
                 password = {{ file = 'password' }}\nrate = '{rate}'\nconcurrency = {concurrency}\n\
                 cool_down = '{cool_down}s'\nlogins = {logins}\nletters = [{letters}]\nno_letters = [{none}]\n\
                 prices = {{ getdata = '3.20', 'getdata:Credit' = '14.50', getsignatory = '6.00' }}\n"
            )
            .unwrap();
            if let Some(day) = day.filter(|_| !healed) {
                writeln!(text, "budget = {{ day = {{ max_calls = {day} }} }}").unwrap();
            }
        }
        let path = self.folder.path().join("orgpull.toml");
        config::parse(&path, &text, catalogue).unwrap_or_else(|problems| panic!("{problems}"))
    }

    /// A job; `healed` is without budget.
    pub(super) fn job(&self, at: usize, settings: &Settings, healed: bool) -> Job {
        let job = &self.jobs[at];
        let rows: Vec<String> = job.rows.iter().map(|row| format!("'{}'", number(*row))).collect();
        let mut text = format!("name = 'job-{at}'\n[input]\nnumbers = [{}]\n", rows.join(", "));
        for (at, step) in job.steps.iter().enumerate() {
            let name = Self::name(step.account);
            let on_unknown = if step.retry { "retry" } else { "park" };
            writeln!(text, "[[lookup]]\nid = 's{at}'\non_unknown = '{on_unknown}'").unwrap();
            match step.block {
                Some(block) => writeln!(
                    text,
                    "service = '{name}.getdata'\nparams = {{ blockname = '{block}' }}\nletters = {}",
                    healed || block == LETTER_BLOCK
                ),
                None => writeln!(text, "service = '{name}.getsignatory'"),
            }
            .unwrap();
            let when = step.when.iter();
            let when: Vec<String> = when
                .map(|(gate, outcome)| format!("{{ lookup = 's{gate}', outcome = ['{outcome}'] }}"))
                .collect();
            if !when.is_empty() {
                writeln!(text, "when = [{}]", when.join(", ")).unwrap();
            }
        }
        let JobSpec { attempts, outage_wait, oldest, concurrency, max_calls, .. } = job;
        writeln!(text, "[run]\nattempts = {attempts}\noutage_wait = '{outage_wait}s'").unwrap();
        if *oldest {
            writeln!(text, "order = 'oldest'").unwrap();
        }
        if let Some(concurrency) = concurrency {
            writeln!(text, "concurrency = {concurrency}").unwrap();
        }
        if let Some(most) = max_calls.filter(|_| !healed) {
            writeln!(text, "[budget]\nmax_calls = {most}").unwrap();
        }
        writeln!(text, "[[output]]\npath = 'job-{at}.csv'").unwrap();
        let path = self.folder.path().join(format!("job-{at}.toml"));
        file::parse(&path, &text, settings, false).unwrap_or_else(|problems| panic!("{problems}"))
    }
}

impl AccountSpec {
    fn draw(draw: &mut Draw, theme: Theme) -> Self {
        let rates: &[&str] = match theme {
            Theme::Anything => &["unlimited", "unlimited", "50/s", "5/s", "60/min"],
            _ => &["unlimited"],
        };
        let budgeted = match theme {
            Theme::Anything => 15,
            Theme::Chains => 40,
            _ => 0,
        };
        Self {
            rate: draw.one(rates),
            concurrency: draw.one(&[1, 2, 3, 5]),
            cool_down: draw.within(1..20),
            logins: draw.one(&[2, 4, 10]),
            day: draw.percent(budgeted).then(|| draw.within(0..30)),
        }
    }
}

impl JobSpec {
    fn draw(draw: &mut Draw, theme: Theme, accounts: usize) -> Self {
        let (most, different, budget) = match theme {
            Theme::Letters => (12, draw.one(&[3, 6]), 0),
            Theme::Money => (draw.one(&[6, 6, 30]), 300, 90),
            Theme::Pause => (120, 300, 0),
            Theme::Chains => (120, 300, 20),
            Theme::Anything | Theme::Ledger => (draw.one(&[3, 12, 12, 60]), draw.one(&[2, 8, 40]), 20),
        };
        let rows = (0..draw.within(1..most)).map(|_| usize::try_from(draw.within(0..different)).unwrap());
        // Every third gets letters.
        let rows = rows.map(|row| if theme == Theme::Letters { 3 * row + 2 } else { row });
        let rows: Vec<usize> = rows.collect();
        let steps: Vec<StepSpec> =
            (0..draw.within(1..6)).map(|at| StepSpec::draw(draw, theme, at, accounts)).collect();
        let calls = (rows.len() * steps.len()) as u64;
        let always = (rows.len() * steps.iter().filter(|step| step.when.is_empty()).count()) as u64;
        Self {
            rows,
            steps,
            concurrency: draw.percent(50).then(|| draw.one(&[1, 2, 4])),
            attempts: draw.one(&[1, 2, 5]),
            outage_wait: if theme == Theme::Pause { 1_800 } else { draw.one(&[20, 120, 600]) },
            oldest: draw.percent(25),
            // Often just what is asked without a condition.
            max_calls: draw.percent(budget).then(|| {
                let some = draw.within(0..calls + 2);
                draw.one(&[always, always, some])
            }),
        }
    }

    /// Which lookups depend on an account: by being asked there, or by a condition on one that does.
    pub(super) fn waits_for(&self, account: usize) -> Vec<bool> {
        let mut waits: Vec<bool> = Vec::new();
        for step in &self.steps {
            let waits_too = step.account == account || step.when.iter().any(|(gate, _)| waits[*gate]);
            waits.push(waits_too);
        }
        waits
    }
}

impl StepSpec {
    fn draw(draw: &mut Draw, theme: Theme, at: u64, accounts: usize) -> Self {
        let gates = match theme {
            Theme::Chains => at.min(1),
            _ if at > 0 && draw.percent(45) => draw.within(1..3),
            _ => 0,
        };
        // Where money is short, one account has nothing but conditions, and logs in when the first are met.
        let late = theme == Theme::Money && gates > 0;
        let when = (0..gates).map(|_| {
            let earlier = if theme == Theme::Chains { at - 1..at } else { 0..at };
            let gate = usize::try_from(draw.within(earlier)).unwrap();
            (gate, draw.one(&["hit", "hit", "no_hit"]))
        });
        Self {
            when: when.collect(),
            account: match theme {
                Theme::Money => usize::from(late),
                _ => usize::try_from(draw.within(0..accounts as u64)).unwrap(),
            },
            block: match theme {
                Theme::Letters => draw.one(&[Some(LETTER_BLOCK), Some(LETTER_BLOCK), Some(PLAIN_BLOCK)]),
                _ => draw.one(&[Some(PLAIN_BLOCK), Some(LETTER_BLOCK), None]),
            },
            retry: draw.percent(40),
        }
    }
}

impl Mood {
    pub(super) fn calm() -> Self {
        Self { delay: 5..50, no_hit: 100, ..Self::default() }
    }

    /// For twenty minutes nothing but 429.
    fn closed() -> Self {
        Self { closed: vec![(Duration::ZERO..Duration::from_mins(20), true)], ..Self::calm() }
    }

    fn draw(draw: &mut Draw) -> Self {
        let mut some = |share: u32, most: u64| {
            if draw.percent(share) { u32::try_from(draw.within(1..most)).unwrap() } else { 0 }
        };
        let (lost, not_connected, unavailable) = (some(60, 200), some(30, 200), some(30, 900));
        let (not_taken, pages) = (some(20, 400), some(15, 300));
        let (unreadable, mismatched) = (some(15, 400), some(15, 400));
        let (throttled, expired, panics) = (some(20, 60), some(30, 100), some(8, 40));
        let (unannounced, denied, no_hit) = (some(10, 200), some(20, 100), some(60, 400));
        let seconds = Duration::from_secs;
        let span = |draw: &mut Draw| {
            let from = draw.within(0..20);
            seconds(from)..seconds(from + draw.one(&[3, 30, 300, 1_200]))
        };
        Self {
            lost,
            not_connected,
            not_taken,
            pages,
            unreadable,
            mismatched,
            unavailable,
            throttled,
            expired,
            panics,
            unannounced,
            denied,
            no_hit,
            is_silent: draw.percent(30),
            away: if draw.percent(20) { vec![span(draw)] } else { Vec::new() },
            closed: if draw.percent(20) { vec![(span(draw), draw.percent(70))] } else { Vec::new() },
            fault: draw.percent(8).then(|| seconds(draw.within(0..10))),
            logins: if draw.percent(20) {
                vec![(span(draw), draw.one(&[401, 429, 429, 500, 503, 404]))]
            } else {
                Vec::new()
            },
            delay: 1..draw.one(&[5, 60, 3_000]),
            ..Self::default()
        }
    }
}

impl Act {
    /// What is done to one process while it runs.
    pub(super) fn draw(draw: &mut Draw, theme: Theme) -> Vec<(Duration, Self)> {
        let (ended, broken) = match theme {
            Theme::Anything => (40, 20),
            Theme::Money | Theme::Chains => (10, 0),
            Theme::Letters => (60, 0),
            Theme::Pause => return vec![(Duration::from_mins(15), Self::Look)],
            Theme::Ledger => (25, 90),
        };
        let after = |draw: &mut Draw| {
            let most = draw.one(&[50, 500, 5_000, 40_000]);
            Duration::from_millis(draw.within(0..most))
        };
        let mut acts = Vec::new();
        if draw.percent(ended) {
            let act = draw.one(&[Self::Drain, Self::Drain, Self::Abort, Self::Die, Self::Die]);
            acts.push((after(draw), act));
        }
        if draw.percent(broken) {
            let lasts = Duration::from_secs(draw.one(&[1, 5, 60, 900]));
            let fault = draw.one(&[Fault::Full, Fault::Busy, Fault::Unwritable, Fault::Unasked]);
            acts.push((after(draw), Self::Break(fault, lasts)));
        }
        acts.sort_by_key(|(after, _)| *after);
        acts
    }
}
