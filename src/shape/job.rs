//! The job file.

use super::{Key, Kind, Literal, Table, Text};

/// Every outcome, as `only` lists them.
const OUTCOMES: Kind = Kind::Word {
    built: &["hit", "partial", "rejected", "no_hit", "invalid", "denied", "failed", "unknown", "skipped"],
    not_yet: &[],
};

/// A job file.
pub static JOB: Table = Table {
    name: "the job file",
    about: "A job of orgpull: which numbers to look up, where, and what to write.",
    keys: &[
        Key::text(
            "name",
            Text::JobName,
            "The job's name: letters, digits, `-` and `_`. Runs are found by it, and one process at a time runs a name.",
        )
        .required(),
        Key::text("description", Text::Free, "What the job is for, for people."),
        Key::text(
            "purpose",
            Text::FilledTemplate,
            "Why the data is asked for, kept with every attempt. Required where `kind` is `person` or `any`. `{column}` is that column of the input row.",
        ),
        Key::new(
            "reuse_purposes",
            Kind::List { item: &Kind::Text(Text::Filled), filled: true },
            "Other purposes, as their jobs word them, for which an answer about a person may have been bought that is used instead of bought.",
        ),
        Key::text("cost_centre", Text::Filled, "Who bears the cost, kept with every attempt."),
        Key::text(
            "retention",
            Text::Span,
            "How long what it buys and copies is kept. Required where `kind` is `person` or `any`; else that of `[privacy]`.",
        ),
        Key::new("input", Kind::Table(&INPUT), "Which numbers to look up.").required(),
        Key::new("lookup", Kind::Tables(&LOOKUP), "What to ask about each number, in order.").required(),
        Key::new("run", Kind::Table(&RUN), "How the job is carried out."),
        Key::new(
            "budget",
            Kind::Table(&BUDGET),
            "Caps on calls and cost over the whole run, however often it is continued.",
        ),
        Key::new("schedule", Kind::Table(&SCHEDULE), "When `orgpull schedule` runs the job."),
        Key::new("output", Kind::Tables(&OUTPUT), "Files to write when the run is finished.").required(),
        Key::not_yet("notify", "Who is told how its runs end."),
    ],
};

static INPUT: Table = Table {
    name: "[input]",
    about: "Which numbers to look up.",
    keys: &[
        Key::text(
            "path",
            Text::Filled,
            "A file with a number a row: csv, tsv, txt or jsonl; relative to this file. `-` is standard input. One of `path` and `numbers` is needed.",
        ),
        Key::new(
            "numbers",
            Kind::List { item: &Kind::Text(Text::Filled), filled: true },
            "The numbers themselves. One of `path` and `numbers` is needed.",
        ),
        Key::text(
            "column",
            Text::Filled,
            "The csv or tsv header, or the jsonl key, of the number. Not needed where there is only one; a txt file has none.",
        ),
        Key::word(
            "kind",
            &["organisation", "person", "any"],
            "Which numbers are taken; others are bad rows. Under `any`, what is shaped like a personnummer is a person.",
        ),
        Key::word(
            "sole_traders",
            &["accept", "reject"],
            "Under `organisation`: whether ten digits shaped like a personnummer are taken as a sole trader.",
        ),
        Key::word(
            "century",
            &["refuse", "assume-under-100"],
            "A personnummer of ten digits without `-` or `+`, whose century cannot be known. `refuse`: a person's is a bad row, a sole trader's is taken without its century. `assume-under-100`: both get the century that makes them younger.",
        ),
        Key::new(
            "carry",
            Kind::Either(&[
                Kind::List { item: &Kind::Text(Text::Filled), filled: false },
                Kind::Word { built: &["*"], not_yet: &[] },
            ]),
            "Input columns that are copied to the output; `*` is all but the number's.",
        ),
        Key::new(
            "min_rows",
            Kind::Integer { min: 0, max: 999_999_999 },
            "With fewer good rows nothing is sent (exit 3).",
        )
        .or(Literal::Integer(1)),
        Key::new(
            "max_bad",
            Kind::Either(&[Kind::Text(Text::PercentOrCount), Kind::Integer { min: 0, max: 999_999_999 }]),
            "With more bad rows nothing is sent (exit 3): a share of all rows, or a count.",
        )
        .or(Literal::Text("50%")),
    ],
};

