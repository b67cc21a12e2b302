-- The ledger: what was asked, what it cost, what was answered. Times are milliseconds since 1970 in UTC, money is öre.
-- Marks the file as ours ("opul"), so that another program's database is told apart before anything is written to it.
PRAGMA application_id = 1869640044;

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Sealed are all columns that say something about a person (`ledger/seal.rs`): what is searched is a keyed digest beside them.
-- `meta` holds the id of the key ring (`keyring`) and the sealed key of every digest (`digest_key`), written when it is opened
-- for the first time.

CREATE TABLE runs (
    id            INTEGER PRIMARY KEY,
    run           TEXT NOT NULL UNIQUE,
    job           TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('loading', 'running', 'finished', 'stopped', 'closed')),
    environment   TEXT NOT NULL,
    operator      TEXT NOT NULL,              -- who began it
    job_path      TEXT NOT NULL,
    job_text      BLOB,                       -- sealed: it may hold numbers; nothing once it is purged
    data_key      INTEGER NOT NULL,           -- what the run's values are sealed with, by its id in the ring
    input_digest  TEXT NOT NULL,              -- of the [input] section: a continued run refuses another
    input_bytes   INTEGER,                    -- of the file as it was copied; nothing for inline numbers
    input_sha256  TEXT,                       -- keyed digest of it
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
    retention     INTEGER,                    -- the job's, in milliseconds; nothing where it says none
    purged_at     INTEGER,                    -- when its rows were emptied; its answers go each at its own date
    shredded_at   INTEGER,                    -- when its data key was given up, with the last of its answers
    finished_at   INTEGER,
    exit          INTEGER,                    -- of the last invocation; nothing while one is at it, or where it died
    reason        TEXT,
    -- Written with the run itself, so that there is no instant at which a fire could begin a second one.
    fire          INTEGER REFERENCES fires (id)
) STRICT;
CREATE INDEX runs_job ON runs (job, id);
CREATE UNIQUE INDEX runs_by_fire ON runs (fire) WHERE fire IS NOT NULL;

