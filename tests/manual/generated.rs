//! The tables of the manual that are made from the code: keys of our files from `shape`, services from the catalogue,
//! commands from the command line.

use orgpull::cli::args;
use orgpull::cli::term_style::TermStyle;
use orgpull::config::catalogue::{Catalogue, Digits, Service};
use orgpull::domain::number::Kind as Number;
use orgpull::shape::{CONFIGURATION, JOB, Key, Kind, Literal, Need, PROVIDER, SECRET, State, Table, Text};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ptr;

/// A page's table stands between these two; the first names it.
const BEGIN: &str = "<!-- generated: ";
const END: &str = "<!-- /generated -->";

/// No bound of ours is as high: it stands for "any".
const NO_BOUND: u64 = 999_999_999;

/// Every generated table by its name. A table of keys goes by its place in the file.
pub(crate) fn tables() -> BTreeMap<String, String> {
    let mut tables = BTreeMap::new();
    let mut seen = Vec::new();
    for (name, shape) in
        [("job", &JOB), ("configuration", &CONFIGURATION), ("provider", &PROVIDER), ("secret", &SECRET)]
    {
        collect(name, shape, &mut seen, &mut tables);
    }
    tables.insert("services".to_owned(), services());
    tables.insert("commands".to_owned(), commands());
    tables
}

/// The page with its tables as the code has them, which are taken out of `tables`: each stands in one place.
pub(crate) fn written_anew(path: &str, page: &str, tables: &mut BTreeMap<String, String>) -> String {
    let mut written = String::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let (name, after) =
            after.split_once(" -->\n").unwrap_or_else(|| panic!("{path}: a marker without a name"));
        let (_, after) = after.split_once(END).unwrap_or_else(|| panic!("{path}: {name} has no end"));
        let table =
            tables.remove(name).unwrap_or_else(|| panic!("{path}: `{name}` is none, or stands twice"));
        let _ = write!(written, "{before}{BEGIN}{name} -->\n{table}{END}");
        rest = after;
    }
    written + rest
}

/// A table of keys, and those within it that it does not share with an earlier one.
fn collect(
    name: &str,
    shape: &'static Table,
    seen: &mut Vec<&'static Table>,
    tables: &mut BTreeMap<String, String>,
) {
    if seen.iter().any(|other| ptr::eq(*other, shape)) {
        return;
    }
    seen.push(shape);
    tables.insert(name.to_owned(), keys(shape));
    for key in shape.keys {
        if let Some(inner) = table_in(&key.kind) {
            collect(&format!("{name}.{}", key.name), inner, seen, tables);
        }
    }
}

fn table_in(kind: &Kind) -> Option<&'static Table> {
    match kind {
        Kind::Table(shape) | Kind::Tables(shape) => Some(shape),
        Kind::Map(inner) => table_in(inner),
        Kind::Either(kinds) => kinds.iter().find_map(table_in),
        _ => None,
    }
}

fn keys(shape: &Table) -> String {
    let rows = shape.keys.iter().map(|key| {
        let value = if key.state == State::Built { value(&key.kind) } else { String::new() };
        [format!("`{}`", key.name), value, default(key), key.about.replace('|', "\\|")]
    });
    table(["key", "value", "default", "what it says"], rows)
}

fn table<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut text = format!("| {} |\n|{}\n", header.join(" | "), "---|".repeat(N));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    // An empty cell has one blank, as people write it.
    text.replace("|  |", "| |")
}

fn default(key: &Key) -> String {
    match (key.state, key.need) {
        (State::NotYet, _) => "not yet built".to_owned(),
        (_, Need::Required) => "required".to_owned(),
        (_, Need::Optional) => String::new(),
        (_, Need::Default(Literal::Text(text))) => format!("`{text}`"),
        (_, Need::Default(Literal::Integer(number))) => format!("`{number}`"),
        (_, Need::Default(Literal::Bool(flag))) => format!("`{flag}`"),
    }
}

