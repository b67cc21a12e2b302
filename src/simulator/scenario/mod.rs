//! Scenario files: how the imitation behaves badly, and when.
//!
//! [`mod@file`] is what the TOML may hold, [`Scenario`] what it means after everything senseless was refused.
//!
//! ```toml
//! delay = "20ms"              # before every data answer; "10ms..50ms" is drawn for each call
//! token_life = "1h"
//! blocks = ["CompanyBasic"]   # any other block answers 11
//! login = { refuse = true }   # or status (with retry_after), or token = "none" | "expired"; delay, after, times
//! window = { calls = 200, per = "60s", retry_after = "5s", prolong = true }
//! pace = "50/s"               # what --simulate takes as the account's rate
//! bill = false                # counters only
//! [[fault]]                   # the first that matches and is not used up; login and health only where named
//! service = "getdata"
//! number = "5560125790"
//! after = 5                   # from the sixth matching call on
//! every = 10                  # of those, each tenth
//! times = 2
//! delay = "2s"                # with any `do`
//! do = "status"               # status, retry_after, retry_after_as = "seconds" | "date"
//!                             # error: code, status = 400, text, detail, report = true ({number} is the number)
//!                             # html: status = 200, retry_after · body: body, status = 200, content_type
//!                             # both, and status and redirect: carried_out = true (what is answered hides a report)
//!                             # redirect: status = 302, location · alter: alter = ["report-list", …] · huge: size
//!                             # gone: for (after this answer connections are refused; for good where absent)
//!                             # body: hex = "7b7d" instead of body, for bytes that are no text
//!                             # close, reset, cut, twice, hold, stall, delay, expire-token
//! status = 503
//! ```

mod faults;
mod file;
mod words;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::draw::Draw;
use super::reply::RetryAfter;
use super::window::WindowRule;
use crate::disk;
use crate::domain::pace::Rate;

pub(super) use faults::Faults;

/// How the simulator behaves. The default is an upstream on a good day.
#[derive(Clone)]
pub struct Scenario {
    pub(super) delay: Option<Delay>,
    pub(super) token_life: Duration,
    pub(super) blocks: Option<Vec<String>>,
    pub(super) window: Option<WindowRule>,
    pub(super) faults: Vec<Fault>,
    pub(super) bill: bool,
    pace: Rate,
}

/// Why a scenario cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("cannot read the scenario file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Something in it is wrong.
    #[error("{place}:{line}:{column}: {message}")]
    Invalid {
        /// The file, or `scenario` where it is none.
        place: String,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// What is wrong, and what would be right.
        message: String,
    },
}

/// A wait, fixed or drawn anew for every call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Delay {
    /// At least.
    pub(super) low: Duration,
    /// At most.
    pub(super) high: Duration,
}

impl Delay {
    /// The wait of that call.
    pub(super) fn of(self, seed: u64, sequence: u64) -> Duration {
        let spread = u64::try_from(self.high.saturating_sub(self.low).as_micros()).unwrap_or(u64::MAX - 1);
        let drawn = Draw::new(seed.wrapping_add(sequence), &["delay"]).below(spread + 1);
        self.low + Duration::from_micros(drawn)
    }
}

/// A fault: which calls it meets, and what it does to them.
#[derive(Clone)]
pub(super) struct Fault {
    /// Only calls of this service; else every data call.
    pub(super) service: Option<super::Service>,
    /// Only calls about this number.
    pub(super) number: Option<super::number::Number>,
    /// Each so-many-th matching call after `after`.
    pub(super) every: u64,
    /// That many matching calls pass before it begins.
    pub(super) after: u64,
    /// So often, then it is used up.
    pub(super) times: u64,
    /// A wait before anything else.
    pub(super) delay: Option<Delay>,
    /// Whether the service did its work, and something on the way answered in its place.
    pub(super) carried_out: bool,
    /// What it does.
    pub(super) deed: Deed,
    /// Its word in the file, for the bill.
    pub(super) word: &'static str,
}

/// What a fault does to a call.
#[derive(Clone)]
pub(super) enum Deed {
    /// A bare status without JSON.
    Status { status: u16, retry_after: Option<RetryAfter> },
    /// A JSON error body, alone or beside the report.
    Error { status: u16, code: String, text: Option<String>, detail: Option<String>, report: bool },
    /// HTML where JSON should be.
    Html { status: u16, retry_after: Option<RetryAfter> },
    /// This very body.
    Body { status: u16, content_type: Option<String>, body: String },
    /// The same of bytes that are no text.
    Bytes { status: u16, content_type: Option<String>, bytes: Vec<u8> },
    /// A redirection.
    Redirect { status: u16, location: Option<String> },
    /// The connection is closed without an answer.
    Close,
    /// The connection is reset without an answer.
    Reset,
    /// Half a body, then the connection is closed.
    Cut,
    /// The answer is written twice: each later call on the connection reads the answer to the one before.
    Twice,
    /// The answer is withheld until it is released.
    Hold,
    /// There is never an answer.
    Stall,
    /// Only the wait.
    Delay,
    /// The token of this call expires, now and for every other call.
    ExpireToken,
    /// The answer, with changes to its shape.
    Alter(Vec<Alteration>),
    /// The answer, with that many bytes more.
    Huge { size: usize },
    /// After this answer the upstream refuses connections, for so long or for good.
    Gone { lasts: Option<Duration> },
    /// A login is refused.
    RefuseLogin,
    /// A login is answered without a token.
    NoToken,
    /// A login is answered with a token that has expired.
    ExpiredToken,
}

/// A change to the shape of an answer that a client has to live with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Alteration {
    /// `report` as a list of one.
    ReportList,
    /// `report` is null.
    NullReport,
    /// `report` is missing.
    NoReport,
    /// `metaData` is missing.
    NoMetadata,
    /// `apiLogId` as text.
    LogIdText,
    /// `apiLogId` is missing.
    NoLogId,
    /// Fields nobody has seen before, at the top, in `metaData` and in the report.
    AddedFields,
    /// Half of the report's fields are missing.
    MissingFields,
    /// All of the report's fields are null.
    NullFields,
}

impl Scenario {
    /// Reads a scenario; `place` names it in errors.
    pub fn parse(place: &str, text: &str) -> Result<Self, ScenarioError> {
        file::read(place, text)
    }

    /// Reads a scenario file.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        let text = disk::named(path)
            .and_then(std::io::read_to_string)
            .map_err(|source| ScenarioError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// The pace that `--simulate` takes as the account's.
    pub fn pace(&self) -> Rate {
        self.pace
    }

    /// The same, keeping counters but no entries: what a run of a million calls needs.
    #[must_use]
    pub fn without_bill(self) -> Self {
        Self { bill: false, ..self }
    }
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            delay: None,
            token_life: Duration::from_hours(1),
            blocks: None,
            window: None,
            faults: Vec::new(),
            bill: true,
            pace: Rate::Unlimited,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_file_that_is_not_there_is_told_with_the_reason() {
        let error = Scenario::load(Path::new("/nowhere/none.toml")).err().unwrap().to_string();
        assert!(error.contains("/nowhere/none.toml: No such file"), "{error}");
    }

    proptest! {
        #[test]
        fn a_drawn_delay_stays_in_its_bounds(seed: u64, sequence: u64, low in 0_u64..50, more in 0_u64..50) {
            let delay = Delay { low: Duration::from_millis(low), high: Duration::from_millis(low + more) };
            let drawn = delay.of(seed, sequence);
            prop_assert!(drawn >= delay.low && drawn <= delay.high);
            prop_assert_eq!(drawn, delay.of(seed, sequence));
        }
    }
}
