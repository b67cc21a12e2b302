-- Who asks whom: a keyed digest of the upstream's address and the user, under which two accounts are known to be one.
ALTER TABLE accounts ADD COLUMN asker TEXT;
