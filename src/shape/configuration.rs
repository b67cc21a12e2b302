//! The configuration file.

use super::{Key, Kind, Literal, Table, Text};

/// `service` or `service:block`, as letters and prices name them.
const CALLS: Kind = Kind::List { item: &Kind::Text(Text::Filled), filled: false };

/// `orgpull.toml`.
pub static CONFIGURATION: Table = Table {
    name: "the configuration",
    about: "The configuration of orgpull: where the ledger is, and the accounts at providers.",
    keys: &[
        Key::text("database", Text::Filled, "The ledger's file, relative to this one.")
            .or(Literal::Text("orgpull.db")),
        Key::text(
            "confirm_above",
            Text::Money,
            "The price above which `run` shows its plan and asks first, on a terminal; `--yes` answers.",
        )
        .or(Literal::Text("500")),
        Key::new("privacy", Kind::Table(&PRIVACY), "How what the ledger holds about people is kept."),
        Key::new("audit", Kind::Table(&AUDIT), "Where the log of who did what goes beside the ledger."),
        Key::new(
            "catalogue",
            Kind::List { item: &Kind::Text(Text::Filled), filled: false },
            "Provider files of one's own, relative to this file.",
        ),
        Key::new(
            "providers",
            Kind::Map(&Kind::Table(&ACCOUNT)),
            "Accounts, each under the name of its provider.",
        ),
    ],
};

/// `[privacy]`.
pub(super) static PRIVACY: Table = Table {
    name: "privacy",
    about: "How what the ledger holds about people is kept.",
    keys: &[
        Key::new(
            "key",
            Kind::Either(&[Kind::Secret, Kind::List { item: &Kind::Secret, filled: true }]),
            "Where the key is that the ledger is sealed with: 32 bytes in base64, as `orgpull key new` makes one. A list of two while one is replaced: both open, the first seals. Required where an account is in `production`; else `orgpull.key` beside the ledger, which is made with it.",
        ),
        Key::new(
            "keyring_copies",
            Kind::List { item: &Kind::Text(Text::Filled), filled: false },
            "Files in which copies of the ledger's key ring are kept in step, relative to this file.",
        ),
        Key::text(
            "retention",
            Text::Span,
            "How long what is bought and copied is kept, for jobs that say nothing of it. Where neither does, it is kept for ever.",
        ),
        Key::text(
            "backup_retention",
            Text::Span,
            "For how long backups, and copies of the key ring that orgpull does not keep in step, are kept: until then they may still open what was purged.",
        ),
    ],
};

/// `[audit]`.
static AUDIT: Table = Table {
    name: "[audit]",
    about: "Where the log of who did what goes beside the ledger.",
    keys: &[Key::new(
        "sink",
        Kind::Table(&SINK),
        "What gets each entry before it is one: `{ file = \"…\" }` or `{ command = [\"…\"] }`. Where it takes none, nothing is done.",
    )
    .required()],
};

/// `[audit] sink`.
static SINK: Table = Table {
    name: "the sink",
    about: "What gets each entry of the log before it is one: exactly one of file, command.",
    keys: &[
        Key::text("file", Text::Filled, "A file to which a line of JSON is added, relative to this one."),
        Key::new(
            "command",
            Kind::List { item: &Kind::Text(Text::Free), filled: true },
            "A program and its arguments, which reads a line of JSON from standard input and ends within 10 seconds. No shell is involved.",
        ),
    ],
};

