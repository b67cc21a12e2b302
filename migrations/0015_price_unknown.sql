-- Calls that were carried out, or may have been, at a price that nobody has given. What is counted for them is 0, and is
-- not what they cost.
ALTER TABLE attempts ADD COLUMN unpriced INTEGER NOT NULL DEFAULT 0 CHECK (unpriced IN (0, 1));
-- Where every service has its price, there is none.
CREATE INDEX attempts_unpriced ON attempts (run, service) WHERE unpriced = 1;

-- The sums that budgets are asked of tell of them too.
ALTER TABLE spent ADD COLUMN unpriced INTEGER NOT NULL DEFAULT 0;
ALTER TABLE spent_by_run ADD COLUMN unpriced INTEGER NOT NULL DEFAULT 0;

DROP TRIGGER attempts_reserved;
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

DROP TRIGGER attempts_ended;
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
