//! A provider file of the catalogue.

use super::{Key, Kind, Literal, Table, Text};

const DIGITS: Kind = Kind::Integer { min: 10, max: 12 };
const FILLED: Kind = Kind::Text(Text::Filled);
const POINTER: Kind = Kind::Text(Text::Pointer);
const STATUS: Kind = Kind::Integer { min: 100, max: 599 };

/// One text, or a list of them.
const TEXTS: Kind = Kind::Either(&[FILLED, Kind::List { item: &FILLED, filled: true }]);
/// One pointer, or a list of them.
const POINTERS: Kind = Kind::Either(&[POINTER, Kind::List { item: &POINTER, filled: true }]);

/// `config/providers/*.toml`, and the user's own.
pub static PROVIDER: Table = Table {
    name: "the provider file",
    about: "What a provider is: its addresses, its login and its services.",
    keys: &[
        Key::text("name", Text::Id, "The provider's name, before the dot of a service.").required(),
        Key::text("title", Text::Filled, "The provider, for people."),
        Key::word(
            "dialect",
            &["generic", "dnb", "creditsafe"],
            "How its answers are read: by the rules of this file, or as those of a known family.",
        ),
        Key::new(
            "auth",
            Kind::Word {
                built: &["connect", "client-credentials-basic", "client-credentials-body", "bearer", "none"],
                not_yet: &[],
            },
            "How it logs in: Creditsafe CONNECT, OAuth2 with the secret in Basic or in the form, a token, or not at all.",
        ),
        Key::new("scope", TEXTS, "Scopes that a login asks for where the account names none."),
        Key::text(
            "requestor_header",
            Text::Filled,
            "The header that tells who asks, on every service that is not exempt.",
        ),
        Key::text("billing", Text::Filled, "What is billed, for people."),
        Key::new(
            "environments",
            Kind::Map(&Kind::Table(&ADDRESSES)),
            "Its environments, by the name that accounts use.",
        ),
        Key::new("answer", Kind::Table(&ANSWER), "Where things stand in its answers."),
        Key::new("rule", Kind::Tables(&RULE), "Rules for the answers of every service, after its own."),
        Key::new("code", Kind::Tables(&CODE), "What its codes mean, for people."),
        Key::new("service", Kind::Tables(&SERVICE), "Its services."),
    ],
};

static ADDRESSES: Table = Table {
    name: "the environment",
    about: "Where an environment is.",
    keys: &[
        Key::text("base_url", Text::Address, "The address of the services.").required(),
        Key::text("token_url", Text::Address, "The full address of the login, where there is one."),
    ],
};

static ANSWER: Table = Table {
    name: "[answer]",
    about: "Where things stand in an answer, as JSON pointers.",
    keys: &[
        Key::new("code", POINTERS, "Where the upstream's code stands: the first that is there."),
        Key::new("text", POINTERS, "Where its words stand: all that are there."),
        Key::text(
            "report",
            Text::Pointer,
            "Where the report stands: without one there an answer is no hit and not partial.",
        ),
        Key::text("log_id", Text::Pointer, "Where its own reference stands."),
        Key::text("letter", Text::Pointer, "Where it says whether a letter of disclosure went out."),
        Key::new(
            "transactionid",
            POINTERS,
            "Where it repeats our reference of the call: an answer with another one is not ours.",
        ),
        Key::new(
            "number",
            POINTERS,
            "Where it says whom it is about, also in each element of a list: without our reference that decides.",
        ),
    ],
};

static RULE: Table = Table {
    name: "[[rule]]",
    about: "What an answer means. The first rule that matches decides.",
    keys: &[
        Key::new(
            "status",
            Kind::Either(&[
                STATUS,
                FILLED,
                Kind::List { item: &Kind::Either(&[STATUS, FILLED]), filled: true },
            ]),
            "Statuses that it is for: `404`, `\"4xx\"`, `\"400-422\"`, or a list of these.",
        )
        .required(),
        Key::new("code", TEXTS, "Codes that it is for, at `[answer] code`; `S*` is all that begin with S."),
        Key::text("pointer", Text::Pointer, "Where in the body `is` or `equals` must hold."),
        Key::new(
            "is",
            Kind::Word { built: &["empty", "non-empty", "present", "absent"], not_yet: &[] },
            "What must hold at `pointer`.",
        ),
        Key::new(
            "equals",
            Kind::Either(&[Kind::Text(Text::Free), Kind::Integer { min: 0, max: 999_999_999 }, Kind::Bool]),
            "What must stand at `pointer`.",
        ),
        Key::new(
            "outcome",
            Kind::Word {
                built: &[
                    "hit",
                    "partial",
                    "rejected",
                    "no_hit",
                    "invalid",
                    "denied",
                    "token-refused",
                    "throttled",
                    "unavailable",
                    "lost",
                    "fault",
                ],
                not_yet: &[],
            },
            "What it makes of the answer.",
        )
        .required(),
        Key::new("billed", Kind::Bool, "Whether such an answer is billed; `true` where absent."),
        Key::text("as_code", Text::Filled, "The code to tell, in the place of the upstream's."),
        Key::text("about", Text::Filled, "What it means, for people; a fault tells it."),
    ],
};

