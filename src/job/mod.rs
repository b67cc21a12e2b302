//! Jobs: what to ask about whom, and what to write.

pub mod check;
pub mod file;
mod files;
mod header;
pub mod input;
pub mod letters;
mod look;
mod needs;
mod places;
pub mod when;

pub use header::{Header, clashes};
pub use needs::{Needs, needs};

use crate::config::Account;
use crate::config::catalogue::Service;
use crate::disk::Protected;
use crate::domain::budget::Limit;
use crate::domain::number::Accept;
use crate::domain::outcome::{Outcome, Outcomes};
use crate::domain::pace::Rate;
use crate::domain::schedule::Schedule;
use crate::domain::template::Template;
pub(crate) use files::files;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use when::{First, When};

/// A checked job file.
#[derive(Clone)]
pub struct Job {
    /// `name`: letters, digits, `-` and `_`.
    pub name: String,
    /// The file, absolute.
    pub path: PathBuf,
    /// The file's text as it was read.
    pub text: String,
    /// `description`.
    pub description: Option<String>,
    /// `purpose`: why the data is asked for; a template over columns of the input.
    pub purpose: Option<Template>,
    /// `reuse_purposes`: others for which an answer about a person may have been bought that is used again.
    pub reuse_purposes: Vec<String>,
    /// `retention`: how long what it buys and copies is kept.
    pub retention: Option<Duration>,
    /// `cost_centre`.
    pub cost_centre: Option<String>,
    /// `[input]`.
    pub input: Input,
    /// `[[lookup]]`, in order.
    pub steps: Vec<Step>,
    /// `[run]`.
    pub rules: Rules,
    /// `[budget]`.
    pub budget: Budget,
    /// `[schedule]`.
    pub schedule: Option<Schedule>,
    /// `[[output]]`, in order.
    pub outputs: Vec<Output>,
}

impl Job {
    /// Input columns that parameters need and that `carry` does not name, in the order in which they are named.
    pub fn template_columns(&self) -> Vec<String> {
        let carried = match &self.input.carry {
            Carry::Columns(carried) => carried.as_slice(),
            Carry::All => &[],
        };
        let mut columns: Vec<String> = Vec::new();
        let values = self.steps.iter().flat_map(|step| &step.params).map(|(_, value)| value);
        for column in values.chain(&self.purpose).flat_map(Template::columns) {
            if !carried.iter().chain(&columns).any(|known| known == column) {
                columns.push(column.to_owned());
            }
        }
        columns
    }

    /// How long what it buys is kept, in milliseconds, where the job says so.
    pub fn kept_ms(&self) -> Option<i64> {
        self.retention.map(|kept| i64::try_from(kept.as_millis()).unwrap_or(i64::MAX))
    }

    /// Input columns that the ledger keeps: those that are copied, in their order, then those that parameters need.
    pub fn kept_columns(&self) -> Carry {
        match &self.input.carry {
            Carry::All => Carry::All,
            Carry::Columns(carried) => {
                Carry::Columns(carried.iter().cloned().chain(self.template_columns()).collect())
            }
        }
    }
}

/// Without its text, which may hold numbers.
impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("name", &self.name)
            .field("path", &self.path)
            .field("input", &self.input)
            .field("steps", &self.steps.len())
            .field("outputs", &self.outputs.len())
            .finish_non_exhaustive()
    }
}

/// `[input]`. `Debug` shows no number, since that of its origin shows none.
#[derive(Debug, Clone)]
pub struct Input {
    /// Where the numbers are.
    pub origin: Origin,
    /// The column (csv, tsv) or key (jsonl) that holds the number.
    pub column: Option<String>,
    /// Which numbers are taken.
    pub accept: Accept,
    /// Which columns go to the output.
    pub carry: Carry,
    /// Fewer good rows are refused.
    pub min_rows: u64,
    /// More bad rows are refused.
    pub max_bad: MaxBad,
}

