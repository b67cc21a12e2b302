-- The ledger: what was asked, what it cost, what was answered. Times are milliseconds since 1970 in UTC, money is öre.
-- Marks the file as ours ("opul"), so that another program's database is told apart before anything is written to it.
PRAGMA application_id = 1869640044;

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The key of every digest: drawn once, never leaves the file.
INSERT INTO meta (name, value) VALUES ('digest_key', randomblob(32));

CREATE TABLE runs (
    id            INTEGER PRIMARY KEY,
    run           TEXT NOT NULL UNIQUE,
    job           TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('loading', 'running', 'finished', 'stopped', 'closed')),
    environment   TEXT NOT NULL,
    job_path      TEXT NOT NULL,
    job_text      TEXT NOT NULL,
    input_digest  TEXT NOT NULL,              -- of the [input] section: a continued run refuses another
    input_bytes   INTEGER,                    -- of the file as it was copied; nothing for inline numbers
    input_sha256  TEXT,
    limit_rows    INTEGER,                    -- of --limit: such a run is one of its own
    input_given   TEXT,                       -- digest of --input, which stands in for the job's
    buy_again     INTEGER NOT NULL DEFAULT 0 CHECK (buy_again IN (0, 1)), -- of --buy-again
    columns       TEXT NOT NULL,              -- JSON list: names of the copied input columns
    steps         TEXT NOT NULL,              -- JSON list of [id, service]
    first_day     TEXT NOT NULL,              -- {today}: the run's first day in Stockholm
    rows          INTEGER NOT NULL DEFAULT 0, -- good and bad
    bad_rows      INTEGER NOT NULL DEFAULT 0,
    letter_rows   INTEGER NOT NULL DEFAULT 0, -- whose number gets a letter with a credit report
    started_at    INTEGER NOT NULL,
    finished_at   INTEGER,
    exit          INTEGER,                    -- of the last invocation; nothing while one is at it, or where it died
    reason        TEXT
) STRICT;
CREATE INDEX runs_job ON runs (job, id);

CREATE TABLE rows (
    run     INTEGER NOT NULL REFERENCES runs (id),
    row     INTEGER NOT NULL,                 -- position in the input, from 1
    line    INTEGER NOT NULL,                 -- physical line
    subject TEXT,                             -- digits; nothing for a bad row
    kind    TEXT CHECK (kind IN ('organisation', 'partnership', 'sole_trader', 'person')),
    input   TEXT,                             -- of a bad row: the cell as it stood
    reason  TEXT,                             -- of a bad row: why
    columns TEXT NOT NULL,                    -- JSON list, in the order of runs.columns
    PRIMARY KEY (run, row),
    CHECK ((subject IS NULL) = (reason IS NOT NULL)),
    CHECK ((subject IS NULL) = (kind IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE lookups (
    run          INTEGER NOT NULL,
    row          INTEGER NOT NULL,
    step         INTEGER NOT NULL,            -- position in the job, from 0
    state        TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'started', 'settled', 'parked')),
    outcome      TEXT CHECK (outcome IN ('hit', 'partial', 'rejected', 'no_hit', 'invalid', 'denied', 'failed',
                                         'unknown', 'skipped')),
    source       TEXT CHECK (source IN ('bought', 'reused')),
    attempts     INTEGER NOT NULL DEFAULT 0,  -- requests sent
    spent        INTEGER NOT NULL DEFAULT 0,  -- those that count against the job's `attempts`
    cost         INTEGER NOT NULL DEFAULT 0,
    cost_unknown INTEGER NOT NULL DEFAULT 0,  -- the part of it that lost answers may have cost
    lost         INTEGER NOT NULL DEFAULT 0,  -- attempts whose answers were lost
    letters      INTEGER NOT NULL DEFAULT 0,  -- letters of disclosure that the upstream says went out
    attempt      INTEGER,                     -- the last one, or the one whose answer is used
    code         TEXT,                        -- where no attempt has one: `local`
    text         TEXT,
    PRIMARY KEY (run, row, step),
    FOREIGN KEY (run, row) REFERENCES rows (run, row),
    CHECK ((state IN ('pending', 'started')) = (outcome IS NULL)),
    CHECK ((state = 'parked') = (outcome IS 'unknown'))
) STRICT, WITHOUT ROWID;
-- Finds the rows of this run that used an answer already, so that a number that stands twice follows its first row.
CREATE INDEX lookups_reused ON lookups (run, attempt) WHERE source = 'reused';

CREATE TABLE services (
    id          INTEGER PRIMARY KEY,
    account     TEXT NOT NULL,
    environment TEXT NOT NULL,
    service     TEXT NOT NULL,
    UNIQUE (account, environment, service)
) STRICT;

-- Why and for whom: kept with every attempt.
CREATE TABLE purposes (
    id          INTEGER PRIMARY KEY,
    purpose     TEXT NOT NULL,
    cost_centre TEXT NOT NULL,
    UNIQUE (purpose, cost_centre)
) STRICT;

CREATE TABLE attempts (
    id            INTEGER PRIMARY KEY,        -- 40 bits of milliseconds, 20 bits drawn: rises with time
    transactionid TEXT NOT NULL,              -- our reference on the wire: the id in 14 characters
    run           INTEGER NOT NULL REFERENCES runs (id),
    row           INTEGER NOT NULL,
    step          INTEGER NOT NULL,
    service       INTEGER NOT NULL REFERENCES services (id),
    purpose       INTEGER NOT NULL REFERENCES purposes (id),
    identity      BLOB NOT NULL,
    letter_making INTEGER NOT NULL CHECK (letter_making IN (0, 1)),
    state         TEXT NOT NULL DEFAULT 'started'
                  CHECK (state IN ('started', 'answered', 'refused', 'unsent', 'unknown')),
    started_at    INTEGER NOT NULL,
    reserved      INTEGER NOT NULL,           -- written with the intent, before anything is sent
    settled_at    INTEGER,
    cost          INTEGER,
    outcome       TEXT CHECK (outcome IN ('hit', 'partial', 'rejected', 'no_hit', 'invalid', 'denied')),
    code          TEXT,
    text          TEXT,
    log_id        TEXT,
    letter        INTEGER CHECK (letter IN (0, 1)),
    CHECK ((state = 'started') = (settled_at IS NULL)),
    CHECK ((state = 'started') = (cost IS NULL)),
    CHECK ((state = 'answered') = (outcome IS NOT NULL))
) STRICT;
CREATE INDEX attempts_identity ON attempts (identity, run);

CREATE TABLE answers (
    attempt INTEGER PRIMARY KEY REFERENCES attempts (id),
    body    BLOB NOT NULL                     -- JSON, zstd; the address that the upstream echoes is taken out
) STRICT;

-- What must hold over restarts and processes for an account in an environment.
CREATE TABLE accounts (
    account             TEXT NOT NULL,
    environment         TEXT NOT NULL,
    cool_down_until     INTEGER NOT NULL DEFAULT 0,
    cool_down_level     INTEGER NOT NULL DEFAULT 0,
    login_held_until    INTEGER NOT NULL DEFAULT 0, -- after 429 to a login
    refused_credentials TEXT,                 -- keyed digest of those that the login refused
    PRIMARY KEY (account, environment)
) STRICT, WITHOUT ROWID;

CREATE TABLE logins (
    id          INTEGER PRIMARY KEY,
    account     TEXT NOT NULL,
    environment TEXT NOT NULL,
    at          INTEGER NOT NULL,
    run         INTEGER REFERENCES runs (id)
) STRICT;
