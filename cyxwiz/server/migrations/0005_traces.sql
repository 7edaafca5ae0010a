-- Traces of jobs.

-- The call that created the job: its trace is the job's.
ALTER TABLE jobs ADD COLUMN parent_span bytea CHECK (length(parent_span) = 8);

-- What has ended and is to be told to a collector. A row is written with what ends a thing, in the same transaction and
-- whichever way that is done, but only by servers that have a collector: their connections say `cyxwiz.traced`. Who
-- takes a row away sends the span, so that it is sent once, also where the server that ended the thing is gone.
CREATE TABLE spans_due (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('job', 'attempt', 'verify', 'payment')),
    job_id     uuid NOT NULL,
    -- of the attempt, or of the one that was verified
    epoch      integer,
    outbox_id  bigint,
    -- what the thing became
    state      text NOT NULL DEFAULT '',
    began_at   bigint NOT NULL,
    ended_at   bigint NOT NULL
);

CREATE FUNCTION job_span_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO spans_due (kind, job_id, state, began_at, ended_at)
    VALUES ('job', NEW.id, NEW.state, NEW.created_at, NEW.ended_at);
    RETURN NULL;
END $$;
CREATE TRIGGER job_span_due AFTER UPDATE OF ended_at ON jobs FOR EACH ROW
    WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL AND current_setting('cyxwiz.traced', true) = 'on')
    EXECUTE FUNCTION job_span_due();

CREATE FUNCTION verify_span_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO spans_due (kind, job_id, epoch, state, began_at, ended_at)
    VALUES ('verify', NEW.id, OLD.epoch, NEW.state, OLD.state_at, NEW.state_at);
    RETURN NULL;
END $$;
CREATE TRIGGER verify_span_due AFTER UPDATE OF state ON jobs FOR EACH ROW
    WHEN (OLD.state = 'verifying' AND NEW.state <> 'verifying' AND current_setting('cyxwiz.traced', true) = 'on')
    EXECUTE FUNCTION verify_span_due();

CREATE FUNCTION attempt_span_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO spans_due (kind, job_id, epoch, began_at, ended_at)
    VALUES ('attempt', NEW.job_id, NEW.epoch, NEW.assigned_at, NEW.released_at);
    RETURN NULL;
END $$;
CREATE TRIGGER attempt_span_due AFTER UPDATE OF released_at ON attempts FOR EACH ROW
    WHEN (OLD.released_at IS NULL AND NEW.released_at IS NOT NULL AND current_setting('cyxwiz.traced', true) = 'on')
    EXECUTE FUNCTION attempt_span_due();

CREATE FUNCTION payment_span_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO spans_due (kind, job_id, epoch, outbox_id, state, began_at, ended_at)
    VALUES ('payment', NEW.job_id, nullif(NEW.epoch, 0), NEW.id, NEW.state, NEW.created_at, NEW.done_at);
    RETURN NULL;
END $$;
CREATE TRIGGER payment_span_due AFTER UPDATE OF state ON outbox FOR EACH ROW
    WHEN (OLD.done_at IS NULL AND NEW.done_at IS NOT NULL AND current_setting('cyxwiz.traced', true) = 'on')
    EXECUTE FUNCTION payment_span_due();
