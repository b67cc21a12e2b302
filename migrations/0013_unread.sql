-- Answers that arrived whole and are no answers yet: one that cannot be read (`unread`: carried out, its price certain), and
-- one to another question (`unknown`, as if it were lost). Both are kept as they arrived, with what is needed to read them
-- again, and are shown by nothing. Only a CHECK is loosened, as in 0004.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(
    sql,
    '''refused'', ''unsent'', ''unknown'')',
    '''refused'', ''unsent'', ''unknown'', ''unread'')'
) WHERE type = 'table' AND name = 'attempts';
PRAGMA writable_schema = RESET;

-- Where these are there, `body` is as it arrived, and no JSON of ours.
ALTER TABLE answers ADD COLUMN status INTEGER;
ALTER TABLE answers ADD COLUMN content_type TEXT;

-- Calls without an answer that could be used: few at any time, and looked for before every call that is made.
DROP INDEX attempts_open;
CREATE INDEX attempts_open ON attempts (identity)
WHERE state IN ('started', 'unknown', 'unread') AND resolved IS NULL;

-- What cannot be read was answered nevertheless, and does not stand first in the order of every night that follows.
DROP TRIGGER attempts_heard;
CREATE TRIGGER attempts_heard AFTER UPDATE OF state ON attempts
WHEN new.state IN ('answered', 'unread') AND new.settled_at IS NOT NULL
BEGIN
    INSERT INTO heard (subject, service, heard_at)
    SELECT subject, new.service, new.settled_at FROM rows
    WHERE run = new.run AND row = new.row AND subject IS NOT NULL
    ON CONFLICT DO UPDATE SET heard_at = max(heard_at, excluded.heard_at);
END;
