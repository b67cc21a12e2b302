//! What the process takes of the system, and what the system must not take of it. Each is an attempt: where the system
//! refuses, everything works as it would have.

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

/// Open files that a daemon with many jobs at once may want; more is never asked for.
const OPEN_FILES: u64 = 65_536;

/// Leaves nothing behind in a core file: it would hold numbers, answers, the password and the token.
pub(super) fn disable_core_dumps() {
    let _ =
        setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: getrlimit(Resource::Core).maximum });
    // A collector of cores that the system pipes them to does not ask for the limit.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Has a file that reached the system's limit refuse the write, as a full disk does, rather than end the process. To be
/// called within the runtime.
pub(super) fn ignore_file_size_signal() {
    let _ = signal(SignalKind::from_raw(Signal::XFSZ.as_raw()));
}

/// Lets the process open as many files as it may. The usual limit is made for programs that use `select`.
pub(super) fn raise_open_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(OPEN_FILES).min(OPEN_FILES);
    if limit.current.is_some_and(|current| current < most) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(most), ..limit });
    }
}