CREATE TABLE rows (
    run     INTEGER NOT NULL REFERENCES runs (id),
    row     INTEGER NOT NULL,                 -- position in the input, from 1
    line    INTEGER NOT NULL,                 -- physical line
    kind    TEXT CHECK (kind IN ('organisation', 'partnership', 'sole_trader', 'person')), -- nothing for a bad row
    reason  TEXT,                             -- of a bad row: why
    digest  BLOB,                             -- keyed, of the number; of a bad row where its cell is one all the same
    -- Sealed: JSON list of the number's digits, or the bad cell as it stood, and the list of columns in the order of
    -- runs.columns. Nothing once it is emptied.
    content BLOB,
    emptied TEXT CHECK (emptied IN ('retention', 'forgotten')),
    PRIMARY KEY (run, row),
    CHECK ((kind IS NULL) = (reason IS NOT NULL)),
    CHECK (kind IS NULL OR digest IS NOT NULL),
    CHECK ((content IS NULL) = (emptied IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE lookups (
    run            INTEGER NOT NULL,
    row            INTEGER NOT NULL,
    step           INTEGER NOT NULL,           -- position in the job, from 0
    state          TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'started', 'settled', 'parked')),
    outcome        TEXT CHECK (outcome IN ('hit', 'partial', 'rejected', 'no_hit', 'invalid', 'denied', 'failed',
                                           'unknown', 'skipped')),
    source         TEXT CHECK (source IN ('bought', 'reused')),
    attempts       INTEGER NOT NULL DEFAULT 0, -- requests sent
    spent          INTEGER NOT NULL DEFAULT 0, -- those that count against the job's `attempts`
    cost           INTEGER NOT NULL DEFAULT 0,
    cost_unknown   INTEGER NOT NULL DEFAULT 0, -- the part of it that lost answers may have cost
    lost           INTEGER NOT NULL DEFAULT 0, -- attempts whose answers were lost
    letters        INTEGER NOT NULL DEFAULT 0, -- letters of disclosure that the upstream says went out
    attempt        INTEGER,                    -- the last one, or the one whose answer is used
    code           TEXT,                       -- where no attempt has one: `local`
    text           BLOB,                       -- sealed
    saved          INTEGER,                    -- of one that its condition kept from being bought: what it would have cost
    saved_unpriced INTEGER NOT NULL DEFAULT 0, -- whether nobody has given a price for that
    PRIMARY KEY (run, row, step),
    FOREIGN KEY (run, row) REFERENCES rows (run, row),
    CHECK ((state IN ('pending', 'started')) = (outcome IS NULL)),
    -- One that was billed for an answer that is lost is settled, and its outcome stays `unknown`.
    CHECK (state <> 'parked' OR outcome IS 'unknown')
) STRICT, WITHOUT ROWID;
-- Finds the rows that use an answer: those of this run, so that a number that stands twice follows its first row, and those
-- of any run, where the answer changes.
CREATE INDEX lookups_reused ON lookups (attempt, run) WHERE source = 'reused';

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
    digest      BLOB NOT NULL,                -- keyed, of the purpose
    purpose     BLOB NOT NULL,                -- sealed
    cost_centre TEXT NOT NULL,
    UNIQUE (digest, cost_centre)
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
    -- `unread`: its answer arrived whole and cannot be read, so that it was carried out and its price is certain.
    state         TEXT NOT NULL DEFAULT 'started'
                  CHECK (state IN ('started', 'answered', 'refused', 'unsent', 'unknown', 'unread')),
    started_at    INTEGER NOT NULL,
    reserved      INTEGER NOT NULL,           -- written with the intent, before anything is sent
    settled_at    INTEGER,
    -- How long the call was under way, in milliseconds: from its first byte to the last of what came, or to when that was
    -- given up. NULL where nothing left, or nobody was there at its end.
    took          INTEGER CHECK (took >= 0),
    cost          INTEGER,
    -- Carried out, or perhaps, at a price that nobody has given. What is counted for it is 0, and is not what it cost.
    unpriced      INTEGER NOT NULL DEFAULT 0 CHECK (unpriced IN (0, 1)),
    outcome       TEXT CHECK (outcome IN ('hit', 'partial', 'rejected', 'no_hit', 'invalid', 'denied')),
    code          TEXT,
    text          BLOB,                       -- sealed
    log_id        TEXT,
    letter        INTEGER CHECK (letter IN (0, 1)),
    -- What a provider's statement, or the user's own word, says of one whose answer was lost. `billed` leaves its state
    -- `unknown`, since nobody has the answer; what was not carried out is `refused` from then on.
    resolved      TEXT CHECK (resolved IN ('billed', 'not-carried-out')),
    -- What is left is a tombstone: what it cost and that it was asked, without what was answered. Never used again.
    emptied_at    INTEGER,
    emptied_why   TEXT CHECK (emptied_why IN ('retention', 'forgotten', 'protected', 'lost')),
    CHECK ((emptied_at IS NULL) = (emptied_why IS NULL)),
    CHECK ((state = 'started') = (settled_at IS NULL)),
    CHECK ((state = 'started') = (cost IS NULL)),
    CHECK ((state = 'answered') = (outcome IS NOT NULL))
) STRICT;
CREATE INDEX attempts_identity ON attempts (identity, run);
-- Without an answer that could be used: few at any time, and looked for before every call that is made.
CREATE INDEX attempts_open ON attempts (identity)
WHERE state IN ('started', 'unknown', 'unread') AND resolved IS NULL;
-- With an answer that is kept and cannot be read: few in each run, and looked for by every `retry`.
CREATE INDEX attempts_unread ON attempts (run) WHERE state = 'unread';
-- Where every service has its price, there is none.
CREATE INDEX attempts_unpriced ON attempts (run, service) WHERE unpriced = 1;

CREATE TABLE answers (
    attempt      INTEGER PRIMARY KEY REFERENCES attempts (id),
    body         BLOB NOT NULL,               -- sealed: JSON; the address that the upstream echoes is taken out
    -- Where these are there, `body` is as it arrived and no JSON of ours: it cannot be read (`unread`), or answers another
    -- question (`unknown`). It is kept with what is needed to read it again, and shown by nothing.
    status       INTEGER,
    content_type TEXT
) STRICT;

-- Persons who are named in the answer to a question about somebody else, as the signatories of a company are.
CREATE TABLE named (
    digest  BLOB NOT NULL,                    -- keyed, of the last ten digits
    attempt INTEGER NOT NULL REFERENCES answers (attempt) ON DELETE CASCADE,
    PRIMARY KEY (digest, attempt)
) STRICT, WITHOUT ROWID;
-- Where an answer goes, what names it goes with it.
CREATE INDEX named_attempt ON named (attempt);

