//! The program: one call and an exit code.

/// Each lookup allocates some hundreds of small values on one thread and frees them on another, which glibc's allocator
/// answers with a tenth of the processor time of a run at full speed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    orgpull::cli::main(std::env::args_os())
}
