-- A node that only had no place at that moment: the job may go there again soon.
ALTER TABLE attempts ADD COLUMN busy boolean NOT NULL DEFAULT false;
-- Benchmarks whose answers are awaited: their nodes get no work meanwhile.
CREATE INDEX benchmarks_open ON benchmarks (node_id) WHERE passed IS NULL;
-- Nodes that get no work until they have passed a benchmark: looked for every second.
CREATE INDEX node_offers_unconfirmed ON node_offers (node_id) WHERE confirmed IS DISTINCT FROM hardware;
