//! Fires: what schedules have come to.

/// Why a fire is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Its time came.
    Schedule,
    /// Its time came while nobody was there.
    Missed,
    /// `orgpull fire`.
    Hand,
}

impl Cause {
    pub(super) const ALL: [Self; 3] = [Self::Schedule, Self::Missed, Self::Hand];

    /// The ledger's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Missed => "missed",
            Self::Hand => "hand",
        }
    }
}

/// A fire to be claimed.
#[derive(Debug, Clone, Copy)]
pub struct NewFire<'a> {
    /// The job.
    pub job: &'a str,
    /// Its due time, in milliseconds since 1970.
    pub due: i64,
    /// Why.
    pub cause: Cause,
    /// Why it is left out, where it is.
    pub left_out: Option<&'a str>,
}

/// A fire as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FireRow {
    /// Its id in this ledger.
    pub id: i64,
    /// The job.
    pub job: String,
    /// Its due time, in milliseconds since 1970.
    pub due: i64,
    /// Why it is there.
    pub cause: Cause,
    /// `claimed`, `ended` or `skipped`.
    pub state: String,
    /// Which daemon has or had it.
    pub daemon: Option<String>,
    /// When it ended or was left out, in milliseconds since 1970.
    pub ended_at: Option<i64>,
    /// Exit code.
    pub exit: Option<u8>,
    /// Why it ended so or was left out.
    pub reason: Option<String>,
}

/// Where a daemon begins with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchedJob {
    /// Nothing that was due until then is left to be done.
    pub last: i64,
}

/// What the ledger knows of a job's schedule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScheduleRecord {
    /// Since when it is paused (milliseconds since 1970), and why.
    pub paused: Option<(i64, String)>,
    /// Its newest fire.
    pub last: Option<FireRow>,
    /// From where its next fire is counted, in milliseconds since 1970; `None` if no daemon has seen it.
    pub counted_from: Option<i64>,
}
