-- The ground: who calls, what the admin set, files. Every `*_at` is milliseconds since 1970 by the server's clock.

CREATE TABLE accounts (
    id          uuid PRIMARY KEY,
    -- base58
    wallet      text NOT NULL UNIQUE,
    created_at  bigint NOT NULL,
    -- null: as the server's configuration says
    refunded_compute_ms bigint CHECK (refunded_compute_ms >= 0)
);

-- A node exists from its first sign-in on; what it offers comes with its enrolment.
CREATE TABLE nodes (
    id            uuid PRIMARY KEY,
    -- base58
    identity_key  text NOT NULL UNIQUE,
    created_at    bigint NOT NULL,
    banned_at     bigint,
    ban_reason    text
);

CREATE TABLE challenges (
    nonce       text PRIMARY KEY,
    address     text NOT NULL,
    role        text NOT NULL CHECK (role IN ('buyer', 'node')),
    message     text NOT NULL,
    expires_at  bigint NOT NULL
);
CREATE INDEX challenges_expiry ON challenges (expires_at);

CREATE TABLE sessions (
    id            uuid PRIMARY KEY,
    account_id    uuid REFERENCES accounts (id) ON DELETE CASCADE,
    node_id       uuid REFERENCES nodes (id) ON DELETE CASCADE,
    created_at    bigint NOT NULL,
    last_used_at  bigint NOT NULL,
    expires_at    bigint NOT NULL,
    ended_at      bigint,
    ended_because text,
    CHECK ((account_id IS NULL) <> (node_id IS NULL))
);
CREATE INDEX sessions_account ON sessions (account_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_node ON sessions (node_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- SHA-256 of each token; a refresh token that was used stays until its session is gone, so that a thief shows.
CREATE TABLE tokens (
    hash        bytea PRIMARY KEY,
    session_id  uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    kind        text NOT NULL CHECK (kind IN ('access', 'refresh')),
    expires_at  bigint NOT NULL,
    used_at     bigint
);
CREATE INDEX tokens_session ON tokens (session_id);

-- What an hour costs by the platform's list.
CREATE TABLE list_prices (
    gpu_type            text PRIMARY KEY,
    micro_usd_per_hour  bigint NOT NULL CHECK (micro_usd_per_hour > 0),
    set_at              bigint NOT NULL
);

-- Every rate that was ever set; the newest counts.
CREATE TABLE sol_rates (
    set_at             bigint PRIMARY KEY,
    micro_usd_per_sol  bigint NOT NULL CHECK (micro_usd_per_sol > 0)
);

-- One row.
CREATE TABLE platform (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    paused_at  bigint,
    -- 32 random bytes that every server of this database signs links and upload tokens with
    link_key   bytea NOT NULL CHECK (length(link_key) = 32)
);

-- The daily backups: whoever writes the day's row makes it.
CREATE TABLE backups (
    day         text PRIMARY KEY,
    started_at  bigint NOT NULL,
    done_at     bigint,
    name        text
);

-- What an admin did.
CREATE TABLE admin_log (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      bigint NOT NULL,
    verb    text NOT NULL,
    detail  jsonb NOT NULL
);

-- Files of jobs. A file is `open` while bytes arrive, `whole` once its digest was verified.
CREATE TABLE files (
    id          uuid PRIMARY KEY,
    job_id      uuid NOT NULL,
    -- null for inputs
    attempt_id  uuid,
    kind        text NOT NULL CHECK (kind IN ('input', 'output', 'checkpoint')),
    -- the checkpoint's; 0 else
    number      integer NOT NULL DEFAULT 0 CHECK (number >= 0),
    path        text NOT NULL,
    size        bigint NOT NULL CHECK (size >= 0),
    sha256      bytea NOT NULL CHECK (length(sha256) = 32),
    state       text NOT NULL CHECK (state IN ('open', 'whole')),
    -- bytes that arrived and are stored
    received    bigint NOT NULL DEFAULT 0,
    -- rises with each restart of the upload, so that parts of an earlier try are never mixed in
    try         integer NOT NULL DEFAULT 0,
    created_at  bigint NOT NULL,
    touched_at  bigint NOT NULL,
    CHECK (received BETWEEN 0 AND size),
    CHECK ((kind = 'input') = (attempt_id IS NULL)),
    CHECK (kind = 'checkpoint' OR number = 0)
);
CREATE UNIQUE INDEX files_inputs ON files (job_id, path) WHERE kind = 'input';
CREATE UNIQUE INDEX files_results ON files (attempt_id, kind, number, path) WHERE kind <> 'input';
CREATE INDEX files_jobs ON files (job_id);
CREATE INDEX files_open ON files (touched_at) WHERE state = 'open';

-- Parts of a file as objects, in order.
CREATE TABLE file_parts (
    file_id  uuid NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    start    bigint NOT NULL CHECK (start >= 0),
    size     bigint NOT NULL CHECK (size > 0),
    object   text NOT NULL,
    PRIMARY KEY (file_id, start)
);

-- Objects that no row names, or not yet: written down before they are stored, struck out with the row that names
-- them, and deleted by a sweep once nobody can be at work on them any more.
CREATE TABLE orphans (
    object      text PRIMARY KEY,
    since       bigint NOT NULL
);
