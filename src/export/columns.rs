//! The columns after the fixed ones: those that the job chose, or every leaf found.

use super::LookupHead;
use super::body::Body;
use super::files::ExportError;
use super::leaves::{Leaves, Noted, TooMany, pointers};
use crate::domain::redact::{Apart, scrub};
use crate::job::{Column, Format, Output, Shape};
use serde_json::Value;
use std::collections::BTreeSet;

/// In how many answers a column was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnCount {
    /// The header. In the name of a leaf that was found, anything like a number of a person is masked.
    pub name: String,
    /// Answers with something other than null at the pointer.
    pub found: u64,
    /// Answers that were looked into.
    pub answers: u64,
    /// Whether the job chose it. Such a column that no answer has is most likely a slip in its pointer; a leaf that was
    /// discovered and holds null alone is none.
    pub chosen: bool,
    /// Where no answer has it: the pointers there are that come nearest to its own, the nearest first.
    pub near: Vec<String>,
}

/// The columns of one output.
pub(super) struct Columns {
    kind: Kind,
    /// Answers looked into, by lookup.
    answers: Vec<u64>,
    /// Pointers of the first answers, where a chosen column was not found in them.
    there: BTreeSet<String>,
    sampled: u32,
}

/// So many answers tell which pointers there are, and so many pointers are kept of them.
const SAMPLE: u32 = 200;
const MOST_POINTERS: usize = 2_000;

/// So many pointers are named beside a column that no answer has.
const MOST_NEAR: usize = 3;

enum Kind {
    /// JSON without chosen columns: the answers stand whole under `report`.
    None,
    Chosen(Vec<Chosen>),
    Found(Found),
}

struct Chosen {
    name: String,
    pointer: String,
    /// The place of the lookup it comes from; in long outputs `None` if it comes from each.
    lookup: Option<usize>,
    found: u64,
}

/// Leaves, in one tree for all lookups (long) or in one for each (wide).
struct Found {
    trees: Vec<Tree>,
    noted: Noted,
    names: Vec<String>,
    /// The lookup of each name, where trees are the lookups' own.
    lookups: Vec<Option<usize>>,
    counts: Vec<u64>,
}

struct Tree {
    /// What stands before the pointer.
    prefix: String,
    leaves: Leaves,
}

impl Columns {
    pub(super) fn begin(output: &Output, heads: &[LookupHead]) -> Result<Self, ExportError> {
        let kind = match &output.columns {
            Some(chosen) => {
                let chosen = chosen.iter().map(|column| Chosen::begin(column, output.shape, heads));
                Kind::Chosen(chosen.collect::<Result<_, _>>()?)
            }
            None if output.format == Format::Csv => Kind::Found(Found::begin(output.shape, heads)),
            None => Kind::None,
        };
        Ok(Self { kind, answers: vec![0; heads.len()], there: BTreeSet::new(), sampled: 0 })
    }

    pub(super) fn need_discovery(&self) -> bool {
        matches!(self.kind, Kind::Found(_))
    }

    /// Whether a row cannot be written without looking into its answers.
    pub(super) fn need_answers(&self) -> bool {
        match &self.kind {
            Kind::None => false,
            Kind::Chosen(chosen) => !chosen.is_empty(),
            Kind::Found(found) => !found.names.is_empty(),
        }
    }

    /// Notes the leaves of the answer to the lookup at this place.
    pub(super) fn note(&mut self, at: usize, answer: &Value) -> Result<(), TooMany> {
        match &mut self.kind {
            Kind::Found(found) => {
                let tree = found.tree_of(at);
                let Some(tree) = found.trees.get_mut(tree) else { return Ok(()) };
                tree.leaves.note(answer, &mut found.noted)
            }
            Kind::None | Kind::Chosen(_) => Ok(()),
        }
    }

    /// All leaves are known: gives each its cell, sorted by name.
    pub(super) fn settle(&mut self) {
        if let Kind::Found(found) = &mut self.kind {
            found.settle();
        }
    }

    /// The headers; with `mask`, keys of answers that look like numbers are masked.
    pub(super) fn names(&self, mask: bool) -> Vec<String> {
        match &self.kind {
            Kind::None => Vec::new(),
            Kind::Chosen(chosen) => chosen.iter().map(|column| column.name.clone()).collect(),
            Kind::Found(found) if mask => distinct(found.names.iter().map(|name| scrub(name))),
            Kind::Found(found) => found.names.clone(),
        }
    }

