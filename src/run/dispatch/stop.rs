//! What signals ask of a run.

/// What signals ask of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopRequest {
    /// Nothing.
    None,
    /// Send nothing new; what is in flight finishes.
    Drain,
    /// End now; what is in flight becomes `unknown`.
    Abort,
}
