/* sql/install/32_monitor_tables.sql: monitors, the windows of the prediction log as counts, and
 * what was made of them.
 */

CREATE SEQUENCE mlops_private.monitor_id_seq
    AS bigint;
COMMENT ON SEQUENCE mlops_private.monitor_id_seq
  IS 'numbers of monitors';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.monitor_id_seq', '');

CREATE TABLE mlops_private.monitor (
    monitor_id      bigint NOT NULL DEFAULT pg_catalog.nextval('mlops_private.monitor_id_seq'),
    model_id        bigint NOT NULL,
    every           interval NOT NULL,
    window_width    interval NOT NULL,
    lateness        interval NOT NULL,
    thresholds      jsonb NOT NULL,
    segments        text[] NOT NULL,
    on_drift        text COLLATE "C" NOT NULL,
    counted_until   bigint NOT NULL DEFAULT 0,
    counted_system  bigint NOT NULL DEFAULT 0,
    published_until timestamptz NOT NULL DEFAULT '-infinity',
    performance_until timestamptz NOT NULL DEFAULT '-infinity',
    last_row        timestamptz NOT NULL DEFAULT '-infinity',
    revision        integer NOT NULL DEFAULT 1,
    job_id          bigint,
    created_by      name NOT NULL,
    created         timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT monitor_pkey PRIMARY KEY (monitor_id),
    CONSTRAINT monitor_model_id_key UNIQUE (model_id),
    CONSTRAINT monitor_model_id_fkey FOREIGN KEY (model_id)
        REFERENCES mlops_private.model (model_id) ON DELETE CASCADE,
    CONSTRAINT monitor_on_drift_check CHECK (on_drift IN ('alert', 'retrain'))
);
COMMENT ON TABLE mlops_private.monitor
  IS 'which models are watched, and by what';
COMMENT ON COLUMN mlops_private.monitor.lateness
  IS 'how long after its end a window waits for rows before it is published';
COMMENT ON COLUMN mlops_private.monitor.counted_until
  IS 'rows of transactions before this one are counted; means something in the cluster "counted_system" only';
COMMENT ON COLUMN mlops_private.monitor.counted_system
  IS 'as the column system of the prediction log (mlops_log_system); 0: never counted';
COMMENT ON COLUMN mlops_private.monitor.published_until
  IS 'windows that end by then have been judged';
COMMENT ON COLUMN mlops_private.monitor.performance_until
  IS 'of windows that end by then, outcomes have been judged';
COMMENT ON COLUMN mlops_private.monitor.last_row
  IS 'time of the latest row that was counted';
COMMENT ON COLUMN mlops_private.monitor.job_id
  IS 'the job that runs it; no key, because its owner can remove it';
COMMENT ON COLUMN mlops_private.monitor.revision
  IS 'one more whenever width or thresholds change';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.monitor', '');

-- of clusters that the database was in before: a log can hold rows of several
CREATE TABLE mlops_private.monitor_counted (
    monitor_id    bigint NOT NULL,
    system        bigint NOT NULL,
    counted_until bigint NOT NULL,
    CONSTRAINT monitor_counted_pkey PRIMARY KEY (monitor_id, system),
    CONSTRAINT monitor_counted_monitor_id_fkey FOREIGN KEY (monitor_id)
        REFERENCES mlops_private.monitor (monitor_id) ON DELETE CASCADE
);
COMMENT ON TABLE mlops_private.monitor_counted
  IS 'up to which transaction rows of clusters other than monitor.counted_system are counted';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.monitor_counted', '');

CREATE TABLE mlops_private.log_window (
    monitor_id   bigint NOT NULL,
    version      integer NOT NULL,
    window_start timestamptz NOT NULL,
    late         boolean NOT NULL,
    shadow       boolean NOT NULL,
    rows         bigint NOT NULL,
    skipped      bigint NOT NULL,
    latency      bytea NOT NULL,
    counts       bytea NOT NULL,
    CONSTRAINT log_window_pkey PRIMARY KEY (monitor_id, version, window_start, late, shadow),
    CONSTRAINT log_window_monitor_id_fkey FOREIGN KEY (monitor_id)
        REFERENCES mlops_private.monitor (monitor_id) ON DELETE CASCADE
);
CREATE INDEX log_window_window_start_idx
    ON mlops_private.log_window (monitor_id, window_start);
COMMENT ON TABLE mlops_private.log_window
  IS 'the prediction log of a monitor''s model, counted by version and time; the format of latency and counts is described in src/drift/window_store.c';
COMMENT ON COLUMN mlops_private.log_window.late
  IS 'rows that were counted after the window had been published';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.log_window', '');

CREATE TABLE mlops_private.monitor_window (
    monitor_id   bigint NOT NULL,
    version      integer NOT NULL,
    window_start timestamptz NOT NULL,
    window_end   timestamptz NOT NULL,
    revision     integer NOT NULL,
    rows         bigint NOT NULL,
    status       text COLLATE "C" NOT NULL,
    severity     text COLLATE "C" NOT NULL,
    share        double precision,
    definitions  jsonb NOT NULL,
    published    timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    CONSTRAINT monitor_window_pkey PRIMARY KEY (monitor_id, version, window_start),
    CONSTRAINT monitor_window_monitor_id_fkey FOREIGN KEY (monitor_id)
        REFERENCES mlops_private.monitor (monitor_id) ON DELETE CASCADE,
    CONSTRAINT monitor_window_status_check CHECK (status IN ('ok', 'low_n', 'no_data', 'no_reference')),
    CONSTRAINT monitor_window_severity_check CHECK (severity IN ('none', 'warning', 'major'))
);
COMMENT ON TABLE mlops_private.monitor_window
  IS 'the verdict on each window of a version, with what it was judged by';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.monitor_window', '');

CREATE TABLE mlops_private.drift_result (
    monitor_id   bigint NOT NULL,
    version      integer NOT NULL,
    window_start timestamptz NOT NULL,
    kind         text COLLATE "C" NOT NULL,
    track        text NOT NULL,
    baseline     text COLLATE "C" NOT NULL,
    method       text COLLATE "C" NOT NULL,
    value        double precision,
    threshold    double precision,
    severity     text COLLATE "C" NOT NULL,
    status       text COLLATE "C" NOT NULL,
    p            double precision,
    p_adjusted   double precision,
    rows         bigint NOT NULL,
    missing      double precision,
    unseen       double precision,
    out_of_range double precision,
    detail       jsonb NOT NULL,
    CONSTRAINT drift_result_pkey PRIMARY KEY (monitor_id, version, window_start, kind, track, baseline),
    CONSTRAINT drift_result_window_fkey FOREIGN KEY (monitor_id, version, window_start)
        REFERENCES mlops_private.monitor_window (monitor_id, version, window_start) ON DELETE CASCADE,
    CONSTRAINT drift_result_severity_check CHECK (severity IN ('none', 'warning', 'major'))
);
COMMENT ON TABLE mlops_private.drift_result
  IS 'what each feature of a window differs by from the training rows, and from the window before';
COMMENT ON COLUMN mlops_private.drift_result.detail
  IS 'the other statistics: D between two bounds, distances, noise floor';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.drift_result', '');
