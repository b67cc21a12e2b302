//! Circles among the files: whoever is in one can be understood, tested and changed only together with the others.
//!
//! A file uses another where it names something of it, wherever it does so. A name that a module only hands on (`pub use`)
//! is that of the file which has it; that a module declares its children and hands on their names is no use of them. What is
//! compiled for tests alone may look wherever it likes.

use super::Source;
use super::code::{Code, Named};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How often a name may be handed on before it is taken to be at home.
const MOST_HANDS: usize = 8;

/// The files, and who uses whom.
pub(crate) struct Files<'s> {
    files: Vec<FileOf<'s>>,
    /// Where each module is, by its path.
    modules: BTreeMap<Vec<String>, usize>,
}

struct FileOf<'s> {
    source: &'s Source,
    code: &'s Code,
    /// The path of its module; empty for the crate's own.
    module: Vec<String>,
    /// Names that stand in the file and are at home elsewhere.
    bound: BTreeMap<String, Vec<String>>,
}

/// One use: by which file, of which, and in which line.
type Use = (usize, usize, usize);

impl<'s> Files<'s> {
    /// Of sources that are not compiled for tests only.
    pub(crate) fn of(read: impl Iterator<Item = (&'s Source, &'s Code)>) -> Self {
        let module = |source: &Source| source.modules().into_iter().filter(|name| name != "lib").collect();
        let mut files: Vec<FileOf<'s>> = read
            .map(|(source, code)| FileOf { source, code, module: module(source), bound: BTreeMap::new() })
            .collect();
        let modules: BTreeMap<_, _> =
            files.iter().enumerate().map(|(at, file)| (file.module.clone(), at)).collect();
        for file in &mut files {
            file.bound =
                file.names(&modules).into_iter().map(|(_, Named { path, name })| (name, path)).collect();
        }
        Self { files, modules }
    }

    /// Every use, each once.
    fn uses(&self) -> Vec<Use> {
        let mut uses = BTreeMap::new();
        for (by, file) in self.files.iter().enumerate() {
            for (at, Named { path, .. }) in file.named(&self.modules) {
                let Some(of) = self.home(&path, 0).filter(|of| *of != by) else { continue };
                let handed_on = file.code.used_at(at) == Some(true) && path.starts_with(&file.module);
                if !handed_on {
                    uses.entry((by, of)).or_insert(file.code.words[at].line);
                }
            }
        }
        uses.into_iter().map(|((by, of), line)| (by, of, line)).collect()
    }

    /// The file in which what a path names is at home.
    fn home(&self, path: &[String], hands: usize) -> Option<usize> {
        let known =
            (0..=path.len()).rev().find_map(|length| Some((length, self.modules.get(&path[..length])?)));
        let (length, at) = known?;
        let elsewhere = path.get(length).and_then(|name| self.files[*at].bound.get(name));
        match elsewhere {
            Some(elsewhere) if hands < MOST_HANDS => {
                self.home(&[elsewhere, &path[length + 1..]].concat(), hands + 1).or(Some(*at))
            }
            _ => Some(*at),
        }
    }

    /// One circle of each knot of files, the shortest through its first file, as `path:line: …`.
    pub(crate) fn circles(&self) -> Vec<String> {
        let mut users: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
        for (by, of, line) in self.uses() {
            users.entry(by).or_default().push((of, line));
        }
        let (mut told, mut circles) = (BTreeSet::new(), Vec::new());
        for first in 0..self.files.len() {
            let Some(circle) = around(first, &users).filter(|_| !told.contains(&first)) else { continue };
            let reached = reach(first, &users);
            told.extend(reached.into_iter().filter(|other| reach(*other, &users).contains(&first)));
            let path = |at: &usize| self.files[*at].source.path.as_str();
            let line =
                users[&first].iter().find(|(of, _)| Some(of) == circle.get(1)).map_or(1, |(_, line)| *line);
            let names: Vec<&str> = circle.iter().map(path).collect();
            circles.push(format!("{}:{line}: a circle: {}", names[0], names.join(" → ")));
        }
        circles
    }
}

impl FileOf<'_> {
    /// Every path in code that is compiled for more than tests, and where it begins.
    fn named(&self, modules: &BTreeMap<Vec<String>, usize>) -> Vec<(usize, Named)> {
        let is_child =
            |name: &str| modules.contains_key(&[self.module.as_slice(), &[name.to_owned()]].concat());
        let mut named = Vec::new();
        for at in (0..self.code.words.len()).filter(|at| !self.code.words[*at].test) {
            let found =
                [self.code.imported(at, &self.module), self.code.of_child(at, &self.module, is_child)];
            named.extend(found.into_iter().flatten().map(|one| (at, one)));
        }
        named
    }

    /// The names that `use` brings into the file.
    fn names(&self, modules: &BTreeMap<Vec<String>, usize>) -> Vec<(usize, Named)> {
        let mut named = self.named(modules);
        named.retain(|(at, _)| self.code.words[*at].inline == 0 && self.code.used_at(*at).is_some());
        named
    }
}

/// Whoever is used by a file, by those that it uses, and so on.
fn reach(from: usize, users: &BTreeMap<usize, Vec<(usize, usize)>>) -> BTreeSet<usize> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(by) = open.pop() {
        for (of, _) in users.get(&by).into_iter().flatten() {
            if reached.insert(*of) {
                open.push(*of);
            }
        }
    }
    reached
}

/// The shortest way from a file back to itself.
fn around(first: usize, users: &BTreeMap<usize, Vec<(usize, usize)>>) -> Option<Vec<usize>> {
    let (mut came_from, mut open) = (BTreeMap::new(), VecDeque::from([first]));
    while let Some(by) = open.pop_front() {
        for (of, _) in users.get(&by).into_iter().flatten() {
            if *of == first {
                let mut way = vec![first, by];
                while let Some(before) = way.last().and_then(|at| came_from.get(at)) {
                    way.push(*before);
                }
                way.reverse();
                if way.len() > 2 || by == first {
                    way.push(first);
                }
                way.dedup();
                return Some(way);
            }
            if !came_from.contains_key(of) {
                came_from.insert(*of, by);
                open.push_back(*of);
            }
        }
    }
    None
}
