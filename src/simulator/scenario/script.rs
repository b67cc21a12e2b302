//! What a scenario holds: who is answered late, otherwise, or not at all.

use std::path::PathBuf;
use std::time::Duration;

use crate::domain::pace::Rate;
use crate::simulator::draw::Draw;
use crate::simulator::reply::RetryAfter;
use crate::simulator::window::WindowRule;

/// How the simulator behaves. The default is an upstream on a good day.
#[derive(Clone)]
pub struct Scenario {
    pub(in crate::simulator) delay: Option<Delay>,
    pub(in crate::simulator) token_life: Duration,
    pub(in crate::simulator) blocks: Option<Vec<String>>,
    pub(in crate::simulator) window: Option<WindowRule>,
    pub(in crate::simulator) faults: Vec<Fault>,
    pub(in crate::simulator) bill: bool,
    pub(in crate::simulator) pace: Rate,
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
pub(in crate::simulator) struct Delay {
    /// At least.
    pub(in crate::simulator) low: Duration,
    /// At most.
    pub(in crate::simulator) high: Duration,
}

impl Delay {
    /// The wait of that call.
    pub(in crate::simulator) fn of(self, seed: u64, sequence: u64) -> Duration {
        let spread = u64::try_from(self.high.saturating_sub(self.low).as_micros()).unwrap_or(u64::MAX - 1);
        let drawn = Draw::new(seed.wrapping_add(sequence), &["delay"]).below(spread + 1);
        self.low + Duration::from_micros(drawn)
    }
}

/// A fault: which calls it meets, and what it does to them.
#[derive(Clone)]
pub(in crate::simulator) struct Fault {
    /// Only calls of this service; else every data call.
    pub(in crate::simulator) service: Option<crate::simulator::Service>,
    /// Only calls about this number.
    pub(in crate::simulator) number: Option<crate::simulator::number::Number>,
    /// Each so-many-th matching call after `after`.
    pub(in crate::simulator) every: u64,
    /// That many matching calls pass before it begins.
    pub(in crate::simulator) after: u64,
    /// So often, then it is used up.
    pub(in crate::simulator) times: u64,
    /// A wait before anything else.
    pub(in crate::simulator) delay: Option<Delay>,
    /// Whether the service did its work, and something on the way answered in its place.
    pub(in crate::simulator) carried_out: bool,
    /// What it does.
    pub(in crate::simulator) deed: Deed,
    /// Its word in the file, for the bill.
    pub(in crate::simulator) word: &'static str,
}

/// What a fault does to a call.
#[derive(Clone)]
pub(in crate::simulator) enum Deed {
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
pub(in crate::simulator) enum Alteration {
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
