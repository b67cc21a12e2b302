-- When the register last answered about a number, by service: what says how stale a row is, whatever its parameters.
CREATE TABLE heard (
    subject  TEXT NOT NULL,
    service  INTEGER NOT NULL REFERENCES services (id),
    heard_at INTEGER NOT NULL,
    PRIMARY KEY (subject, service)
) STRICT, WITHOUT ROWID;

INSERT INTO heard (subject, service, heard_at)
SELECT r.subject, a.service, max(a.settled_at) FROM attempts a JOIN rows r ON r.run = a.run AND r.row = a.row
WHERE a.state = 'answered' AND a.settled_at IS NOT NULL AND r.subject IS NOT NULL GROUP BY 1, 2;

CREATE TRIGGER attempts_heard AFTER UPDATE OF state ON attempts WHEN new.state = 'answered' AND new.settled_at IS NOT NULL
BEGIN
    INSERT INTO heard (subject, service, heard_at)
    SELECT subject, new.service, new.settled_at FROM rows
    WHERE run = new.run AND row = new.row AND subject IS NOT NULL
    ON CONFLICT DO UPDATE SET heard_at = max(heard_at, excluded.heard_at);
END;

-- The order of a run that begins with what is stalest, for the invocation that is under way.
CREATE TABLE turns (
    run      INTEGER NOT NULL REFERENCES runs (id),
    heard_at INTEGER NOT NULL,                -- 0: never
    row      INTEGER NOT NULL,
    PRIMARY KEY (run, heard_at, row)
) STRICT, WITHOUT ROWID;
