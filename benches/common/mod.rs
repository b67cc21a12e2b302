//! What the benchmarks share: an upstream in a process of its own, a job in a folder of its own, processes that are
//! measured, and the bare loop that everything is compared with.
//!
//! Every benchmark runs the release binary as a user would, from a job file to a finished output. The folders lie below
//! `target/tmp`, so that the ledger is on the disk that the checkout is on and not on a memory file system.

#![allow(dead_code, reason = "each benchmark uses a part of this")]

pub(crate) mod arguments;
pub(crate) mod bare;
pub(crate) mod figures;
pub(crate) mod folder;
pub(crate) mod process;
pub(crate) mod upstream;

use arguments::Arguments;

/// A benchmark that cannot go on says why and ends.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Starts a benchmark, or the bare loop where this process was started for it. Anything but `cargo bench` (such as
/// `cargo test --all-targets`) only learns that the program starts.
pub(crate) fn start<F: Future<Output = Result<()>>>(benchmark: impl FnOnce(Arguments) -> F) -> Result<()> {
    let arguments = Arguments::of_this_process();
    if arguments.has(bare::WORD) {
        return bare::run(&arguments);
    }
    if !arguments.has("--bench") {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(benchmark(arguments))
}
