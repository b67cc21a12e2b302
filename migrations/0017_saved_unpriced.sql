-- Whether nobody has given a price for the call that a condition kept from being made.
ALTER TABLE lookups ADD COLUMN saved_unpriced INTEGER NOT NULL DEFAULT 0;
