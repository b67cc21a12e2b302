//! Shell completions and man pages, made from the definition of the command line.

use crate::cli::args::Cli;
use crate::cli::console::print;
use crate::disk::{self, Change, Draft, Mode, Place, PlaceError, Protected};
use clap::CommandFactory;
use clap_complete::Shell;
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
pub fn man_pages(dir: &Path, protected: &Protected) -> Result<(), PlaceError> {
    let failed = |action| move |cause| PlaceError::Io { action, path: dir.to_owned(), cause };
    // The generator opens its files as they come; nobody else has put anything into this folder.
    let made = disk::temporary_folder().map_err(failed("write"))?;
    clap_mangen::generate_to(Cli::command(), made.path()).map_err(failed("write"))?;
    let mut changes = Vec::new();
    for page in made.path().read_dir().map_err(failed("write"))? {
        let page = page.map_err(failed("write"))?;
        let place = Place::public(dir.join(page.file_name()), protected)?;
        let mut draft = Draft::create(place, Mode::Public)?;
        let copied = disk::named(&page.path()).and_then(|mut page| io::copy(&mut page, &mut draft));
        copied.map_err(failed("write"))?;
        changes.push(Change::Put(draft.seal()?));
    }
    disk::publish(changes)
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
            for planned in ["freeze", "parquet"] {
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
        man_pages(&pages, &Protected::new()).unwrap();
        for command in commands() {
            assert!(pages.join(format!("orgpull-{command}.1")).is_file(), "{command}");
        }
        assert!(pages.join("orgpull.1").is_file());
    }
}
