-- Calls that posted a letter of disclosure though the configuration says that they post none: remembered, so that no later
-- run posts another before the configuration is mended.
CREATE TABLE unannounced_letters (
    account     TEXT NOT NULL,
    environment TEXT NOT NULL,
    call        TEXT NOT NULL,                -- service or service:block, as `letters` and `no_letters` name it
    at          INTEGER NOT NULL,
    PRIMARY KEY (account, environment, call)
) STRICT, WITHOUT ROWID;

-- Calls that have no answer: few at any time, and looked for before every call that is made.
CREATE INDEX attempts_open ON attempts (identity) WHERE state IN ('started', 'unknown') AND resolved IS NULL;
