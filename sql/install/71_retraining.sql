/* sql/install/71_retraining.sql: when a model's successor is trained, and what became of it. */

CREATE FUNCTION mlops.retrain_policy(
    model text,
    "trigger" text,
    source text DEFAULT NULL,
    every interval DEFAULT NULL,
    "window" interval DEFAULT NULL,
    time_column name DEFAULT NULL,
    cooldown interval DEFAULT '1 day',
    budget jsonb DEFAULT '{}',
    metric text DEFAULT NULL,
    min_gain double precision DEFAULT 0,
    new_rows bigint DEFAULT NULL,
    promote_alias text DEFAULT NULL,
    holdout double precision DEFAULT 0.2,
    start timestamptz DEFAULT NULL,
    OUT model text,
    OUT "trigger" text,
    OUT metric text,
    OUT job text,
    OUT every interval,
    OUT next_check timestamptz,
    OUT replaced boolean)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_retrain_policy'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.retrain_policy(text, text, text, interval, interval, name, interval, jsonb, text, double precision, bigint, text, double precision, timestamptz)
  IS 'have a model''s successor trained in the background by the champion''s recipe and compared with the champion; trigger: schedule, drift, performance or new rows';

CREATE FUNCTION mlops.drop_retrain_policy(
    model text,
    OUT model text,
    OUT "trigger" text,
    OUT job text)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_drop_retrain_policy'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.drop_retrain_policy(text)
  IS 'remove a model''s retrain policy and its job';

CREATE VIEW mlops.retrain_policies WITH (security_barrier) AS
SELECT m.name::text AS model,
       p.trigger_kind AS "trigger",
       CASE WHEN mlops_private.may(m.model_id, 'train')
                 OR mlops_private.may(m.model_id, 'manage')
                 OR mlops_private.may(m.model_id, 'artifact')
            THEN p.source
       END AS source,
       j.every,
       p.window_width AS "window",
       p.time_column::text AS time_column,
       p.cooldown,
       p.budget,
       p.metric,
       p.min_gain,
       p.new_rows,
       p.promote_alias::text AS promote_alias,
       p.holdout,
       mlops_private.current_owner(j.owner_oid, j.owner_name, j.owner_system) AS owner,
       j.name AS job,
       j.state,
       j.failures,
       j.next_due AS next_check,
       p.checked_at,
       p.outcome,
       p.set_by::text AS set_by,
       p.set_at
  FROM mlops_private.retrain_policy p
  JOIN mlops_private.model m ON m.model_id = p.model_id
  JOIN mlops_private.job j ON j.job_id = p.job_id
 WHERE mlops_private.may(m.model_id, 'read');
COMMENT ON VIEW mlops.retrain_policies
  IS 'when models you may read are trained again; owner: who trains, null if that role is gone; outcome: of the last look';

CREATE VIEW mlops.retrainings WITH (security_barrier) AS
SELECT r.retraining_id AS retraining,
       m.name::text AS model,
       r.started,
       r.ended,
       r.trigger_kind AS "trigger",
       r.cause,
       r.champion,
       r.challenger,
       r.rows_training,
       r.rows_holdout,
       r.data_from,
       r.data_cut,
       r.data_until,
       r.metric,
       r.champion_value,
       r.challenger_value,
       r.gain,
       r.gain_low,
       r.gain_high,
       r.p_value,
       r.decision,
       r.reason,
       r.request,
       r.run_by::text AS run_by
  FROM mlops_private.retraining r
  JOIN mlops_private.model m ON m.model_id = r.model_id
 WHERE mlops_private.may(m.model_id, 'read');
COMMENT ON VIEW mlops.retrainings
  IS 'trainings that a policy made of models you may read: why, and how champion and challenger did on the same rows';
