//! The program: one call and an exit code.

fn main() -> std::process::ExitCode {
    orgpull::cli::main(std::env::args_os())
}
