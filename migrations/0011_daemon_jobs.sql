-- Which jobs a daemon has, by name: a fire by hand is given to one that has the job, or to nobody.
ALTER TABLE daemons DROP COLUMN jobs;
ALTER TABLE daemons ADD COLUMN jobs TEXT NOT NULL DEFAULT '[]';