-- What must hold over restarts and processes for an account in an environment.
CREATE TABLE accounts (
    account             TEXT NOT NULL,
    environment         TEXT NOT NULL,
    asker               TEXT,                 -- keyed digest of the upstream's address and the user: two accounts may be one
    cool_down_at        INTEGER NOT NULL DEFAULT 0, -- when it was learned: a clock that was ahead is told by it
    cool_down_until     INTEGER NOT NULL DEFAULT 0,
    cool_down_level     INTEGER NOT NULL DEFAULT 0,
    login_held_at       INTEGER NOT NULL DEFAULT 0, -- when it was learned
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

-- Calls that posted a letter of disclosure though the configuration says that they post none: remembered, so that no later
-- run posts another before the configuration is mended.
CREATE TABLE unannounced_letters (
    account     TEXT NOT NULL,
    environment TEXT NOT NULL,
    call        TEXT NOT NULL,                -- service or service:block, as `letters` and `no_letters` name it
    at          INTEGER NOT NULL,
    PRIMARY KEY (account, environment, call)
) STRICT, WITHOUT ROWID;

-- What was spent, kept as it is written: a budget is asked within each transaction that reserves, and must not add up a
-- million attempts for it. Triggers keep it, so that whoever changes an attempt (an answer, a crash that is found, a
-- statement of the provider's) changes these sums in the same transaction and cannot forget to.
--
-- Time is cut in quarters of an hour since 1970: every zone's days begin at one, so that days and months of any zone are
-- sums of whole quarters.
CREATE TABLE spent (
    service  INTEGER NOT NULL REFERENCES services (id),
    quarter  INTEGER NOT NULL,                -- of the intent, in 900,000 ms since 1970
    calls    INTEGER NOT NULL,                -- attempts that were not certainly unsent
    cost     INTEGER NOT NULL,                -- what they cost, or for those that have not ended what is reserved
    unpriced INTEGER NOT NULL DEFAULT 0,      -- those of them at a price that nobody has given
    PRIMARY KEY (service, quarter)
) STRICT, WITHOUT ROWID;

CREATE TABLE spent_by_run (
    run      INTEGER PRIMARY KEY REFERENCES runs (id),
    calls    INTEGER NOT NULL,
    cost     INTEGER NOT NULL,
    unpriced INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TRIGGER attempts_reserved AFTER INSERT ON attempts BEGIN
    INSERT INTO spent (service, quarter, calls, cost, unpriced)
    VALUES (new.service, new.started_at / 900000, new.state <> 'unsent', coalesce(new.cost, new.reserved), new.unpriced)
    ON CONFLICT DO UPDATE
    SET calls = calls + excluded.calls, cost = cost + excluded.cost, unpriced = unpriced + excluded.unpriced;
    INSERT INTO spent_by_run (run, calls, cost, unpriced)
    VALUES (new.run, new.state <> 'unsent', coalesce(new.cost, new.reserved), new.unpriced)
    ON CONFLICT DO UPDATE
    SET calls = calls + excluded.calls, cost = cost + excluded.cost, unpriced = unpriced + excluded.unpriced;
END;

-- Most answers cost what was reserved for them, and change nothing here.
CREATE TRIGGER attempts_ended AFTER UPDATE OF state, cost, unpriced ON attempts
WHEN coalesce(new.cost, new.reserved) <> coalesce(old.cost, old.reserved)
    OR (new.state <> 'unsent') <> (old.state <> 'unsent') OR new.unpriced <> old.unpriced
BEGIN
    UPDATE spent
    SET calls = calls + (new.state <> 'unsent') - (old.state <> 'unsent'),
        cost = cost + coalesce(new.cost, new.reserved) - coalesce(old.cost, old.reserved),
        unpriced = unpriced + new.unpriced - old.unpriced
    WHERE service = new.service AND quarter = new.started_at / 900000;
    UPDATE spent_by_run
    SET calls = calls + (new.state <> 'unsent') - (old.state <> 'unsent'),
        cost = cost + coalesce(new.cost, new.reserved) - coalesce(old.cost, old.reserved),
        unpriced = unpriced + new.unpriced - old.unpriced
    WHERE run = new.run;
END;

-- When the register last answered about a number, by service: what says how stale a row is, whatever its parameters.
CREATE TABLE heard (
    digest   BLOB NOT NULL,                   -- keyed, of the number
    service  INTEGER NOT NULL REFERENCES services (id),
    heard_at INTEGER NOT NULL,
    PRIMARY KEY (digest, service)
) STRICT, WITHOUT ROWID;

-- What cannot be read was answered nevertheless, and does not stand first in the order of every night that follows.
CREATE TRIGGER attempts_heard AFTER UPDATE OF state ON attempts
WHEN new.state IN ('answered', 'unread') AND new.settled_at IS NOT NULL
BEGIN
    INSERT INTO heard (digest, service, heard_at)
    SELECT digest, new.service, new.settled_at FROM rows
    WHERE run = new.run AND row = new.row AND digest IS NOT NULL
    ON CONFLICT DO UPDATE SET heard_at = max(heard_at, excluded.heard_at);
END;

-- The order of a run that begins with what is stalest, for the invocation that is under way.
CREATE TABLE turns (
    run      INTEGER NOT NULL REFERENCES runs (id),
    heard_at INTEGER NOT NULL,                -- 0: never
    row      INTEGER NOT NULL,
    PRIMARY KEY (run, heard_at, row)
) STRICT, WITHOUT ROWID;

-- What schedules have done. A fire is a row here before its run starts, so that it happens once, across restarts and across
-- daemons; which daemon has it is known by a file lock of that daemon's, and vanishes with it.
CREATE TABLE schedules (
    job        TEXT PRIMARY KEY,
    cron       TEXT,                          -- as a daemon last read it; null where the job was only paused
    since      INTEGER NOT NULL,              -- nothing that was due before is made up for
    paused_at  INTEGER,
    paused_why TEXT,
    CHECK ((paused_at IS NULL) = (paused_why IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE daemons (
    daemon     TEXT PRIMARY KEY,              -- a random word; also in the name of its lock file
    pid        INTEGER NOT NULL,
    host       TEXT NOT NULL,
    folder     TEXT NOT NULL,
    -- JSON list of the jobs it has, by name: a fire by hand is given to one that has the job, or to nobody.
    jobs       TEXT NOT NULL DEFAULT '[]',
    started_at INTEGER NOT NULL,
    beat_at    INTEGER NOT NULL               -- its heartbeat
) STRICT, WITHOUT ROWID;

CREATE TABLE fires (
    id         INTEGER PRIMARY KEY,
    job        TEXT NOT NULL,
    due        INTEGER NOT NULL,              -- without jitter
    cause      TEXT NOT NULL CHECK (cause IN ('schedule', 'missed', 'hand')),
    state      TEXT NOT NULL CHECK (state IN ('claimed', 'ended', 'skipped')),
    daemon     TEXT,                          -- who has or had it; null until somebody takes one that was given by hand
    claimed_at INTEGER NOT NULL,
    ended_at   INTEGER,
    exit       INTEGER,
    reason     TEXT,
    UNIQUE (job, due),
    CHECK ((state = 'claimed') = (ended_at IS NULL)),
    CHECK (state = 'ended' OR exit IS NULL),
    CHECK (daemon IS NOT NULL OR cause = 'hand')
) STRICT;
CREATE INDEX fires_open ON fires (job) WHERE state = 'claimed';
CREATE INDEX fires_ended ON fires (job, ended_at) WHERE state = 'ended';

-- Output files, by the run that wrote them: what they are called, so that no run takes another's file of the same day and an
-- older run leaves the newest one's alone, and what was found for each column.
CREATE TABLE outputs (
    run        INTEGER NOT NULL REFERENCES runs (id),
    base       TEXT NOT NULL,                 -- the path that the job names, its places filled
    path       TEXT NOT NULL,                 -- where it is
    place      INTEGER NOT NULL DEFAULT 0,    -- in the order of the job; 0 for the rejects of an output
    kind       TEXT CHECK (kind IN ('output', 'changes', 'rejects')), -- nothing before it is written
    rows       INTEGER NOT NULL DEFAULT 0,
    columns    TEXT NOT NULL DEFAULT '[]',    -- JSON list of [name, found, answers, chosen]
    written_at INTEGER,
    digest     BLOB,                          -- keyed, of what was written: whether somebody has changed it since
    removed    TEXT CHECK (removed IN ('deleted', 'kept')), -- what became of it when the run was purged
    PRIMARY KEY (run, base),
    CHECK ((kind IS NULL) = (written_at IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX outputs_path ON outputs (path);

-- Who did what (`ledger/audit.rs`): only added to, each entry bound to the one before it by its hash. No number and no purpose
-- stands in it. The triggers keep slips away; who goes round them is found by the hashes.
CREATE TABLE audit (
    id       INTEGER PRIMARY KEY,             -- from 1, without a gap
    at       INTEGER NOT NULL,
    what     TEXT NOT NULL CHECK (what IN ('run-begun', 'run-continued', 'retried', 'run-ended', 'run-closed', 'exported',
                                           'purged', 'erased', 'accessed', 'subjects-shown', 'backed-up', 'restored',
                                           'key-made', 'key-rotated', 'key-backed-up', 'key-restored', 'resolved',
                                           'reconciled', 'login')),
    run      TEXT,                            -- by its id for people: it may be none of this ledger any more
    job      TEXT,
    operator TEXT NOT NULL,
    details  TEXT NOT NULL CHECK (json_type(details) = 'object'), -- counts and paths
    hash     BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the log of who did what is only added to');
END;

CREATE TRIGGER audit_kept BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'the log of who did what is only added to');
END;

CREATE TRIGGER audit_gapless BEFORE INSERT ON audit WHEN new.id <> (SELECT coalesce(max(id), 0) + 1 FROM audit) BEGIN
    SELECT RAISE(ABORT, 'the log of who did what has no gap');
END;
