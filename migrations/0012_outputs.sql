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
    PRIMARY KEY (run, base),
    CHECK ((kind IS NULL) = (written_at IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX outputs_path ON outputs (path);
