//! What commands are told of runs: a summary of each, and the plan of one.

use crate::domain::budget::{Limit, Spend};
use crate::domain::counted::counted;
use crate::domain::exit::Exit;
use crate::domain::letters::LettersByBlock;
use crate::domain::money::Ore;
use crate::domain::outcome::Outcome;
use std::path::PathBuf;
use std::time::Duration;

/// A run as `status --json` and `--summary-json` tell it.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Run id.
    pub run: String,
    /// Job name.
    pub job: String,
    /// `running`, `finished`, `stopped` or `closed`.
    pub state: RunState,
    /// The exit code of the last invocation; `None` while it is running or if it died.
    pub exit: Option<u8>,
    /// Why it ended so, for a person.
    pub reason: String,
    /// What to type next.
    pub next: String,
    /// RFC 3339.
    pub started_at: String,
    /// RFC 3339; `None` while unfinished.
    pub finished_at: Option<String>,
    /// Good and bad rows.
    pub rows: u64,
    /// Bad rows.
    pub bad_rows: u64,
    /// Rows × steps: good rows times lookups.
    pub lookups: u64,
    /// Counts by outcome, in the order of `Outcome::ALL`.
    pub outcomes: [u64; 9],
    /// Lookups still pending or started.
    pub pending: u64,
    /// Answered by an attempt of this run.
    pub bought: u64,
    /// Answered from the ledger or by an earlier row.
    pub reused: u64,
    /// Attempts sent.
    pub calls: u64,
    /// Calls beyond the first of each lookup.
    pub retries: u64,
    /// Logins sent.
    pub logins: u64,
    /// Money spent, unknowns included.
    pub cost: Ore,
    /// Money that lost answers may have cost.
    pub spent_unknown: Ore,
    /// The services that it asked without a price (`provider.service`): what those cost is in no sum.
    pub unpriced: Vec<String>,
    /// Letters of disclosure that the upstream says went out.
    pub letters: u64,
    /// Calls that conditions kept from being made.
    pub saved_calls: u64,
    /// What those would have cost.
    pub saved_cost: Ore,
    /// How many of those have no price.
    pub saved_unpriced: u64,
    /// The environment that the run belongs to: `production`, `sandbox`, `simulator` or a base address.
    pub environment: String,
    /// The job's file.
    pub job_path: PathBuf,
    /// `--limit`: such a run is continued by the same limit only.
    pub limit: Option<u64>,
}

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// A process is at it.
    Running,
    /// Nothing is pending and the outputs are written.
    Finished,
    /// It can be continued.
    Stopped,
    /// A newer run took its place.
    Closed,
}

impl RunState {
    /// The word in JSON and the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Stopped => "stopped",
            Self::Closed => "closed",
        }
    }
}

impl Summary {
    /// The count of one outcome.
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome.index()]
    }
}

/// What a run would do: the plan, with nothing sent.
#[derive(Debug, Clone)]
pub struct PlanReport {
    /// Job name.
    pub job: String,
    /// Where it would be sent: `production`, `sandbox`, `simulator` or a base address.
    pub environment: String,
    /// Good and bad rows.
    pub rows: u64,
    /// Bad rows.
    pub bad_rows: u64,
    /// The first few bad rows.
    pub examples: Vec<BadExample>,
    /// Each lookup of the job, in order.
    pub steps: Vec<PlanStep>,
    /// The services (`provider.service`) that it asks and that nobody has given a price.
    pub unpriced: Vec<String>,
    /// How long buying takes at the slowest account's pace; zero where there is no limit of ours.
    pub duration: Duration,
    /// That pace, as the `rate` key writes it.
    pub rate: String,
    /// Each budget that it must keep, before and after.
    pub budgets: Vec<PlanBudget>,
    /// How long what it buys is kept, in milliseconds; `None` is for ever.
    pub retention: Option<i64>,
    /// By how many bytes the ledger grows at most, roughly.
    pub ledger_bytes: u64,
    /// What differs from the job's last run, where that was asked for and there is one.
    pub diff: Option<PlanDiff>,
    /// Why `run` would refuse it: letters would go out, and their lookup does not say that they may; or the login has refused
    /// the credentials before.
    pub refusal: Option<PlanRefusal>,
}

/// Why a plan would be refused as a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRefusal {
    /// How the run would end.
    pub exit: Exit,
    /// Why.
    pub why: String,
    /// What can be done, a line each; none where the reason says it.
    pub ways_out: Vec<String>,
}

/// What differs between a plan and the job's last run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanDiff {
    /// The run.
    pub run: String,
    /// Its good and bad rows.
    pub rows: (u64, u64),
    /// What it sent.
    pub calls: u64,
    /// What that cost.
    pub cost: Ore,
    /// The services that it asked without a price.
    pub unpriced: Vec<String>,
    /// What the job file says otherwise now, a line each.
    pub changes: Vec<String>,
}

