-- The market: jobs, attempts, offers, payments. Every `*_at` is milliseconds since 1970 by the server's clock.
-- Amounts are base units of the job's coin.

-- What a node offers. What changes with every beat stands in node_beats.
CREATE TABLE node_offers (
    node_id       uuid PRIMARY KEY REFERENCES nodes (id),
    -- cyxwiz.v1.EnrolNodeRequest
    enrolled      bytea NOT NULL,
    enrolled_at   bigint NOT NULL,
    payout_wallet bytea NOT NULL CHECK (length(payout_wallet) = 32),
    min_price     bigint NOT NULL CHECK (min_price >= 0),
    availability  jsonb NOT NULL,
    -- what the last benchmark was passed with; another hardware is due for one
    confirmed     bytea,
    confirmed_at  bigint,
    hardware      bytea NOT NULL
);

-- What may be used by one job: a GPU of a node, or one of its processor slots.
CREATE TABLE places (
    node_id     uuid NOT NULL REFERENCES node_offers (node_id) ON DELETE CASCADE,
    place       text NOT NULL,
    gpu_uuid    text NOT NULL,
    gpu_type    text NOT NULL,
    vram_mib    bigint NOT NULL,
    cpu_milli   bigint NOT NULL,
    memory_mib  bigint NOT NULL,
    disk_mib    bigint NOT NULL,
    containers  boolean NOT NULL,
    PRIMARY KEY (node_id, place)
);

-- Written once a second for all nodes of a server. Room on the page keeps it to heap-only updates.
CREATE TABLE node_beats (
    node_id    uuid PRIMARY KEY REFERENCES nodes (id),
    last_beat  bigint NOT NULL,
    -- the server that holds the node's stream; null: none
    server_id  uuid
) WITH (fillfactor = 50);

-- Since when there was always a server that took beats. One row.
CREATE TABLE uptime (
    one       boolean PRIMARY KEY DEFAULT true CHECK (one),
    up_since  bigint NOT NULL,
    seen_at   bigint NOT NULL
);

CREATE TABLE benchmarks (
    id           uuid PRIMARY KEY,
    node_id      uuid NOT NULL REFERENCES nodes (id) ON DELETE CASCADE,
    seed         bytea NOT NULL,
    rounds       bigint NOT NULL,
    threads      integer NOT NULL,
    cpu_model    text NOT NULL,
    hardware     bytea NOT NULL,
    given_at     bigint NOT NULL,
    deadline_at  bigint NOT NULL,
    took_ms      bigint,
    passed       boolean,
    message      text
);
CREATE INDEX benchmarks_node ON benchmarks (node_id, given_at DESC);
CREATE INDEX benchmarks_class ON benchmarks (cpu_model, given_at DESC) WHERE passed;

CREATE TABLE jobs (
    id              uuid PRIMARY KEY,
    account_id      uuid NOT NULL REFERENCES accounts (id),
    buyer           bytea NOT NULL CHECK (length(buyer) = 32),
    idempotency_key text NOT NULL,
    request_sha256  bytea NOT NULL,
    name            text NOT NULL,
    -- cyxwiz.v1.JobSpec
    spec            bytea NOT NULL,
    state           text NOT NULL,
    state_at        bigint NOT NULL,
    created_at      bigint NOT NULL,
    queued_at       bigint,
    ended_at        bigint,
    trace_id        bytea NOT NULL,
    -- the quote
    coin            text NOT NULL CHECK (coin IN ('SOL', 'USDC')),
    price           bigint NOT NULL,
    rate            bigint NOT NULL,
    micro_usd_per_sol bigint,
    quote_expires_at bigint NOT NULL,
    -- the terms
    deposit         bigint NOT NULL CHECK (deposit > 0),
    limit_units     bigint NOT NULL CHECK (limit_units >= deposit),
    expire_at       bigint NOT NULL,
    config_version  bigint NOT NULL,
    settle_key      bytea NOT NULL,
    treasury        bytea NOT NULL,
    fee_bps         integer NOT NULL,
    timeout_ms      bigint NOT NULL,
    -- its attempts
    epoch           integer NOT NULL DEFAULT 0,
    attempts_used   integer NOT NULL DEFAULT 0,
    max_attempts    integer NOT NULL,
    attempt_id      uuid,
    -- how its run ended
    ending_reason   text,
    ending_class    text,
    ending_exit     integer,
    ending_message  text,
    delivered       boolean NOT NULL DEFAULT false,
    dispute_until   bigint,
    disputed        text,
    -- what it came to
    metered_ms      bigint,
    charged         bigint,
    paid_node       bigint,
    paid_platform   bigint,
    refunded        bigint,
    open_signature  text,
    close_signature text,
    UNIQUE (account_id, idempotency_key)
);
CREATE INDEX jobs_queue ON jobs (queued_at, id) WHERE state = 'queued';
CREATE INDEX jobs_open ON jobs (state, state_at)
    WHERE state NOT IN ('completed', 'refunded', 'cancelled', 'queued');
CREATE INDEX jobs_of ON jobs (account_id, id DESC);

-- The files that a job's buyer declared.
CREATE TABLE job_inputs (
    job_id  uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    path    text NOT NULL,
    size    bigint NOT NULL CHECK (size >= 0),
    sha256  bytea NOT NULL CHECK (length(sha256) = 32),
    PRIMARY KEY (job_id, path)
);

