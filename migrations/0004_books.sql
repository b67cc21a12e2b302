-- What a provider's statement, or the user's own word, says of an attempt whose answer was lost. `billed` leaves its state
-- `unknown`, since nobody has the answer; what was not carried out is `refused` from then on.
ALTER TABLE attempts ADD COLUMN resolved TEXT CHECK (resolved IN ('billed', 'not-carried-out'));

-- A lookup that was billed for an answer that is lost is settled, and its outcome stays `unknown`. Only a CHECK is
-- loosened, so what is stored stays as it is: https://sqlite.org/lang_altertable.html, section 8, has this way of doing it,
-- which does not copy a million rows.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(
    sql,
    'CHECK ((state = ''parked'') = (outcome IS ''unknown''))',
    'CHECK (state <> ''parked'' OR outcome IS ''unknown'')'
) WHERE type = 'table' AND name = 'lookups';
PRAGMA writable_schema = RESET;