/// Where the numbers are. `Debug` only counts those of a job file.
#[derive(Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file, absolute.
    Path(PathBuf),
    /// Standard input.
    Stdin,
    /// In the job file.
    Numbers(Vec<String>),
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.debug_tuple("Path").field(path).finish(),
            Self::Stdin => f.write_str("Stdin"),
            Self::Numbers(numbers) => write!(f, "Numbers({} of them)", numbers.len()),
        }
    }
}

impl Input {
    /// Everything that `[input]` says, part by part in a fixed order and wording, whatever the order in which columns
    /// are copied, since that is no difference to a person. It is what a digest that outlives this version is made of,
    /// and holds the numbers of a job file: nothing for eyes.
    pub fn identity(&self) -> Vec<String> {
        let mut parts = match &self.origin {
            Origin::Path(path) => vec![format!("path={}", path.display())],
            Origin::Stdin => vec!["stdin".to_owned()],
            Origin::Numbers(numbers) => numbers.iter().map(|number| format!("number={number}")).collect(),
        };
        parts.extend(self.column.iter().map(|column| format!("column={column}")));
        parts.extend(self.accept.identity());
        match &self.carry {
            Carry::All => parts.push("carry=*".to_owned()),
            Carry::Columns(columns) => {
                let mut columns: Vec<_> = columns.iter().map(|column| format!("carry={column}")).collect();
                columns.sort_unstable();
                parts.append(&mut columns);
            }
        }
        parts.push(format!("min_rows={}", self.min_rows));
        parts.push(match self.max_bad {
            MaxBad::Percent(share) => format!("max_bad={share}%"),
            MaxBad::Count(count) => format!("max_bad={count}"),
        });
        parts
    }
}

impl Origin {
    /// How messages call it.
    pub fn name(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Stdin => "standard input".to_owned(),
            Self::Numbers(_) => "`numbers` of the job".to_owned(),
        }
    }
}

/// Which input columns are copied to the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carry {
    /// These.
    Columns(Vec<String>),
    /// Every column but the number's.
    All,
}

/// How many bad rows are borne.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaxBad {
    /// Of all rows.
    Percent(f64),
    /// In all.
    Count(u64),
}

/// `[[lookup]]`.
#[derive(Debug, Clone)]
pub struct Step {
    /// `id`.
    pub id: String,
    /// The account (and provider) before the dot of `service`.
    pub account: String,
    /// The endpoint after it.
    pub service: Arc<Service>,
    /// Values by parameter, in the catalogue's order.
    pub params: Vec<(String, Template)>,
    /// Whether a letter-making lookup may be sent.
    pub letters: bool,
    /// What becomes of a lost answer.
    pub on_unknown: OnUnknown,
    /// How old a stored answer may be; zero is never.
    pub reuse: Duration,
    /// `reuse_outcomes`: which stored answers may be used again.
    pub reuse_outcomes: Outcomes,
    /// `when`: conditions that must all be met; none where it is always asked.
    pub when: Vec<When>,
    /// `first`, where the job says so.
    pub first: Option<First>,
}

impl Step {
    /// The lookup whose newest answer a parameter names the day of.
    pub fn last(&self) -> Option<&str> {
        self.params.iter().find_map(|(_, value)| value.last())
    }

    /// Whether a call has a price at the account, be it nothing: a block that only a row knows must have that of its
    /// service.
    pub fn is_priced(&self, account: &Account) -> bool {
        account.price(&self.service.name, self.block()).is_some()
    }

    /// The block that it asks for, where the service has blocks and it is the same for every row.
    pub fn block(&self) -> Option<&str> {
        let block = self.service.block_param.as_deref()?;
        match self.params.iter().find(|(name, _)| name == block) {
            Some((_, value)) => value.literal(),
            None => self.service.usual_block(),
        }
    }
}

/// `[budget]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    /// Over the whole run, however often it is continued.
    pub limit: Limit,
    /// The share, in percent, at which to warn.
    pub warn_at: Option<u8>,
}

