//! Shell completions and man pages, made from the definition of the command line.

use crate::cli::args::Cli;
use crate::cli::console::print;
use clap::CommandFactory;
use clap_complete::Shell;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Prints the completion script of a shell.
pub fn completions(shell: Shell, out: &mut impl Write) -> io::Result<()> {
    // Into memory first: the generator panics where its sink refuses, and `| head` does.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "orgpull", &mut script);
    print(out, &String::from_utf8_lossy(&script))
}

/// Prints the man page of the program.
pub fn man(out: &mut impl Write) -> io::Result<()> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    print(out, &String::from_utf8_lossy(&page))
}

/// Writes the man pages of the program and of every command into a folder, which is made where it is not there.
pub fn man_pages(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    clap_mangen::generate_to(Cli::command(), dir)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    fn commands() -> Vec<String> {
        Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
    }

    #[test]
    fn every_shell_completes_every_command_and_nothing_that_is_planned() {
        for shell in Shell::value_variants() {
            let mut script = Vec::new();
            completions(*shell, &mut script).unwrap();
            let script = String::from_utf8(script).unwrap();
            for command in commands() {
                assert!(script.contains(&command), "{shell}: {command}");
            }
            for planned in ["purge", "parquet"] {
                assert!(!script.contains(planned), "{shell}: {planned}");
            }
        }
    }

    #[test]
    fn a_page_for_the_program_and_one_for_every_command() {
        let mut page = Vec::new();
        man(&mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        assert!(page.contains(".TH orgpull 1") && page.contains("stopped by a signal"), "{page}");

        let dir = tempfile::tempdir().unwrap();
        let pages = dir.path().join("share/man1");
        man_pages(&pages).unwrap();
        for command in commands() {
            assert!(pages.join(format!("orgpull-{command}.1")).is_file(), "{command}");
        }
        assert!(pages.join("orgpull.1").is_file());
    }
}
