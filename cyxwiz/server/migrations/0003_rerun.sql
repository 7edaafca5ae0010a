-- Runs of deterministic jobs that are made again as a check.
ALTER TABLE jobs
    -- null: not chosen; due: it waits for a second run, and is not settled before; the others say what came of it
    ADD COLUMN recheck text CHECK (recheck IN ('due', 'agrees', 'differs', 'unknown')),
    -- a server makes it now, up to then, by the database's clock
    ADD COLUMN recheck_until bigint NOT NULL DEFAULT 0,
    ADD COLUMN recheck_note text NOT NULL DEFAULT '';
CREATE INDEX jobs_recheck ON jobs (state_at) WHERE state = 'verifying' AND recheck = 'due';
