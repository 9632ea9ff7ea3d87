/* sql/install/68_alerts.sql: alerts: looking at them, and what people do about them.
 *
 * Refers to 33_alert_tables.sql and mlops_private.may().
 */

CREATE FUNCTION mlops.acknowledge_alert(
    alert bigint,
    note text DEFAULT NULL,
    OUT alert bigint,
    OUT model text,
    OUT version integer,
    OUT kind text,
    OUT subject text,
    OUT state text,
    OUT at timestamptz)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_acknowledge_alert'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.acknowledge_alert(bigint, text)
  IS 'say that you know of an alert; it stays until what it is about is over, and is told again only if it gets worse';

CREATE FUNCTION mlops.close_alert(
    alert bigint,
    note text DEFAULT NULL,
    OUT alert bigint,
    OUT model text,
    OUT version integer,
    OUT kind text,
    OUT subject text,
    OUT state text,
    OUT at timestamptz)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_close_alert'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.close_alert(bigint, text)
  IS 'say that what an alert is about is over; if it is not, there will be a new one';

CREATE FUNCTION mlops.silence_alerts(
    model text,
    kind text DEFAULT NULL,
    subject text DEFAULT NULL,
    until timestamptz DEFAULT pg_catalog.now() OPERATOR(pg_catalog.+) interval '1 day',
    note text DEFAULT NULL,
    OUT model text,
    OUT kind text,
    OUT subject text,
    OUT until timestamptz)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_silence_alerts'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.silence_alerts(text, text, text, timestamptz, text)
  IS 'notify nobody of alerts of a kind, about a feature, metric or job (null is any) until then; they are stored all the same';

CREATE FUNCTION mlops.unsilence_alerts(
    model text,
    kind text DEFAULT NULL,
    subject text DEFAULT NULL,
    OUT model text,
    OUT kind text,
    OUT subject text,
    OUT ended bigint)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_unsilence_alerts'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.unsilence_alerts(text, text, text)
  IS 'end silences before their time: those of the kind and of the subject, null being all of them';

CREATE FUNCTION mlops.raise_alert(
    model text,
    subject text,
    severity text DEFAULT 'warning',
    value double precision DEFAULT NULL,
    threshold double precision DEFAULT NULL,
    OUT model text,
    OUT kind text,
    OUT subject text,
    OUT severity text,
    OUT is_new boolean)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_raise_alert'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.raise_alert(text, text, text, double precision, double precision)
  IS 'an alert of kind custom, for a rule of your own; while it is open, the same again only counts';

CREATE FUNCTION mlops.clear_alert(
    model text,
    subject text,
    OUT model text,
    OUT kind text,
    OUT subject text,
    OUT was_open boolean)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_clear_alert'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.clear_alert(text, text)
  IS 'close an alert of kind custom: what it was about is over';

CREATE VIEW mlops.alerts WITH (security_barrier) AS
SELECT a.alert_id AS alert,
       m.name::text AS model,
       nullif(a.version, 0) AS version,
       a.kind,
       nullif(a.subject, '') AS subject,
       a.severity,
       a.state,
       a.method,
       a.value,
       a.threshold,
       a.window_start,
       a.window_end,
       a.seen,
       a.opened,
       a.last_seen,
       a.acknowledged,
       a.acknowledged_by,
       a.note,
       a.closed,
       EXISTS (SELECT 1
                 FROM mlops_private.alert_silence s
                WHERE s.model_id = a.model_id
                  AND s.kind IN ('', a.kind)
                  AND s.subject IN ('', a.subject)
                  AND s.until > pg_catalog.clock_timestamp()) AS silenced
  FROM mlops_private.alert a
  JOIN mlops_private.model m ON m.model_id = a.model_id
 WHERE mlops_private.may(m.model_id, 'read');
COMMENT ON VIEW mlops.alerts
  IS 'what somebody should look at, of models you may read; version null: the model';

CREATE VIEW mlops.alert_silences WITH (security_barrier) AS
SELECT m.name::text AS model,
       nullif(s.kind, '') AS kind,
       nullif(s.subject, '') AS subject,
       s.until,
       s.silenced_by,
       s.silenced_at,
       s.note
  FROM mlops_private.alert_silence s
  JOIN mlops_private.model m ON m.model_id = s.model_id
 WHERE mlops_private.may(m.model_id, 'read')
   AND s.until > pg_catalog.clock_timestamp();
COMMENT ON VIEW mlops.alert_silences
  IS 'what nobody is told of at the moment, of models you may read; kind or subject null: any';
