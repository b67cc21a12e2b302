-- What was spent, kept as it is written: a budget is asked within each transaction that reserves, and must not add up a
-- million attempts for it. Triggers keep it, so that whoever changes an attempt (an answer, a crash that is found, a
-- statement of the provider's) changes these sums in the same transaction and cannot forget to.
--
-- Time is cut in quarters of an hour since 1970: every zone's days begin at one, so that days and months of any zone are
-- sums of whole quarters.
CREATE TABLE spent (
    service INTEGER NOT NULL REFERENCES services (id),
    quarter INTEGER NOT NULL,                 -- of the intent, in 900,000 ms since 1970
    calls   INTEGER NOT NULL,                 -- attempts that were not certainly unsent
    cost    INTEGER NOT NULL,                 -- what they cost, or for those that have not ended what is reserved
    PRIMARY KEY (service, quarter)
) STRICT, WITHOUT ROWID;

CREATE TABLE spent_by_run (
    run   INTEGER PRIMARY KEY REFERENCES runs (id),
    calls INTEGER NOT NULL,
    cost  INTEGER NOT NULL
) STRICT;

INSERT INTO spent (service, quarter, calls, cost)
SELECT service, started_at / 900000, sum(state <> 'unsent'), sum(coalesce(cost, reserved)) FROM attempts GROUP BY 1, 2;

INSERT INTO spent_by_run (run, calls, cost)
SELECT run, sum(state <> 'unsent'), sum(coalesce(cost, reserved)) FROM attempts GROUP BY 1;

CREATE TRIGGER attempts_reserved AFTER INSERT ON attempts BEGIN
    INSERT INTO spent (service, quarter, calls, cost)
    VALUES (new.service, new.started_at / 900000, new.state <> 'unsent', coalesce(new.cost, new.reserved))
    ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, cost = cost + excluded.cost;
    INSERT INTO spent_by_run (run, calls, cost)
    VALUES (new.run, new.state <> 'unsent', coalesce(new.cost, new.reserved))
    ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, cost = cost + excluded.cost;
END;

-- Most answers cost what was reserved for them, and change nothing here.
CREATE TRIGGER attempts_ended AFTER UPDATE OF state, cost ON attempts
WHEN coalesce(new.cost, new.reserved) <> coalesce(old.cost, old.reserved)
    OR (new.state <> 'unsent') <> (old.state <> 'unsent')
BEGIN
    UPDATE spent
    SET calls = calls + (new.state <> 'unsent') - (old.state <> 'unsent'),
        cost = cost + coalesce(new.cost, new.reserved) - coalesce(old.cost, old.reserved)
    WHERE service = new.service AND quarter = new.started_at / 900000;
    UPDATE spent_by_run
    SET calls = calls + (new.state <> 'unsent') - (old.state <> 'unsent'),
        cost = cost + coalesce(new.cost, new.reserved) - coalesce(old.cost, old.reserved)
    WHERE run = new.run;
END;