    /// The row's cells out of the answers that it shows, and counts them.
    pub(super) fn cells<'a>(&mut self, answers: &[(usize, Body<'a>)]) -> Vec<Option<&'a Value>> {
        for (at, body) in answers {
            if let (Some(_), Some(count)) = (body.json(), self.answers.get_mut(*at)) {
                *count += 1;
            }
        }
        match &mut self.kind {
            Kind::None => Vec::new(),
            Kind::Chosen(chosen) => {
                let cells = chosen.iter_mut().map(|column| column.cell(answers)).collect();
                if self.sampled < SAMPLE && chosen.iter().any(|column| column.found == 0) {
                    for answer in answers.iter().filter_map(|(_, body)| body.json()) {
                        self.sampled += 1;
                        pointers(answer, MOST_POINTERS, &mut self.there);
                    }
                }
                cells
            }
            Kind::Found(found) => found.cells(answers),
        }
    }

    /// The pointers there are that come nearest to one that no answer has: first those that end in the same name, be it in
    /// other letters.
    fn near(&self, pointer: &str) -> Vec<String> {
        let name = |pointer: &str| pointer.rsplit('/').next().unwrap_or_default().to_lowercase();
        let (wanted, last) = (pointer.to_lowercase(), name(pointer));
        let mut near: Vec<_> = self
            .there
            .iter()
            .map(|there| {
                let distance = distance(&wanted, &there.to_lowercase());
                (name(there) != last, distance, there)
            })
            .filter(|(other, distance, there)| !other || *distance <= wanted.len().max(there.len()) / 3)
            .collect();
        near.sort();
        near.into_iter().take(MOST_NEAR).map(|(.., there)| scrub(there)).collect()
    }

    /// What the summary tells.
    pub(super) fn counts(&self) -> Vec<ColumnCount> {
        let all: u64 = self.answers.iter().sum();
        let answers = |lookup: Option<usize>| match lookup {
            Some(at) => self.answers.get(at).copied().unwrap_or_default(),
            None => all,
        };
        match &self.kind {
            Kind::None => Vec::new(),
            Kind::Chosen(chosen) => chosen
                .iter()
                .map(|column| ColumnCount {
                    name: column.name.clone(),
                    found: column.found,
                    answers: answers(column.lookup),
                    chosen: true,
                    near: if column.found == 0 { self.near(&column.pointer) } else { Vec::new() },
                })
                .collect(),
            Kind::Found(found) => (found.names.iter().zip(&found.lookups).zip(&found.counts))
                .map(|((name, lookup), count)| ColumnCount {
                    name: scrub(name),
                    found: *count,
                    answers: answers(*lookup),
                    chosen: false,
                    near: Vec::new(),
                })
                .collect(),
        }
    }
}

/// Names told apart where they are the same, as those of numbers are that were masked: `/by/***`, `/by/*** (2)`.
fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    let (mut taken, mut apart) = (BTreeSet::new(), Apart::default());
    let free = |name: String| {
        let free = apart.name(name, |name| taken.contains(name));
        taken.insert(free.clone());
        free
    };
    names.map(free).collect()
}

/// How far two pointers are from each other, in letters that are to be changed. Nobody mistypes a name of hundreds of letters,
/// and to compare such takes their product in time.
fn distance(one: &str, other: &str) -> usize {
    const LONGEST: usize = 200;
    if one.len().max(other.len()) > LONGEST { usize::MAX } else { strsim::damerau_levenshtein(one, other) }
}

impl Chosen {
    fn begin(column: &Column, shape: Shape, heads: &[LookupHead]) -> Result<Self, ExportError> {
        let place = |id: &String| {
            let at = heads.iter().position(|head| head.id == *id);
            at.ok_or_else(|| ExportError::NoLookup { column: column.name.clone(), lookup: id.clone() })
        };
        let lookup = match (&column.lookup, shape) {
            (Some(id), _) => Some(place(id)?),
            (None, Shape::Wide) if heads.len() > 1 => {
                return Err(ExportError::WhichLookup(column.name.clone()));
            }
            (None, Shape::Wide) => Some(0),
            (None, Shape::Long) => None,
        };
        Ok(Self { name: column.name.clone(), pointer: column.pointer.clone(), lookup, found: 0 })
    }

    fn cell<'a>(&mut self, answers: &[(usize, Body<'a>)]) -> Option<&'a Value> {
        let (_, body) = answers.iter().find(|(at, _)| self.lookup.is_none_or(|lookup| lookup == *at))?;
        let cell = body.json()?.pointer(&self.pointer).filter(|value| !value.is_null());
        self.found += u64::from(cell.is_some());
        cell
    }
}

impl Found {
    fn begin(shape: Shape, heads: &[LookupHead]) -> Self {
        let own = shape == Shape::Wide && heads.len() > 1;
        let prefixes =
            if own { heads.iter().map(|head| head.id.clone()).collect() } else { vec![String::new()] };
        let trees = prefixes.into_iter().map(|prefix| Tree { prefix, leaves: Leaves::default() }).collect();
        Self { trees, noted: Noted::default(), names: Vec::new(), lookups: Vec::new(), counts: Vec::new() }
    }

    /// The tree in which the leaves of this lookup stand.
    fn tree_of(&self, lookup: usize) -> usize {
        if self.trees.len() > 1 { lookup } else { 0 }
    }

    fn settle(&mut self) {
        let mut named = Vec::with_capacity(self.noted.leaves);
        for (at, tree) in self.trees.iter().enumerate() {
            let lookup = (self.trees.len() > 1).then_some(at);
            let mut names = Vec::new();
            tree.leaves.names(&tree.prefix, &mut names);
            named.extend(names.into_iter().map(|name| (name, lookup)));
        }
        named.sort();
        (self.names, self.lookups) = named.into_iter().unzip();
        self.counts = vec![0; self.names.len()];
        for tree in &mut self.trees {
            tree.leaves.settle(&tree.prefix, &self.names);
        }
    }

    fn cells<'a>(&mut self, answers: &[(usize, Body<'a>)]) -> Vec<Option<&'a Value>> {
        let mut cells = vec![None; self.names.len()];
        for (at, body) in answers {
            if let (Some(tree), Some(answer)) = (self.trees.get(self.tree_of(*at)), body.json()) {
                tree.leaves.lay(answer, &mut cells);
            }
        }
        for (count, cell) in self.counts.iter_mut().zip(&cells) {
            *count += u64::from(cell.is_some_and(|value| !value.is_null()));
        }
        cells
    }
}