fn value(kind: &Kind) -> String {
    match kind {
        Kind::Text(format) => text(*format).to_owned(),
        Kind::Bool => "`true` or `false`".to_owned(),
        Kind::Integer { min, max: NO_BOUND } => format!("{min} or more"),
        Kind::Integer { min, max } => format!("{min} to {max}"),
        Kind::Word { built, .. } => {
            built.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
        }
        Kind::Table(_) | Kind::Tree => "table".to_owned(),
        Kind::Tables(_) => "tables".to_owned(),
        Kind::Map(inner) => format!("by name: {}", value(inner)),
        Kind::List { item, .. } => format!("list of: {}", value(item)),
        Kind::Either(kinds) => kinds.iter().map(one_of_several).collect::<Vec<_>>().join("; or "),
        Kind::Secret => "place of a secret".to_owned(),
        Kind::Date => "date".to_owned(),
    }
}

/// A kind beside others: what bounds it has is told by its description.
fn one_of_several(kind: &Kind) -> String {
    match kind {
        Kind::Integer { .. } => "number".to_owned(),
        Kind::List { item, .. } => format!("list of: {}", one_of_several(item)),
        _ => value(kind),
    }
}

/// A format in a word; the pages explain the words.
fn text(format: Text) -> &'static str {
    match format {
        Text::Free | Text::Filled | Text::Template | Text::FilledTemplate => "text",
        Text::JobName | Text::Id => "name",
        Text::Span | Text::PositiveSpan => "span",
        Text::Rate => "pace",
        Text::Money => "SEK",
        Text::Percent => "share",
        Text::PercentOrCount => "share or count",
        Text::Pointer => "pointer",
        Text::OutputPath => "path",
        Text::FileMode => "octal digits",
        Text::Address => "address",
        Text::Pattern => "regular expression",
        Text::Zone => "time zone",
        Text::Cron => "cron line",
    }
}

/// What a job may ask, of the providers that are built in.
fn services() -> String {
    let catalogue = Catalogue::built_in();
    let rows = catalogue.references().into_iter().map(|reference| {
        let (_, service) = catalogue.service(&reference).unwrap();
        [format!("`{reference}`"), service.title.clone(), takes(service), parameters(service)]
    });
    table(["service", "what it answers", "takes (digits sent)", "parameters (bold: required)"], rows)
}

fn takes(service: &Service) -> String {
    let kinds = [
        (Number::Organisation, "organisations"),
        (Number::SoleTrader, "sole traders"),
        (Number::Person, "persons"),
    ];
    let taken = kinds.iter().filter_map(|(kind, words)| {
        let digits = match service.digits(*kind)? {
            Digits::Ten => 10,
            Digits::Twelve => 12,
        };
        Some(format!("{words} ({digits})"))
    });
    taken.collect::<Vec<_>>().join(", ")
}

fn parameters(service: &Service) -> String {
    let named = service.params.iter().map(|param| {
        let bold = if param.required { "**" } else { "" };
        format!("{bold}`{}`{bold}", param.name)
    });
    named.collect::<Vec<_>>().join(", ")
}

/// Every command with its flags, in the order of `orgpull --help`.
fn commands() -> String {
    let mut command = args::command(TermStyle::PLAIN);
    command.build();
    let rows = command.get_subcommands().filter(|command| command.get_name() != "help").map(|command| {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let arguments = command.get_arguments().filter(|argument| !argument.is_global_set());
        let (named, flags): (Vec<_>, Vec<_>) = arguments.partition(|argument| argument.is_positional());
        let named: Vec<String> = named.iter().map(ToString::to_string).collect();
        let flags = flags.iter().filter_map(|flag| flag.get_long()).filter(|flag| *flag != "help");
        let flags: Vec<String> = flags.map(|flag| format!("`--{flag}`")).collect();
        let typed = [&[command.get_name().to_owned()], &named[..]].concat().join(" ");
        [format!("`{typed}`"), about, flags.join(" ")]
    });
    table(["command", "does", "flags"], rows)
}
