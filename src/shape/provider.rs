//! A provider file of the catalogue.

use super::{Key, Kind, Literal, Table, Text};

const DIGITS: Kind = Kind::Integer { min: 10, max: 12 };

/// `config/providers/*.toml`.
pub static PROVIDER: Table = Table {
    name: "the provider file",
    about: "What a provider is: its addresses, its login and its services.",
    keys: &[
        Key::text("name", Text::Id, "The provider's name, before the dot of a service.").required(),
        Key::text("title", Text::Filled, "The provider, for people.").required(),
        Key::new(
            "dialect",
            Kind::Word { built: &["creditsafe"], not_yet: &["dnb", "generic"] },
            "How its answers are read; a family of answers is code.",
        )
        .required(),
        Key::new(
            "auth",
            Kind::Word { built: &["connect"], not_yet: &["oauth2"] },
            "How it logs in: connect is Creditsafe CONNECT.",
        )
        .required(),
        Key::new(
            "environments",
            Kind::Map(&Kind::Table(&ADDRESSES)),
            "Its environments, by the name that accounts use.",
        )
        .required(),
        Key::new("service", Kind::Tables(&SERVICE), "Its services.").required(),
    ],
};

static ADDRESSES: Table = Table {
    name: "the environment",
    about: "Where an environment is.",
    keys: &[
        Key::text("base_url", Text::Address, "The address of the services.").required(),
        Key::text("token_url", Text::Address, "The full address of the login.").required(),
    ],
};

static SERVICE: Table = Table {
    name: "[[service]]",
    about: "One endpoint.",
    keys: &[
        Key::text("name", Text::Id, "The service's name, after the dot.").required(),
        Key::text("title", Text::Filled, "What it answers, in a sentence.").required(),
        Key::text("path", Text::Filled, "The path below the base address, with a leading slash.").required(),
        Key::text("health", Text::Filled, "The path of the free health address."),
        Key::text("number_param", Text::Filled, "The parameter that carries the number.").required(),
        Key::new(
            "organisation",
            DIGITS,
            "Digits in which an organisation's number is sent; absent: not taken.",
        ),
        Key::new("sole_trader", DIGITS, "Digits in which a sole trader's number is sent; absent: not taken."),
        Key::new("person", DIGITS, "Digits in which a person's number is sent; absent: not taken."),
        Key::text("reference_param", Text::Filled, "The parameter that carries our reference."),
        Key::text(
            "block_param",
            Text::Filled,
            "The parameter that names the block; such a service may post letters.",
        ),
        Key::new("param", Kind::Tables(&PARAM), "Parameters that a job may give."),
    ],
};

static PARAM: Table = Table {
    name: "[[service.param]]",
    about: "One parameter of a service.",
    keys: &[
        Key::text("name", Text::Filled, "Its name on the wire.").required(),
        Key::text("description", Text::Filled, "What it does, in a sentence.").required(),
        Key::new("required", Kind::Bool, "Whether a lookup cannot do without it.").or(Literal::Bool(false)),
        Key::word("kind", &["text", "bool", "date", "choice"], "What its value must be."),
        Key::new(
            "choices",
            Kind::List { item: &Kind::Text(Text::Filled), filled: true },
            "The words of a choice.",
        ),
        Key::new("max_length", Kind::Integer { min: 1, max: 10_000 }, "Most characters of a value."),
        Key::text("pattern", Text::Pattern, "A regular expression that the whole value matches."),
        Key::new("identity", Kind::Bool, "Whether it tells one purchase from another.")
            .or(Literal::Bool(true)),
    ],
};
