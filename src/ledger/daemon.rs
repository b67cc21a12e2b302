//! Daemons on a ledger.

/// A daemon as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonRow {
    /// Its name in the ledger.
    pub daemon: String,
    /// Its process.
    pub pid: u32,
    /// Its machine.
    pub host: String,
    /// The folder that it watches.
    pub folder: String,
    /// The names of the jobs with a schedule in it.
    pub jobs: Vec<String>,
    /// Milliseconds since 1970.
    pub started_at: i64,
    /// Its last heartbeat, in milliseconds since 1970.
    pub beat_at: i64,
}
