/* sql/install/30_job_tables.sql: work that is done again and again, or later. */

CREATE SEQUENCE mlops_private.job_id_seq
    AS bigint;
COMMENT ON SEQUENCE mlops_private.job_id_seq
  IS 'numbers of jobs';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.job_id_seq', '');

CREATE TABLE mlops_private.job (
    job_id                bigint NOT NULL DEFAULT pg_catalog.nextval('mlops_private.job_id_seq'),
    name                  text COLLATE "C" NOT NULL,
    kind                  text COLLATE "C" NOT NULL,
    owner_oid             oid NOT NULL,
    owner_name            name NOT NULL,
    owner_system          bigint NOT NULL,
    arguments             jsonb NOT NULL,
    every                 interval,
    first_due             timestamptz NOT NULL,
    next_due              timestamptz,
    state                 text COLLATE "C" NOT NULL DEFAULT 'idle',
    failures              integer NOT NULL DEFAULT 0,
    crash_count           integer NOT NULL DEFAULT 0,
    cancel_requested      boolean NOT NULL DEFAULT false,
    lease_until           timestamptz,
    running_run           bigint,
    running_pid           integer,
    running_backend_start timestamptz,
    running_system        bigint,
    created               timestamptz NOT NULL DEFAULT pg_catalog.now(),
    search_path           text NOT NULL,
    CONSTRAINT job_pkey PRIMARY KEY (job_id),
    CONSTRAINT job_state_check CHECK (state IN ('idle', 'running', 'suspended')),
    CONSTRAINT job_running_check CHECK ((state = 'running') = (running_run IS NOT NULL))
);
CREATE UNIQUE INDEX job_owner_oid_idx
    ON mlops_private.job (owner_oid, owner_system, name);
CREATE INDEX job_next_due_idx
    ON mlops_private.job (next_due)
    WHERE state = 'idle';
CREATE INDEX job_running_idx
    ON mlops_private.job (job_id)
    WHERE state = 'running';
COMMENT ON TABLE mlops_private.job
  IS 'what is to be done, when, and for whom';
COMMENT ON COLUMN mlops_private.job.owner_system
  IS 'system identifier of the cluster in which owner_oid means something; elsewhere owner_name decides';
COMMENT ON COLUMN mlops_private.job.every
  IS 'null: once';
COMMENT ON COLUMN mlops_private.job.first_due
  IS 'from here intervals are counted';
COMMENT ON COLUMN mlops_private.job.next_due
  IS 'null: not any more';
COMMENT ON COLUMN mlops_private.job.lease_until
  IS 'by then the session that claimed it has begun the work, and holds the lock on the row of job_run';
COMMENT ON COLUMN mlops_private.job.search_path
  IS 'of the session that planned it, in which names of its arguments mean something';
COMMENT ON COLUMN mlops_private.job.running_system
  IS 'the cluster in which running_pid runs';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.job', '');

CREATE SEQUENCE mlops_private.job_run_id_seq
    AS bigint;
COMMENT ON SEQUENCE mlops_private.job_run_id_seq
  IS 'numbers of runs of jobs';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.job_run_id_seq', '');

CREATE TABLE mlops_private.job_run (
    run_id     bigint NOT NULL DEFAULT pg_catalog.nextval('mlops_private.job_run_id_seq'),
    job_id     bigint NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at   timestamptz,
    state      text COLLATE "C" NOT NULL DEFAULT 'running',
    sqlstate   text,
    message    text,
    rows       bigint,
    detail     jsonb,
    CONSTRAINT job_run_pkey PRIMARY KEY (run_id),
    CONSTRAINT job_run_job_id_fkey FOREIGN KEY (job_id)
        REFERENCES mlops_private.job (job_id) ON DELETE CASCADE,
    CONSTRAINT job_run_state_check
        CHECK (state IN ('running', 'succeeded', 'failed', 'crashed', 'cancelled'))
);
CREATE INDEX job_run_job_id_idx
    ON mlops_private.job_run (job_id, run_id);
COMMENT ON TABLE mlops_private.job_run
  IS 'what became of the runs of jobs: of each job the last 1,000 of the last 90 days';
COMMENT ON COLUMN mlops_private.job_run.message
  IS 'in our own words: messages of errors can hold values of rows';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.job_run', '');