-- The newest event of each job; its row lock orders a job's events, so that no reader ever sees a gap close later.
CREATE TABLE job_seq (
    job_id     uuid PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    seq        bigint NOT NULL DEFAULT 0,
    log_bytes  bigint NOT NULL DEFAULT 0,
    log_full   boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50);

CREATE TABLE job_events (
    job_id  uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    seq     bigint NOT NULL,
    -- cyxwiz.v1.WatchJobResponse
    event   bytea NOT NULL,
    PRIMARY KEY (job_id, seq)
);

CREATE TABLE attempts (
    id           uuid PRIMARY KEY,
    job_id       uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    epoch        integer NOT NULL CHECK (epoch > 0),
    node_id      uuid NOT NULL REFERENCES nodes (id),
    place        text NOT NULL,
    gpu_uuid     text NOT NULL,
    payee        bytea NOT NULL CHECK (length(payee) = 32),
    assigned_at  bigint NOT NULL,
    accepted_at  bigint,
    -- its place is free again
    released_at  bigint,
    -- what was told to stop it, and when
    stop_reason  text,
    stop_at      bigint,
    -- as the node reported: cyxwiz.v1.Ending
    exited       bytea,
    artifact_digest text NOT NULL DEFAULT '',
    task_id      text NOT NULL DEFAULT '',
    -- how it ended
    ending_reason  text,
    ending_class   text,
    ending_exit    integer,
    ending_message text,
    -- cyxwiz.v1.Finished
    finished     bytea,
    log_seq      bigint NOT NULL DEFAULT 0,
    UNIQUE (job_id, epoch)
);
-- two jobs never share a place
CREATE UNIQUE INDEX attempts_place ON attempts (node_id, place) WHERE released_at IS NULL;
CREATE INDEX attempts_node ON attempts (node_id, id DESC);

-- The time that is charged. Written once a second for all runs of a server.
CREATE TABLE meters (
    attempt_id  uuid PRIMARY KEY REFERENCES attempts (id) ON DELETE CASCADE,
    job_id      uuid NOT NULL,
    started_at  bigint NOT NULL,
    last_at     bigint NOT NULL,
    counted_ms  bigint NOT NULL,
    ended_at    bigint,
    -- the last sample of what it uses: cyxwiz.v1.Usage
    usage       bytea
) WITH (fillfactor = 50);

CREATE TABLE checkpoints (
    attempt_id  uuid NOT NULL REFERENCES attempts (id) ON DELETE CASCADE,
    number      integer NOT NULL CHECK (number > 0),
    job_id      uuid NOT NULL,
    epoch       integer NOT NULL,
    at          bigint NOT NULL,
    PRIMARY KEY (attempt_id, number)
);
CREATE INDEX checkpoints_job ON checkpoints (job_id, epoch DESC, number DESC);

-- What is to be sent to the chain. Rows of a job are sent one after the other, by their ids.
CREATE TABLE outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id       uuid NOT NULL REFERENCES jobs (id),
    kind         text NOT NULL CHECK (kind IN ('assign', 'top_up', 'settle', 'refund')),
    epoch        integer NOT NULL DEFAULT 0,
    payee        bytea,
    -- top_up: how much more; settle: the charge
    amount       bigint NOT NULL DEFAULT 0,
    -- top_up: what is set aside once it has landed
    deposit_then bigint NOT NULL DEFAULT 0,
    -- waiting: nobody has bytes of it; sent: `signed` may have gone out; the others are final
    state        text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'landed', 'moot')),
    -- the transaction as cyxwiz-chain writes it down, recorded before it is sent
    signed       jsonb,
    signature    text,
    tries        integer NOT NULL DEFAULT 0,
    not_before   bigint NOT NULL DEFAULT 0,
    lease_until  bigint NOT NULL DEFAULT 0,
    lease_by     uuid,
    error        text NOT NULL DEFAULT '',
    created_at   bigint NOT NULL,
    sent_at      bigint,
    done_at      bigint,
    CHECK (state <> 'sent' OR signed IS NOT NULL)
);
CREATE INDEX outbox_open ON outbox (job_id, id) WHERE state IN ('waiting', 'sent');
-- money leaves an escrow once
CREATE UNIQUE INDEX outbox_settled ON outbox (job_id) WHERE kind = 'settle' AND state = 'landed';

-- Every transaction that was ever signed for a row.
CREATE TABLE outbox_signed (
    outbox_id  bigint NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
    signature  text NOT NULL,
    at         bigint NOT NULL,
    PRIMARY KEY (outbox_id, signature)
);

-- Time of failed runs that was given back: counts against the wallet's cap for a day.
CREATE TABLE refunded_compute (
    attempt_id  uuid PRIMARY KEY REFERENCES attempts (id),
    account_id  uuid NOT NULL REFERENCES accounts (id),
    at          bigint NOT NULL,
    ms          bigint NOT NULL
);
CREATE INDEX refunded_compute_of ON refunded_compute (account_id, at);

-- Where the meter and the chain differ: must stay empty.
CREATE TABLE alarms (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      bigint NOT NULL,
    job_id  uuid,
    what    text NOT NULL
);

-- The first time that somebody did something, from sign-up to the first paid job.
CREATE TABLE funnel (
    who    uuid NOT NULL,
    step   text NOT NULL,
    at     bigint NOT NULL,
    PRIMARY KEY (who, step)
);
