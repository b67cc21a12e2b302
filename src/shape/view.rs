//! Reading a parsed file with its shape's defaults.
//!
//! A view is lenient: what has the wrong type reads as if it were absent, because the walk has told it already, and the
//! rooms that read go on to find their own problems in the rest. What was read is only used where there are none.

use super::{Kind, Literal, Need, Table, walk};
use crate::domain::budget::Limit;
use crate::domain::money::Ore;
use crate::domain::pace::parse_span;
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

static UNKNOWN: Table = Table { name: "", about: "", keys: &[] };

/// One table of a file, or its absence.
#[derive(Clone)]
pub struct View<'t> {
    shape: &'static Table,
    table: Option<&'t DeTable<'t>>,
    header: Range<usize>,
}

/// A text with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item<'t> {
    /// The text.
    pub text: &'t str,
    /// Where it stands.
    pub span: Range<usize>,
}

impl<'t> View<'t> {
    pub(super) fn new(shape: &'static Table, table: Option<&'t DeTable<'t>>, header: Range<usize>) -> Self {
        Self { shape, table, header }
    }

    /// A table that no file has: it reads as the defaults.
    pub fn absent(shape: &'static Table) -> Self {
        Self::new(shape, None, 0..0)
    }

    /// The place of the table's header.
    pub fn header(&self) -> Range<usize> {
        self.header.clone()
    }

    /// Whether the file gives this key.
    pub fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// Whether a key that the table does not know stands there in the place of this one, as has been told.
    pub fn misspells(&self, key: &str) -> bool {
        self.table.is_some_and(|table| walk::is_misspelt(self.shape, table, key))
    }

    /// Whether a key holds a list with nothing in it.
    pub fn is_empty_list(&self, key: &str) -> bool {
        self.value(key).and_then(|value| value.get_ref().as_array()).is_some_and(|list| list.is_empty())
    }

    /// The place of a key's value, else of the header.
    pub fn place(&self, key: &str) -> Range<usize> {
        self.value(key).map_or_else(|| self.header(), Spanned::span)
    }

    /// The value of a key, as the file gives it.
    pub fn value(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.table?.get(key)
    }

    /// A text as the file gives it, with its place.
    pub fn item(&self, key: &str) -> Option<Item<'t>> {
        item(self.value(key)?)
    }

    /// A text or word, else its default.
    pub fn text(&self, key: &str) -> Option<&'t str> {
        let given = self.item(key).map(|item| item.text);
        given.or_else(|| match self.default(key) {
            Some(Literal::Text(text)) => Some(text),
            _ => None,
        })
    }

    /// A text or word that is its own, else its default.
    pub fn owned(&self, key: &str) -> Option<String> {
        self.text(key).map(str::to_owned)
    }

    /// `true` or `false`, else the default, else `false`.
    pub fn flag(&self, key: &str) -> bool {
        let given = self.value(key).and_then(|value| value.get_ref().as_bool());
        given.unwrap_or(matches!(self.default(key), Some(Literal::Bool(true))))
    }

    /// A whole number, else the default.
    pub fn integer(&self, key: &str) -> Option<u64> {
        let given = self.value(key).and_then(|value| value.get_ref().as_integer()).and_then(whole);
        given.or(match self.default(key) {
            Some(Literal::Integer(number)) => Some(number),
            _ => None,
        })
    }

    /// A whole number that the shape bounds to 32 bits, else the default.
    pub fn small(&self, key: &str) -> Option<u32> {
        self.integer(key).and_then(|number| u32::try_from(number).ok())
    }

    /// A span of time, else the default, else none at all.
    pub fn duration(&self, key: &str) -> Duration {
        self.text(key).and_then(|text| parse_span(text).ok()).unwrap_or_default()
    }

    /// A whole share in percent.
    pub fn percent(&self, key: &str) -> Option<u8> {
        self.text(key)?.strip_suffix('%')?.parse().ok()
    }

    /// Whether a table is there that says nothing, but for what it warns of.
    pub fn is_idle(&self, key: &str) -> bool {
        let table = self.value(key).and_then(|value| value.get_ref().as_table());
        table.is_some_and(|table| table.keys().all(|key| key.get_ref() == "warn_at"))
    }

    /// `max_calls` and `max_cost`.
    pub fn limit(&self) -> Limit {
        Limit {
            max_calls: self.integer("max_calls"),
            max_cost: self.text("max_cost").and_then(|cost| Ore::parse_sek(cost).ok()),
        }
    }

    /// The texts of a list.
    pub fn list(&self, key: &str) -> Vec<Item<'t>> {
        let array = self.value(key).and_then(|value| value.get_ref().as_array());
        array.map(|array| array.iter().filter_map(item).collect()).unwrap_or_default()
    }

    /// A table within, which may be absent.
    #[must_use]
    pub fn table(&self, key: &str) -> Self {
        let table = self.value(key).and_then(|value| value.get_ref().as_table());
        Self::new(self.inner(key), table, self.place(key))
    }

    /// An array of tables; a table alone is one of one.
    pub fn tables(&self, key: &str) -> Vec<Self> {
        if self.value(key).is_some_and(|value| value.get_ref().is_table()) {
            return vec![self.table(key)];
        }
        let array = self.value(key).and_then(|value| value.get_ref().as_array());
        let elements = array.into_iter().flat_map(|array| array.iter());
        elements
            .filter_map(|value| {
                Some(Self::new(self.inner(key), Some(value.get_ref().as_table()?), value.span()))
            })
            .collect()
    }

    /// The keys of a table whose keys the user chooses, with their values.
    pub fn entries(&self, key: &str) -> Vec<(Item<'t>, &'t Spanned<DeValue<'t>>)> {
        let table = self.value(key).and_then(|value| value.get_ref().as_table());
        let entries = table.into_iter().flat_map(|table| table.iter());
        entries.map(|(name, value)| (Item { text: name.get_ref(), span: name.span() }, value)).collect()
    }

    /// The tables of a table whose keys the user chooses.
    pub fn named_tables(&self, key: &str) -> Vec<(Item<'t>, Self)> {
        let named = self.entries(key).into_iter();
        named
            .filter_map(|(name, value)| {
                let view = Self::new(self.inner(key), Some(value.get_ref().as_table()?), value.span());
                Some((name, view))
            })
            .collect()
    }

    fn default(&self, key: &str) -> Option<Literal> {
        match self.shape.key(key)?.need {
            Need::Default(literal) => Some(literal),
            Need::Required | Need::Optional => None,
        }
    }

    fn inner(&self, key: &str) -> &'static Table {
        match self.shape.key(key).map(|key| key.kind) {
            Some(Kind::Table(table) | Kind::Tables(table) | Kind::Map(&Kind::Table(table))) => table,
            Some(Kind::Secret) => &super::SECRET,
            Some(Kind::Either(kinds)) => {
                let table = |kind: &Kind| match kind {
                    Kind::Secret => Some(&super::SECRET),
                    Kind::Table(table) | Kind::Tables(table) => Some(*table),
                    _ => None,
                };
                kinds.iter().find_map(table).unwrap_or(&UNKNOWN)
            }
            _ => &UNKNOWN,
        }
    }
}

fn item<'t>(value: &'t Spanned<DeValue<'t>>) -> Option<Item<'t>> {
    Some(Item { text: value.get_ref().as_str()?, span: value.span() })
}

fn whole(number: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}