static LOOKUP: Table = Table {
    name: "[[lookup]]",
    about: "One question about each number.",
    keys: &[
        Key::text("id", Text::Id, "The lookup's name within the job; columns of the outputs carry it.")
            .required(),
        Key::text(
            "service",
            Text::Filled,
            "The service asked, as provider.service: such as creditsafe.getdata.",
        )
        .required(),
        Key::new(
            "params",
            Kind::Map(&Kind::Either(&[
                Kind::Text(Text::Template),
                Kind::Bool,
                Kind::Integer { min: 0, max: 999_999_999 },
                Kind::Date,
            ])),
            "Parameters of the service. `{column}` is that column of the input row, `{today}` and `{today-30d}` are days, `{last:ID:date}` is the day of our newest answer to that lookup.",
        ),
        Key::new(
            "when",
            Kind::Either(&[Kind::Table(&WHEN), Kind::Tables(&WHEN)]),
            "A condition on an earlier lookup of the same row, or a list of them that must all hold; else it is skipped.",
        ),
        Key::word(
            "first",
            &["buy", "skip"],
            "Where `{last:…}` has no answer yet: `buy` asks what depends on this lookup outright, `skip` leaves it out. On a lookup that depends it counts for that one.",
        ),
        Key::new(
            "letters",
            Kind::Bool,
            "`true` has letters of disclosure posted, to each subject that gets one; else such a lookup is refused.",
        )
        .or(Literal::Bool(false)),
        Key::word(
            "on_unknown",
            &["park", "retry"],
            "What becomes of a request whose answer was lost: `park` waits for `orgpull retry --unknown`, `retry` asks again at once and may pay twice. A lookup that may post a letter is always parked.",
        ),
        Key::text(
            "reuse",
            Text::Span,
            "An answer in the ledger that is fresher than this is used instead of bought; `0` is never.",
        )
        .or(Literal::Text("20h")),
        Key::new(
            "reuse_outcomes",
            Kind::List {
                item: &Kind::Word {
                    built: &["hit", "partial", "rejected", "no_hit", "invalid"],
                    not_yet: &[],
                },
                filled: true,
            },
            "Which stored answers may be used again; all of these where absent. `denied`, `failed` and `unknown` never are.",
        ),
    ],
};

static WHEN: Table = Table {
    name: "a condition",
    about: "What an earlier lookup of the same row must have come to.",
    keys: &[
        Key::text("lookup", Text::Id, "The id of an earlier lookup.").required(),
        Key::new(
            "outcome",
            Kind::List {
                item: &Kind::Word {
                    built: &["hit", "partial", "rejected", "no_hit", "invalid", "skipped"],
                    not_yet: &[],
                },
                filled: true,
            },
            "Outcomes that fit. Any answer does where absent; `failed`, `denied` and `unknown` decide nothing.",
        ),
        Key::new(
            "code",
            Kind::List { item: &Kind::Text(Text::Filled), filled: true },
            "Codes that fit; `S*` is all that begin with S.",
        ),
        Key::text(
            "pointer",
            Text::Pointer,
            "Where in the answer's body `is`, `equals` or `any_of` must hold.",
        ),
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
            "any_of",
            Kind::List {
                item: &Kind::Either(&[
                    Kind::Text(Text::Filled),
                    Kind::Integer { min: 0, max: 999_999_999 },
                    Kind::Bool,
                ]),
                filled: true,
            },
            "Words of which one must stand at `pointer`, compared as `equals` does: as the value, in a list or in its elements, or as a key with something in it.",
        ),
    ],
};

static RUN: Table = Table {
    name: "[run]",
    about: "How the job is carried out.",
    keys: &[
        Key::text("rate", Text::Rate, "Lowers the account's pace, never raises it.")
            .or(Literal::Text("unlimited")),
        Key::new(
            "concurrency",
            Kind::Integer { min: 1, max: 1_000 },
            "Lowers the account's number of calls in flight at once; several accounts take turns at it.",
        ),
        Key::new(
            "attempts",
            Kind::Integer { min: 1, max: 20 },
            "Attempts that a lookup may spend where it is certain that the earlier ones were not carried out.",
        )
        .or(Literal::Integer(5)),
        Key::text("outage_wait", Text::Span, "How long an outage of the upstream is waited for before the run stops (exit 10).")
            .or(Literal::Text("6h")),
        Key::word(
            "unfinished",
            &["resume", "restart"],
            "What `orgpull run` does with an unfinished run of this job: continue it, or close it and start another.",
        ),
        Key::text(
            "max_time",
            Text::Span,
            "How long one invocation may send: after it what is in flight finishes, and the rest stays pending (exit 8).",
        ),
        Key::word(
            "order",
            &["input", "oldest"],
            "In which order rows are asked. `oldest` begins with those that have no stored answer, then those whose newest answer is the oldest. Outputs stay in input order.",
        ),
        Key::word(
            "priority",
            &["normal", "low"],
            "`low` leaves the account's pace to other processes that ask for it, and takes what they leave.",
        ),
        Key::new(
            "tolerate",
            Kind::Table(&TOLERATE),
            "So many lookups may end `unknown` or `failed` without the run ending with exit 4; its reason still counts them.",
        ),
    ],
};

static TOLERATE: Table = Table {
    name: "`tolerate`",
    about: "How many lookups may end so without the run ending with exit 4.",
    keys: &[
        Key::new("unknown", Kind::Integer { min: 0, max: 999_999_999 }, "Lost answers at most.")
            .or(Literal::Integer(0)),
        Key::new("failed", Kind::Integer { min: 0, max: 999_999_999 }, "Lookups that failed, at most.")
            .or(Literal::Integer(0)),
    ],
};

