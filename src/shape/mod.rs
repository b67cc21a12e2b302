//! The shape of the files that people write: one description of keys, values, defaults and meaning, from which come
//! the strict check (`walk`), the reading with defaults (`view`) and the JSON Schema for editors (`schema`).
//!
//! A key that DESIGN.md names and that is not built yet is described too, as `NotYet`, so that it is refused by name
//! rather than as a slip of the keyboard. What depends on more than one value (a service that does not exist, two keys
//! that exclude one another) is not shape; the rooms that read the file check it and add their problems to these.

mod address;
mod configuration;
mod document;
mod format;
mod job;
mod provider;
pub mod schema;
mod suggestion;
mod view;
mod walk;

pub use address::check_address;
pub use configuration::{ACCOUNT, CONFIGURATION};
pub use document::Document;
pub use format::Text;
pub(crate) use format::file_mode;
pub use job::JOB;
pub use provider::PROVIDER;
pub use suggestion::{alike, known_here, nearest, suggestion};
pub use view::{Item, View};

/// A table: its keys, and nothing else.
#[derive(Debug)]
pub struct Table {
    /// What it is called in messages: `[input]`, `the job file`.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Every key it may hold.
    pub keys: &'static [Key],
}

/// One key of a table.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// What its value must be.
    pub kind: Kind,
    /// Whether a file can do without it.
    pub need: Need,
    /// Whether it has an effect in this version.
    pub state: State,
}

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Text in some format.
    Text(Text),
    /// `true` or `false`.
    Bool,
    /// A whole number within these bounds, of at most nine digits: messages name them, and what could be somebody's
    /// number is masked there.
    Integer {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// One of these words.
    Word {
        /// The words that work.
        built: &'static [&'static str],
        /// Those that are promised.
        not_yet: &'static [&'static str],
    },
    /// A table.
    Table(&'static Table),
    /// An array of tables.
    Tables(&'static Table),
    /// A table whose keys the user chooses, and what each value must be.
    Map(&'static Kind),
    /// A table of anything; the room that reads it looks within.
    Tree,
    /// A list.
    List {
        /// What each element must be.
        item: &'static Kind,
        /// Whether an empty list is a mistake.
        filled: bool,
    },
    /// Any of these, told apart by their TOML types.
    Either(&'static [Kind]),
    /// Where a secret is: a table with exactly one of three keys. Never the secret itself.
    Secret,
    /// A date without quotes.
    Date,
}

/// Whether a table can do without a key.
#[derive(Debug, Clone, Copy)]
pub enum Need {
    /// It cannot.
    Required,
    /// It can, and nothing takes its place.
    Optional,
    /// It can, and this takes its place.
    Default(Literal),
}

/// A default.
#[derive(Debug, Clone, Copy)]
pub enum Literal {
    /// Text.
    Text(&'static str),
    /// A whole number.
    Integer(u64),
    /// `true` or `false`.
    Bool(bool),
}

/// Whether a key has an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has.
    Built,
    /// It will; until then it is refused.
    NotYet,
}

/// Where a secret is: exactly one of these.
pub static SECRET: Table = Table {
    name: "a secret",
    about: "Where the secret is: exactly one of env, file, command. Never the secret itself.",
    keys: &[
        Key::text("env", Text::Filled, "Name of an environment variable that holds it."),
        Key::text("file", Text::Filled, "A file that holds it and nothing else; relative to this file."),
        Key::new(
            "command",
            Kind::List { item: &Kind::Text(Text::Free), filled: true },
            "A program and its arguments; what it writes to standard output is the secret. No shell is involved.",
        ),
    ],
};

impl Table {
    /// The key of that name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The names of the keys that work.
    pub fn built(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().filter(|key| key.state == State::Built).map(|key| key.name)
    }
}

impl Key {
    /// A key that may be left out.
    pub(crate) const fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, about, kind, need: Need::Optional, state: State::Built }
    }

    /// A key with text that may be left out.
    pub(crate) const fn text(name: &'static str, format: Text, about: &'static str) -> Self {
        Self::new(name, Kind::Text(format), about)
    }

    /// A key with one of a few words; the first is the default.
    pub(crate) const fn word(
        name: &'static str,
        words: &'static [&'static str],
        about: &'static str,
    ) -> Self {
        Self::new(name, Kind::Word { built: words, not_yet: &[] }, about).or(Literal::Text(words[0]))
    }

    /// A key that is described in DESIGN.md and has no effect yet. Its value is not looked at.
    pub(crate) const fn not_yet(name: &'static str, about: &'static str) -> Self {
        Self { state: State::NotYet, ..Self::new(name, Kind::Bool, about) }
    }

    /// The same, without which a table is not complete.
    pub(crate) const fn required(self) -> Self {
        Self { need: Need::Required, ..self }
    }

    /// The same with a default.
    pub(crate) const fn or(self, default: Literal) -> Self {
        Self { need: Need::Default(default), ..self }
    }
}