/// `[providers.NAME]`.
pub static ACCOUNT: Table = Table {
    name: "the account",
    about: "An account at a provider of the catalogue.",
    keys: &[
        Key::text(
            "environment",
            Text::Filled,
            "`production` or `sandbox`: the addresses come from the catalogue. There is no default. Or give `base_url` and `token_url` instead.",
        ),
        Key::text(
            "base_url",
            Text::Address,
            "The address of the services, where `environment` is not given; http only for loopback.",
        ),
        Key::text(
            "token_url",
            Text::Address,
            "The full address of the login, where `environment` is not given; http only for loopback.",
        ),
        Key::new("username", Kind::Secret, "Where the user name (at Creditsafe: the User Key) is."),
        Key::new("password", Kind::Secret, "Where the password is."),
        Key::new("client_id", Kind::Secret, "Where the client's id of an OAuth2 account is."),
        Key::new("client_secret", Kind::Secret, "Where the client's secret of an OAuth2 account is."),
        Key::new(
            "scope",
            Kind::Either(&[
                Kind::Text(Text::Filled),
                Kind::List { item: &Kind::Text(Text::Filled), filled: true },
                Kind::Secret,
            ]),
            "The scopes that an OAuth2 login asks for, with spaces between or as a list; the provider's own where absent.",
        ),
        Key::new("token", Kind::Secret, "Where the token is, at a provider that has no login."),
        Key::new(
            "requestor_id",
            Kind::Secret,
            "Where the id of whoever asks is, at a provider that wants it; a lookup's parameter `requestor_id` comes before it.",
        ),
        Key::new(
            "budget",
            Kind::Table(&ACCOUNT_BUDGET),
            "Caps on calls and cost, over all runs and processes on the ledger.",
        ),
        Key::text("timezone", Text::Zone, "Whose days and months the account's budgets are counted by.")
            .or(Literal::Text("Europe/Stockholm")),
        Key::text("rate", Text::Rate, "The pace over all services of the account.")
            .or(Literal::Text("60/min")),
        Key::new(
            "burst",
            Kind::Integer { min: 1, max: 1_000 },
            "Calls that may follow one another without the pace's distance.",
        )
        .or(Literal::Integer(1)),
        Key::new("concurrency", Kind::Integer { min: 1, max: 1_000 }, "Calls in flight at once.")
            .or(Literal::Integer(8)),
        Key::text(
            "timeout",
            Text::PositiveSpan,
            "The longest time from sending to the last byte of the answer; what takes longer is `unknown`.",
        )
        .or(Literal::Text("30s")),
        Key::text(
            "keep_alive",
            Text::Span,
            "For how long an idle connection is used again; shorter than the server keeps one.",
        )
        .or(Literal::Text("500ms")),
        Key::text(
            "ca_file",
            Text::Filled,
            "Certificates (PEM) that are trusted beside the machine's, relative to this file.",
        ),
        Key::text(
            "refresh_after",
            Text::PositiveSpan,
            "The age at which a token is renewed, where the upstream does not tell how long it lives.",
        )
        .or(Literal::Text("55m")),
        Key::new(
            "logins",
            Kind::Integer { min: 1, max: 1_000 },
            "Logins in any five minutes, over restarts and processes; at the cap orgpull waits.",
        )
        .or(Literal::Integer(10)),
        Key::text(
            "cool_down",
            Text::PositiveSpan,
            "The wait after 429 without `Retry-After`, longer each time.",
        )
        .or(Literal::Text("60s")),
        Key::new("letters", CALLS, "Calls that post a letter of disclosure: `service` or `service:block`."),
        Key::new(
            "no_letters",
            CALLS,
            "Calls that never do: `service` or `service:block`. A block in neither list is taken to post one.",
        ),
        Key::new(
            "prices",
            Kind::Map(&Kind::Text(Text::Money)),
            "The price of a call, by `service` or `service:block`; `\"0\"` is free, and what is not named has no price.",
        ),
        Key::new(
            "free",
            Kind::List { item: &Kind::Text(Text::Filled), filled: false },
            "Outcomes that cost nothing: `no_hit`, `rejected` or `invalid`, alone or of one service (`getdata:no_hit`).",
        ),
        Key::new(
            "invoice",
            Kind::Table(&INVOICE),
            "How the columns of the provider's statement are called, for `reconcile` and `resolve`.",
        ),
    ],
};

/// `[providers.NAME.budget]`.
static ACCOUNT_BUDGET: Table = Table {
    name: "[budget]",
    about: "Caps on calls and cost of the account, over all runs and processes on the ledger.",
    keys: &[
        Key::new("day", Kind::Table(&SPAN_BUDGET), "For each day in the account's time zone."),
        Key::new("month", Kind::Table(&SPAN_BUDGET), "For each month in the account's time zone."),
        Key::text(
            "warn_at",
            Text::Percent,
            "Warns when so much of a budget is spent, and says when it runs out at this rate.",
        ),
    ],
};

static SPAN_BUDGET: Table = Table {
    name: "the budget of a span",
    about: "Calls and cost at most.",
    keys: &[
        Key::new("max_calls", Kind::Integer { min: 0, max: 999_999_999 }, "Calls at most, repeats included."),
        Key::text("max_cost", Text::Money, "SEK at most, with what lost answers may have cost."),
    ],
};

/// `[providers.NAME.invoice]`.
static INVOICE: Table = Table {
    name: "[invoice]",
    about: "How the columns of the provider's statement are called, where they are not called as usual.",
    keys: &[
        Key::text("date", Text::Filled, "The day of the call."),
        Key::text("reference", Text::Filled, "transactionid, or apiLogId."),
        Key::text("log_id", Text::Filled, "apiLogId, where transactionid has a column too."),
        Key::text("service", Text::Filled, "What was asked for."),
        Key::text("amount", Text::Filled, "The price of the call."),
        Key::text("currency", Text::Filled, "The currency; every line must say SEK."),
    ],
};