static BUDGET: Table = Table {
    name: "[budget]",
    about: "Caps on calls and cost over the whole run, however often it is continued. At one the run pauses (exit 8).",
    keys: &[
        Key::new("max_calls", Kind::Integer { min: 0, max: 999_999_999 }, "Calls at most, repeats included."),
        Key::text("max_cost", Text::Money, "SEK at most, with what lost answers may have cost."),
        Key::text(
            "warn_at",
            Text::Percent,
            "Warns when so much of it is spent, and says when it runs out at this rate.",
        ),
    ],
};

static SCHEDULE: Table = Table {
    name: "[schedule]",
    about: "When `orgpull schedule` runs the job.",
    keys: &[
        Key::new(
            "cron",
            Kind::Either(&[
                Kind::Text(Text::Cron),
                Kind::List { item: &Kind::Text(Text::Cron), filled: true },
            ]),
            "Minute, hour, day of the month, month, day of the week; or `@hourly`, `@daily` (`@midnight`), `@weekly`, `@monthly`, `@yearly` (`@annually`). One line or a list.",
        )
        .required(),
        Key::text("timezone", Text::Zone, "Whose clock the times are read by: a zone of the IANA database.")
            .or(Literal::Text("Europe/Stockholm")),
        Key::word(
            "overlap",
            &["skip", "queue"],
            "What becomes of a fire while the job is still running: it is left out, or it waits for its turn.",
        ),
        Key::word(
            "missed",
            &["run-once", "skip"],
            "Fires that nobody was there for: the last of them is made up for, or they are left out.",
        ),
        Key::text("catch_up", Text::Span, "How late a missed fire is still made up for.")
            .or(Literal::Text("7d")),
        Key::text(
            "jitter",
            Text::Span,
            "A fire comes up to so much after its time, each job and each fire by its own share of it.",
        )
        .or(Literal::Text("0")),
        Key::new(
            "pause_after",
            Kind::Integer { min: 1, max: 1_000 },
            "Failures in a row after which the job is paused until `orgpull unpause`; never where absent.",
        ),
    ],
};

static OUTPUT: Table = Table {
    name: "[[output]]",
    about: "A file to write when the run is finished.",
    keys: &[
        Key::text(
            "path",
            Text::OutputPath,
            "The file, relative to this one. `{job}` `{run}` `{date}` `{time}` are those of the run's start, in Stockholm.",
        )
        .required(),
        Key::new(
            "format",
            Kind::Word { built: &["csv", "json", "jsonl"], not_yet: &["parquet"] },
            "The format; from the path's ending where absent.",
        ),
        Key::word("shape", &["long", "wide"], "`long`: a row a lookup. `wide`: a row an input line."),
        Key::new(
            "only",
            Kind::List { item: &OUTCOMES, filled: true },
            "Outcomes that are written, in wide shape rows that have one of them; all where absent.",
        ),
        Key::new("excel", Kind::Bool, "csv as a Swedish Excel opens it: byte-order mark, semicolons, decimal comma, texts kept as they are.")
            .or(Literal::Bool(false)),
        Key::word(
            "subject",
            &["full", "masked", "digest"],
            "How numbers are written. `masked` and `digest` also mask the numbers inside answers and carried columns.",
        ),
        Key::new(
            "columns",
            Kind::Tables(&COLUMN),
            "Columns taken from the answers; every leaf found where absent.",
        ),
        Key::word(
            "skipped",
            &["empty", "last"],
            "What a skipped lookup shows: nothing, or the newest answer in the ledger to what it would have asked, as `reused`, with that answer's own date and log_id.",
        ),
        Key::new(
            "changes",
            Kind::Bool,
            "`true`: a row for each field that differs from the answer we had before the run, with old and new value.",
        )
        .or(Literal::Bool(false)),
        Key::text(
            "mode",
            Text::FileMode,
            "Who may read the file, and its rejects where it is the first output: three or four octal digits, as chmod takes them, whatever the umask.",
        )
        .or(Literal::Text("0600")),
        Key::new(
            "group",
            Kind::Either(&[Kind::Text(Text::Filled), Kind::Integer { min: 0, max: 999_999_999 }]),
            "The group of the file, and of folders that are made for it: a name or a number, one of ours unless root writes. It reads what `mode` lets it.",
        ),
    ],
};

static COLUMN: Table = Table {
    name: "a column",
    about: "A column taken from the answers.",
    keys: &[
        Key::text("name", Text::Filled, "The column's header.").required(),
        Key::text("pointer", Text::Pointer, "Where the value is in the answer: a JSON pointer (RFC 6901).")
            .required(),
        Key::text(
            "lookup",
            Text::Id,
            "The id of the lookup; needed in wide outputs of a job with more than one.",
        ),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::outcome::Outcome;

    #[test]
    fn only_lists_every_outcome() {
        let Kind::Word { built, .. } = OUTCOMES else { panic!("words") };
        assert_eq!(built, Outcome::ALL.map(Outcome::as_str));
    }
}
