/* sql/install/27_run_tables.sql: runs of experiments and what they measured.
 *
 * An experiment is a name that runs share.  Every training is a run of its model's
 * experiment, written as one row; other runs log metrics one by one.
 */

CREATE SEQUENCE mlops_private.run_id_seq
    AS bigint;
COMMENT ON SEQUENCE mlops_private.run_id_seq
  IS 'numbers of runs';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.run_id_seq', '');

CREATE TABLE mlops_private.run (
    run_id           bigint NOT NULL DEFAULT pg_catalog.nextval('mlops_private.run_id_seq'),
    experiment       text,
    name             text,
    parent           bigint,
    owner_oid        oid NOT NULL,
    owner_name       name NOT NULL,
    owner_system     bigint NOT NULL,
    trained_id       bigint,
    linked_id        bigint,
    version          integer,
    params           jsonb NOT NULL,
    metrics          jsonb NOT NULL DEFAULT '{}',
    curve_step       integer[],
    curve_train      double precision[],
    curve_validation double precision[],
    status           text NOT NULL,
    started_at       timestamptz NOT NULL,
    ended_at         timestamptz,
    note             text,
    CONSTRAINT run_pkey PRIMARY KEY (run_id),
    CONSTRAINT run_trained_fkey FOREIGN KEY (trained_id)
        REFERENCES mlops_private.model (model_id) ON DELETE CASCADE,
    CONSTRAINT run_linked_fkey FOREIGN KEY (linked_id)
        REFERENCES mlops_private.model (model_id) ON DELETE SET NULL,
    CONSTRAINT run_experiment_check CHECK ((experiment IS NULL) = (trained_id IS NOT NULL)),
    CONSTRAINT run_linked_check CHECK (linked_id IS NULL OR trained_id IS NULL),
    CONSTRAINT run_status_check CHECK (status IN ('running', 'finished', 'failed', 'killed')),
    CONSTRAINT run_ended_check CHECK ((ended_at IS NULL) = (status = 'running'))
);
CREATE INDEX run_experiment_idx ON mlops_private.run (experiment) WHERE experiment IS NOT NULL;
CREATE INDEX run_trained_id_idx ON mlops_private.run (trained_id) WHERE trained_id IS NOT NULL;
CREATE INDEX run_linked_id_idx ON mlops_private.run (linked_id) WHERE linked_id IS NOT NULL;
COMMENT ON TABLE mlops_private.run
  IS 'one attempt at something: parameters, metrics, when, whose; immutable once it has ended';
COMMENT ON COLUMN mlops_private.run.experiment
  IS 'NULL: the name of the model that was trained';
COMMENT ON COLUMN mlops_private.run.parent
  IS 'can be gone; not a foreign key, since pg_dump warns of a table that refers to itself';
COMMENT ON COLUMN mlops_private.run.owner_system
  IS 'system identifier of the cluster in which owner_oid means something; elsewhere owner_name decides';
COMMENT ON COLUMN mlops_private.run.trained_id
  IS 'a training: the model whose version it made; the run goes with it';
COMMENT ON COLUMN mlops_private.run.linked_id
  IS 'not a training: the model that its owner linked it to; the run outlives it';
COMMENT ON COLUMN mlops_private.run.metrics
  IS 'of a training, as measured; other metrics are in run_metric';
COMMENT ON COLUMN mlops_private.run.curve_step
  IS 'of a training by iterations: which of them the losses in the next two columns are of';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.run', '');

CREATE TABLE mlops_private.run_metric (
    run_id           bigint NOT NULL,
    key              text COLLATE "C" NOT NULL,
    step             bigint NOT NULL,
    value            double precision NOT NULL,
    logged_at        timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    CONSTRAINT run_metric_pkey PRIMARY KEY (run_id, key, step),
    CONSTRAINT run_metric_run_fkey FOREIGN KEY (run_id)
        REFERENCES mlops_private.run (run_id) ON DELETE CASCADE
);
COMMENT ON TABLE mlops_private.run_metric
  IS 'metrics that runs logged';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.run_metric', '');
