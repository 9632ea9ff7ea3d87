/* sql/install/33_retraining_tables.sql: when a model's successor is trained, and what became of it. */

CREATE TABLE mlops_private.retrain_policy (
    model_id      bigint NOT NULL,
    job_id        bigint NOT NULL,
    trigger_kind  text COLLATE "C" NOT NULL,
    source        text NOT NULL,
    window_width  interval,
    time_column   name,
    cooldown      interval NOT NULL,
    budget        jsonb NOT NULL,
    metric        text COLLATE "C" NOT NULL,
    min_gain      double precision NOT NULL,
    new_rows      bigint,
    promote_alias name,
    holdout       double precision NOT NULL,
    wanted        timestamptz,
    checked_at    timestamptz,
    outcome       text,
    set_by        name NOT NULL,
    set_at        timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT retrain_policy_pkey PRIMARY KEY (model_id),
    CONSTRAINT retrain_policy_job_id_key UNIQUE (job_id),
    CONSTRAINT retrain_policy_model_id_fkey FOREIGN KEY (model_id)
        REFERENCES mlops_private.model (model_id) ON DELETE CASCADE,
    CONSTRAINT retrain_policy_job_id_fkey FOREIGN KEY (job_id)
        REFERENCES mlops_private.job (job_id) ON DELETE CASCADE,
    CONSTRAINT retrain_policy_trigger_kind_check
        CHECK (trigger_kind IN ('schedule', 'drift', 'performance', 'new rows'))
);
COMMENT ON TABLE mlops_private.retrain_policy
  IS 'when successors of models are trained; the owner of the job trains';
COMMENT ON COLUMN mlops_private.retrain_policy.wanted
  IS 'since when a monitor asks for it';
COMMENT ON COLUMN mlops_private.retrain_policy.outcome
  IS 'of the last look, in words';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.retrain_policy', '');

CREATE SEQUENCE mlops_private.retraining_id_seq
    AS bigint;
COMMENT ON SEQUENCE mlops_private.retraining_id_seq
  IS 'numbers of retrainings';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.retraining_id_seq', '');

CREATE TABLE mlops_private.retraining (
    retraining_id    bigint NOT NULL DEFAULT pg_catalog.nextval('mlops_private.retraining_id_seq'),
    model_id         bigint NOT NULL,
    trigger_kind     text COLLATE "C" NOT NULL,
    cause            text NOT NULL,
    source           text NOT NULL,
    champion         integer,
    challenger       integer,
    rows_training    bigint,
    rows_holdout     bigint,
    data_from        timestamptz,
    data_cut         timestamptz,
    data_until       timestamptz,
    metric           text COLLATE "C" NOT NULL,
    champion_value   double precision,
    challenger_value double precision,
    gain             double precision,
    gain_low         double precision,
    gain_high        double precision,
    p_value          double precision,
    decision         text COLLATE "C" NOT NULL,
    reason           text NOT NULL,
    request          bigint,
    run_by           name NOT NULL,
    started          timestamptz NOT NULL,
    ended            timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    CONSTRAINT retraining_pkey PRIMARY KEY (retraining_id),
    CONSTRAINT retraining_model_id_fkey FOREIGN KEY (model_id)
        REFERENCES mlops_private.model (model_id) ON DELETE CASCADE,
    CONSTRAINT retraining_decision_check
        CHECK (decision IN ('promoted', 'requested', 'proposed', 'kept', 'skipped', 'failed'))
);
CREATE INDEX retraining_model_id_idx
    ON mlops_private.retraining (model_id, started);
COMMENT ON TABLE mlops_private.retraining
  IS 'trainings that a policy made: why, and how champion and challenger did on the same rows';
COMMENT ON COLUMN mlops_private.retraining.source
  IS 'the policy''s; the version has the part of it that was trained on';
COMMENT ON COLUMN mlops_private.retraining.data_cut
  IS 'rows up to here were trained on, later ones compared on';
SELECT pg_catalog.pg_extension_config_dump('mlops_private.retraining', '');
