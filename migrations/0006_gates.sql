-- A lookup that its condition kept from being asked: what it would have cost, where it would have been bought.
ALTER TABLE lookups ADD COLUMN saved INTEGER;
