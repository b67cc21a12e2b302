//! What a configuration names and does not hold: secrets, and where the log of who did what goes beside the ledger.

use super::Reader;
use crate::config::resolve;
use crate::config::secret::Secret;
use crate::domain::sink::Sink;
use crate::problem::Problem;
use crate::shape::View;
use std::path::Path;

impl Reader<'_> {
    /// Where the log goes beside the ledger.
    pub(super) fn sink(&mut self, audit: &View<'_>) -> Option<Sink> {
        let view = audit.table("sink");
        match (view.has("file"), view.has("command")) {
            (true, false) => view.text("file").map(|file| Sink::File(resolve(self.folder, Path::new(file)))),
            (false, true) => Some(Sink::Command(self.words(&view))),
            // Where there is no table, that is told.
            _ if audit.value("sink").is_none_or(|sink| sink.get_ref().as_table().is_none()) => None,
            _ => {
                let problem = Problem::new(audit.place("sink"), "a sink is exactly one of `file`, `command`");
                self.problems.push(problem.help("such as { file = \"audit.jsonl\" }"));
                None
            }
        }
    }

    pub(super) fn secret(&self, view: &View<'_>, key: &str) -> Secret {
        self.place_of(&view.table(key))
    }

    pub(super) fn place_of(&self, place: &View<'_>) -> Secret {
        if let Some(name) = place.owned("env") {
            return Secret::Env(name);
        }
        if let Some(file) = place.text("file") {
            return Secret::File(resolve(self.folder, Path::new(file)));
        }
        Secret::Command(self.words(place))
    }

    /// A program and its arguments. A bare name is looked up in PATH; one with a slash is a path, and relative to the file as
    /// every path in it.
    fn words(&self, place: &View<'_>) -> Vec<String> {
        let mut words: Vec<String> = place.list("command").iter().map(|word| word.text.to_owned()).collect();
        if let Some(program) = words.first_mut().filter(|program| program.contains('/')) {
            *program = resolve(self.folder, Path::new(program.as_str())).display().to_string();
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::catalogue::Catalogue;
    use crate::config::{Settings, parse};
    use crate::problem::Problems;

    fn read(text: &str) -> Result<Settings, Problems> {
        parse(Path::new("/etc/orgpull.toml"), text, Catalogue::built_in())
    }

    #[test]
    fn a_sink_is_a_file_or_a_program() {
        assert_eq!(read("").unwrap().sink, None);
        let file = read("[audit]\nsink = { file = 'log/audit.jsonl' }").unwrap();
        assert_eq!(file.sink, Some(Sink::File("/etc/log/audit.jsonl".into())));
        assert!(file.protected.what(Path::new("/etc/log/audit.jsonl")).is_some());
        let command = read("[audit]\nsink = { command = ['./ship', 'x'] }").unwrap();
        assert_eq!(command.sink, Some(Sink::Command(vec!["/etc/ship".into(), "x".into()])));
        assert_eq!(
            command.simulated("http://127.0.0.1:1").sink,
            None,
            "what is made up is nobody's business"
        );
        for (text, said) in [
            ("[audit]\n", "`[sink]` is missing in [audit]"),
            ("[audit]\nsink = {}", "exactly one of `file`, `command`"),
            ("[audit]\nsink = { file = 'a', command = ['b'] }", "exactly one of `file`, `command`"),
            ("[audit]\nsink = 'audit.jsonl'", "where a table is expected"),
            ("[audit]\nsink = { command = [] }", "this list is empty"),
            ("[audit]\nsink = { file = 3 }", "where text in quotes is expected"),
            ("[audit]\nsnik = { file = 'a' }", "did you mean `sink`?"),
        ] {
            let problems = read(text).unwrap_err();
            assert_eq!(problems.list.len(), 1, "{text}: {problems}");
            assert!(problems.render().contains(said), "{said}: {problems}");
        }
    }
}
