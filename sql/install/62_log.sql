/* sql/install/62_log.sql: scoring with a log, and reading it.
 *
 * Refers to 29_log_tables.sql and mlops_private.may().
 */

CREATE FUNCTION mlops.score(
    model text,
    "row" record,
    key text DEFAULT NULL,
    at timestamptz DEFAULT NULL,
    OUT value double precision,
    OUT label text,
    OUT version integer,
    OUT variant text,
    OUT prediction_id bigint)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_score_record'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 200;
COMMENT ON FUNCTION mlops.score(text, record, text, timestamptz)
  IS 'score one row (columns by name) and log it: the estimate, or a probability and the class; divided by the model''s route';

CREATE FUNCTION mlops.score(
    model text,
    features jsonb,
    key text DEFAULT NULL,
    at timestamptz DEFAULT NULL,
    OUT value double precision,
    OUT label text,
    OUT version integer,
    OUT variant text,
    OUT prediction_id bigint)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_score_jsonb'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 200;
COMMENT ON FUNCTION mlops.score(text, jsonb, text, timestamptz)
  IS 'score one row (keys by name) and log it: the estimate, or a probability and the class; divided by the model''s route';

CREATE FUNCTION mlops.score(
    model text,
    x double precision[],
    key text DEFAULT NULL,
    at timestamptz DEFAULT NULL,
    OUT value double precision,
    OUT label text,
    OUT version integer,
    OUT variant text,
    OUT prediction_id bigint)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_score_array'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 200;
COMMENT ON FUNCTION mlops.score(text, double precision[], text, timestamptz)
  IS 'score one row (by position) and log it: the estimate, or a probability and the class; divided by the model''s route';

CREATE FUNCTION mlops.set_log_sampling(
    model text,
    share double precision,
    OUT model text,
    OUT share real,
    OUT previous real)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_set_log_sampling'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.set_log_sampling(text, double precision)
  IS 'log only a share of a model''s predictions, chosen by key: the same keys always, and in shadow too';

CREATE VIEW mlops.log_sampling WITH (security_barrier) AS
SELECT m.name::text AS model,
       s.share,
       s.set_by,
       s.set_at
  FROM mlops_private.log_sampling s
  JOIN mlops_private.model m ON m.model_id = s.model_id
 WHERE mlops_private.may(m.model_id, 'read');
COMMENT ON VIEW mlops.log_sampling
  IS 'models you may read of whose predictions only a share is logged';

CREATE FUNCTION mlops.log_trigger()
RETURNS trigger
AS 'MODULE_PATHNAME', 'mlops_log_trigger'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.log_trigger()
  IS 'AFTER INSERT OR UPDATE, FOR EACH ROW: log_trigger(''model'', ''key=column'' [, ''value=column''] [, ''at=column'']) logs what the model says of the row that was stored';

CREATE FUNCTION mlops.log_features(
    prediction bigint)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'mlops_log_features'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 200;
COMMENT ON FUNCTION mlops.log_features(bigint)
  IS 'the features of a logged prediction by name; null if its version was dropped';

CREATE FUNCTION mlops_private.logged_features(
    model_id bigint,
    version integer,
    features bytea)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'mlops_logged_features'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION mlops_private.logged_features(bigint, integer, bytea)
  IS 'for the view mlops.predictions: features as the log has them, by name';

CREATE FUNCTION mlops_private.logged_probabilities(
    model_id bigint,
    version integer,
    value double precision,
    probabilities real[])
RETURNS jsonb
AS 'MODULE_PATHNAME', 'mlops_logged_probabilities'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION mlops_private.logged_probabilities(bigint, integer, double precision, real[])
  IS 'for the view mlops.predictions: probabilities as the log has them, by class';

CREATE VIEW mlops.predictions WITH (security_barrier) AS
SELECT p.prediction_id AS prediction,
       m.name::text AS model,
       p.version,
       p.variant,
       p.key,
       p.happened_at AS at,
       p.value,
       p.label,
       mlops_private.logged_probabilities(p.model_id, p.version, p.value, p.probabilities) AS probabilities,
       mlops_private.logged_features(p.model_id, p.version, p.features) AS features,
       p.caller,
       p.latency_us,
       p.shadow,
       coalesce(p.share, 1) AS share
  FROM mlops_private.prediction p
  JOIN mlops_private.model m ON m.model_id = p.model_id
 WHERE mlops_private.may(m.model_id, 'logs');
COMMENT ON VIEW mlops.predictions
  IS 'the prediction log of models whose log you may read; rows of this transaction may be missing until it commits';

CREATE FUNCTION mlops.record_outcome(
    model text,
    key text,
    actual text,
    at timestamptz DEFAULT pg_catalog.now(),
    OUT model text,
    OUT key text,
    OUT actual text,
    OUT at timestamptz,
    OUT changed boolean)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_record_outcome_text'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.record_outcome(text, text, text, timestamptz)
  IS 'record what became of what was predicted for a key; the same again changes nothing';

CREATE FUNCTION mlops.record_outcome(
    model text,
    key text,
    actual double precision,
    at timestamptz DEFAULT pg_catalog.now(),
    OUT model text,
    OUT key text,
    OUT actual text,
    OUT at timestamptz,
    OUT changed boolean)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_record_outcome_number'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.record_outcome(text, text, double precision, timestamptz)
  IS 'record what became of what was predicted for a key; the same again changes nothing';

CREATE FUNCTION mlops.record_outcomes(
    model text,
    source text,
    key text DEFAULT 'key',
    actual text DEFAULT 'actual',
    at text DEFAULT NULL,
    OUT model text,
    OUT rows bigint,
    OUT new bigint,
    OUT changed bigint,
    OUT unchanged bigint,
    OUT skipped bigint)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_record_outcomes'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.record_outcomes(text, text, text, text, text)
  IS 'record_outcome() for every row of a table or query; key, actual and at name its columns; skipped: without a key, or not known yet';

CREATE VIEW mlops.outcomes WITH (security_barrier) AS
SELECT m.name::text AS model,
       o.key,
       o.value AS actual_value,
       o.label AS actual_label,
       o.happened_at AS at,
       o.recorded_by,
       o.recorded_at,
       p.prediction_id AS prediction,
       p.version,
       p.variant,
       p.happened_at AS predicted_at,
       p.value,
       p.label,
       p.shadow
  FROM mlops_private.outcome o
  JOIN mlops_private.model m ON m.model_id = o.model_id
  LEFT JOIN mlops_private.prediction p ON p.model_id = o.model_id AND p.key = o.key
 WHERE mlops_private.may(m.model_id, 'logs');
COMMENT ON VIEW mlops.outcomes
  IS 'what became of what was predicted, one row for each logged prediction of the key; of models whose log you may read';