/// `on_unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnknown {
    /// It waits for an explicit verb.
    Park,
    /// It is asked again, and may be paid twice.
    Retry,
}

/// `[run]`.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Lowers the account's pace.
    pub rate: Rate,
    /// Lowers the account's concurrency.
    pub concurrency: Option<u32>,
    /// Attempts that a lookup may spend.
    pub attempts: u32,
    /// How long an outage is waited for.
    pub outage_wait: Duration,
    /// Whether `run` starts anew rather than continuing.
    pub restart: bool,
    /// How long one invocation may send.
    pub max_time: Option<Duration>,
    /// `order = "oldest"`: begins with what is stalest.
    pub oldest: bool,
    /// `priority = "low"`: leaves the account's pace to others.
    pub low: bool,
    /// What exit 0 puts up with.
    pub tolerate: Tolerate,
}

/// `tolerate` of `[run]`: how many lookups may end so without exit 4.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tolerate {
    /// Lost answers.
    pub unknown: u64,
    /// Certainly not carried out, attempts spent.
    pub failed: u64,
}

/// `[[output]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Absolute, with `{job}`, `{run}`, `{date}` and `{time}` still in it.
    pub path: PathBuf,
    /// `format`, or from the ending.
    pub format: Format,
    /// `shape`.
    pub shape: Shape,
    /// `only`; nothing is all.
    pub only: Option<Vec<Outcome>>,
    /// `excel`.
    pub excel: bool,
    /// `subject`.
    pub subject: SubjectForm,
    /// `columns`; nothing is every leaf found.
    pub columns: Option<Vec<Column>>,
    /// `changes`: what differs from the answers that we had before the run.
    pub changes: bool,
    /// `skipped = "last"`: skipped lookups show the newest stored answer.
    pub skipped_last: bool,
    /// `mode`: its permission bits.
    pub mode: u32,
    /// `group`, by name or number, as the job has it: which one that is, the machine knows on which it is written.
    pub group: Option<String>,
}

impl Job {
    /// What no output of the job may take the place of, besides what the configuration lives on: its file and those beside
    /// it, which are jobs too, and its input.
    pub fn protected(&self) -> Protected {
        let mut protected = Protected::new();
        protected.add(&self.path, "the job file");
        let beside = self.path.parent().and_then(|folder| files(folder).ok());
        for other in beside.into_iter().flatten() {
            protected.add(&other, "a job file");
        }
        if let Origin::Path(path) = &self.input.origin {
            protected.add(path, "the input");
        }
        protected
    }
}

impl Output {
    /// `mode` where a job has none: its owner's alone.
    pub const PRIVATE: u32 = 0o600;

    /// The folder that the job names as it is: the innermost above its file with no place in its path that a run fills.
    pub fn chosen_folder(&self) -> &Path {
        let open = |path: &Path| {
            let text = path.to_string_lossy();
            ["{job}", "{run}", "{date}", "{time}"].iter().any(|place| text.contains(place))
        };
        self.path.ancestors().skip(1).find(|folder| !open(folder)).unwrap_or(Path::new(""))
    }

    /// Where the bad rows of a job go whose first output is written here: `out/x.csv` has `out/x.rejects.csv`.
    pub fn rejects_beside(path: &Path) -> PathBuf {
        path.with_extension("rejects.csv")
    }
}

/// `format` of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180.
    Csv,
    /// One array.
    Json,
    /// One object a line.
    JsonLines,
}

/// `shape` of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A row a lookup.
    Long,
    /// A row an input line.
    Wide,
}

/// `subject` of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectForm {
    /// The number itself.
    Full,
    /// With its digits hidden.
    Masked,
    /// A keyed digest.
    Digest,
}

/// One chosen column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The header.
    pub name: String,
    /// RFC 6901, into the answer's body.
    pub pointer: String,
    /// The lookup's id; wide outputs need it where the job has more than one lookup.
    pub lookup: Option<String>,
}