/// One budget in a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanBudget {
    /// What it is called.
    pub name: String,
    /// What it allows.
    pub limit: Limit,
    /// What stands against it now.
    pub before: Spend,
    /// What would stand against it with everything bought.
    pub after: Spend,
}

/// A bad row, told without its content.
#[derive(Debug, Clone)]
pub struct BadExample {
    /// The physical line.
    pub line: u64,
    /// Why, without the number.
    pub reason: String,
}

/// What a run would do for one lookup of the job.
#[derive(Debug, Clone, Default)]
pub struct PlanStep {
    /// `id`.
    pub id: String,
    /// `provider.service`.
    pub service: String,
    /// Rows that follow an earlier row of the same identity.
    pub duplicates: u64,
    /// Rows whose answer is in the ledger and fresh.
    pub fresh: u64,
    /// Rows that end `unknown` without a call: a stored answer that cannot be read is taken over, or a letter was lost.
    pub unknown: u64,
    /// Rows whose number the service does not take.
    pub skipped: u64,
    /// Rows whose parameters break the catalogue.
    pub invalid: u64,
    /// Rows that would be sent.
    pub to_buy: u64,
    /// Those among them that were bought before, and whose answer was purged.
    pub purged: u64,
    /// The cheapest call among them (the price depends on the block, and a block on the row).
    pub price_low: Ore,
    /// The dearest.
    pub price_high: Ore,
    /// All of them.
    pub price: Ore,
    /// How many of them nobody has given a price: the prices here are those of the others.
    pub unpriced: u64,
    /// How many of them may send a letter of disclosure.
    pub letters: u64,
    /// The same by what posts them and to whom.
    pub letters_by_block: LettersByBlock,
    /// How many of them depend on a condition that is not decided yet: `to_buy` and `price` are the most.
    pub gated: u64,
    /// What those cost at most.
    pub gated_price: Ore,
    /// How many of those have no price.
    pub gated_unpriced: u64,
    /// In how many rows of the job's last runs its condition was met, and in how many it was decided; `None` if in none.
    pub gate_history: Option<(u64, u64)>,
}

impl PlanReport {
    /// Good rows × lookups of the job.
    pub fn lookups(&self) -> u64 {
        self.steps.iter().map(PlanStep::lookups).sum()
    }

    /// Whether something would be asked that nobody has given a price.
    pub fn is_unpriced(&self) -> bool {
        self.steps.iter().any(|step| step.unpriced > 0)
    }

    /// What buying costs at least: with every condition unmet that is not decided yet.
    pub fn price_low(&self) -> Ore {
        self.steps.iter().fold(self.price(), |price, step| price.saturating_sub(step.gated_price))
    }

    /// What buying costs; the largest amount where the sum does not fit.
    pub fn price(&self) -> Ore {
        let add = |sum: Ore, step: &PlanStep| sum.checked_add(step.price).unwrap_or(Ore::new(u64::MAX));
        self.steps.iter().fold(Ore::ZERO, add)
    }
}

impl PlanStep {
    /// How many of those that depend on a condition are bought, if as many are met as in the job's last runs.
    pub fn expected(&self) -> Option<u64> {
        let (met, decided) = self.gate_history?;
        let expected = (u128::from(self.gated) * u128::from(met)).div_ceil(u128::from(decided.max(1)));
        u64::try_from(expected).ok()
    }

    /// Good rows: each is exactly one of these.
    pub const fn lookups(&self) -> u64 {
        self.duplicates + self.fresh + self.unknown + self.skipped + self.invalid + self.to_buy
    }
}

impl Purged {
    /// How much went, or would; `None` if it is nothing.
    pub fn told(&self, dry: bool) -> Option<String> {
        let Self { answers, rows, runs, keys, .. } = self;
        if *answers == 0 && *rows == 0 && *keys == 0 && self.deleted.is_empty() {
            return None;
        }
        let head = if dry { "would be purged" } else { "purged" };
        let (answers, of) = (counted(*answers, "answer", "answers"), counted(*runs, "run", "runs"));
        Some(format!("{head}: {answers}; {} of {of}", counted(*rows, "row", "rows")))
    }
}

/// What a purge took away, or would.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purged {
    /// Stored answers.
    pub answers: u64,
    /// Those that are due and stay, since an unfinished run uses them.
    pub in_use: u64,
    /// Rows of inputs.
    pub rows: u64,
    /// Runs that they belonged to.
    pub runs: u64,
    /// Unfinished runs that were closed for it.
    pub closed: Vec<String>,
    /// Those that are due and stay, since a process is at them.
    pub under_way: Vec<String>,
    /// Data keys that were given up.
    pub keys: u64,
    /// Output files that were deleted.
    pub deleted: Vec<String>,
    /// Those that stay, and why.
    pub kept: Vec<(String, String)>,
    /// Whether the write-ahead log still holds pages of before, since somebody reads the ledger.
    pub log_left: bool,
}
