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
    jobs       INTEGER NOT NULL,
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

-- Written with the run itself, so that there is no instant at which a fire could begin a second one.
ALTER TABLE runs ADD COLUMN fire INTEGER REFERENCES fires (id);
CREATE UNIQUE INDEX runs_by_fire ON runs (fire) WHERE fire IS NOT NULL;