static CODE: Table = Table {
    name: "[[code]]",
    about: "What one of the provider's codes means, for people.",
    keys: &[
        Key::text("code", Text::Filled, "The code; `S*` is all that begin with S.").required(),
        Key::text("outcome", Text::Filled, "What a lookup with it becomes.").required(),
        Key::text("about", Text::Filled, "What it means.").required(),
    ],
};

static SERVICE: Table = Table {
    name: "[[service]]",
    about: "One endpoint.",
    keys: &[
        Key::text("name", Text::Id, "The service's name, after the dot.").required(),
        Key::text("title", Text::Filled, "What it answers, in a sentence.").required(),
        Key::word("method", &["get", "post"], "How it is asked."),
        Key::text(
            "path",
            Text::Filled,
            "The path below the base address, with a leading slash; it may hold `{number}` and `{parameter}`.",
        )
        .required(),
        Key::text("health", Text::Filled, "The path of the free health address."),
        Key::text("number_param", Text::Filled, "The query parameter that carries the number."),
        Key::new(
            "organisation",
            DIGITS,
            "Digits in which an organisation's number is sent; absent: not taken.",
        ),
        Key::new("sole_trader", DIGITS, "Digits in which a sole trader's number is sent; absent: not taken."),
        Key::new("person", DIGITS, "Digits in which a person's number is sent; absent: not taken."),
        Key::text("reference_param", Text::Filled, "The query parameter that carries our reference."),
        Key::text(
            "block_param",
            Text::Filled,
            "The parameter that names the block; such a service may post letters.",
        ),
        Key::new(
            "letters",
            Kind::Bool,
            "Whether it may post letters of disclosure, though it has no blocks.",
        )
        .or(Literal::Bool(false)),
        Key::new(
            "requestor_exempt",
            Kind::Bool,
            "Whether it goes without the provider's header of who asks.",
        )
        .or(Literal::Bool(false)),
        Key::new(
            "suggested",
            Kind::Bool,
            "`false` for a service that nobody is to ask by mistake: it is never suggested in the place of a slip.",
        )
        .or(Literal::Bool(true)),
        Key::new("query", Kind::Map(&Kind::Text(Text::Free)), "Query parameters, by their names."),
        Key::new("headers", Kind::Map(&Kind::Text(Text::Filled)), "Headers, by their names."),
        Key::new("json", Kind::Tree, "A JSON body; its texts may hold `{number}`, `{transactionid}` and `{parameter}`."),
        Key::new("form", Kind::Map(&Kind::Text(Text::Free)), "The fields of a form as body."),
        Key::new("answer", Kind::Table(&ANSWER), "Where things stand in its answers, key by key."),
        Key::new("rule", Kind::Tables(&RULE), "Rules for its answers, before those of the provider."),
        Key::new("param", Kind::Tables(&PARAM), "Parameters that a job may give."),
    ],
};

static PARAM: Table = Table {
    name: "[[service.param]]",
    about: "One parameter of a service.",
    keys: &[
        Key::text("name", Text::Filled, "Its name: in job files, in places to fill in, and in the query.")
            .required(),
        Key::text("description", Text::Filled, "What it does, in a sentence.").required(),
        Key::new("required", Kind::Bool, "Whether a lookup cannot do without it.").or(Literal::Bool(false)),
        Key::word(
            "kind",
            &["text", "bool", "date", "choice", "list", "integer"],
            "What its value must be; in a JSON body it decides the type.",
        ),
        Key::new(
            "choices",
            Kind::List { item: &Kind::Text(Text::Filled), filled: true },
            "The words of a choice, or of a list with commas.",
        ),
        Key::new(
            "min",
            Kind::Integer { min: 0, max: 999_999_999 },
            "The least of an integer; 0 where absent.",
        ),
        Key::new("max", Kind::Integer { min: 0, max: 999_999_999 }, "The most of an integer."),
        Key::new("max_length", Kind::Integer { min: 1, max: 10_000 }, "Most characters of a value."),
        Key::text("pattern", Text::Pattern, "A regular expression that the whole value matches."),
        Key::text(
            "default",
            Text::Filled,
            "What is sent where the job gives nothing; `{transactionid}` is our reference.",
        ),
        Key::new("identity", Kind::Bool, "Whether it tells one purchase from another.")
            .or(Literal::Bool(true)),
        Key::new("numberless", Kind::Bool, "Whether its value may hold no personal or organisation number.")
            .or(Literal::Bool(false)),
        Key::new(
            "max_months",
            Kind::Integer { min: 1, max: 1_200 },
            "How many months back a date may be; with `kind = \"date\"`.",
        ),
        Key::new(
            "max_months_person",
            Kind::Integer { min: 1, max: 1_200 },
            "The same about persons and sole traders, where it differs.",
        ),
    ],
};
