-- When a cool-down or a hold on logins was learned: what a clock that was ahead has written is told by it, and counts from now.
ALTER TABLE accounts ADD COLUMN cool_down_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN login_held_at INTEGER NOT NULL DEFAULT 0;
-- Of those that are there: not before the account's last call, and the last login.
UPDATE accounts SET
    cool_down_at = coalesce((
        SELECT max(a.started_at) FROM (SELECT started_at, service FROM attempts ORDER BY id DESC LIMIT 1000) a
        JOIN services s ON s.id = a.service WHERE s.account = accounts.account AND s.environment = accounts.environment
    ), 0),
    login_held_at = coalesce((
        SELECT max(at) FROM logins l WHERE l.account = accounts.account AND l.environment = accounts.environment
    ), 0);

-- Answers that are kept and cannot be read, of each run: few, and looked for by every `retry`.
CREATE INDEX attempts_unread ON attempts (run) WHERE state = 'unread';

-- An answer is taken over by rows of any run: they are found by it.
DROP INDEX lookups_reused;
CREATE INDEX lookups_reused ON lookups (attempt, run) WHERE source = 'reused';
