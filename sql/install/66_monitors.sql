/* sql/install/66_monitors.sql: monitors, and what they found.
 *
 * Refers to 32_monitor_tables.sql, 30_job_tables.sql and mlops_private.may().
 */

CREATE FUNCTION mlops.monitor(
    model text,
    every interval DEFAULT NULL,
    "window" interval DEFAULT NULL,
    thresholds jsonb DEFAULT NULL,
    segments text[] DEFAULT NULL,
    on_drift text DEFAULT NULL,
    lateness interval DEFAULT NULL,
    OUT model text,
    OUT every interval,
    OUT "window" interval,
    OUT thresholds jsonb,
    OUT segments text[],
    OUT on_drift text,
    OUT lateness interval,
    OUT revision integer,
    OUT job text)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_monitor'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.monitor(text, interval, interval, jsonb, text[], text, interval)
  IS 'watch a model: judge each window of its prediction log; null: as it is, and at first every hour, windows of a day, the usual thresholds';

CREATE FUNCTION mlops.unmonitor(
    model text,
    OUT model text,
    OUT revision integer)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_unmonitor'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.unmonitor(text)
  IS 'stop watching a model, and forget its windows and verdicts; its alerts are closed, the prediction log stays';

CREATE FUNCTION mlops.run_monitor(
    model text,
    as_of timestamptz DEFAULT NULL,
    OUT model text,
    OUT rows bigint,
    OUT late bigint,
    OUT windows integer,
    OUT raised integer,
    OUT cleared integer,
    OUT published_until timestamptz,
    OUT more boolean)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_run_monitor'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.run_monitor(text, timestamptz)
  IS 'count what was logged since, and judge the windows that are over as of then (null: now), at most 200; more: there are others';

CREATE VIEW mlops.monitors WITH (security_barrier) AS
SELECT m.name::text AS model,
       o.every,
       o.window_width AS "window",
       o.lateness,
       o.thresholds,
       o.segments,
       o.on_drift,
       o.revision,
       CASE WHEN j.job_id IS NOT NULL
            THEN mlops_private.current_owner(j.owner_oid, j.owner_name, j.owner_system)
       END AS owner,
       j.name AS job,
       j.state AS job_state,
       j.next_due,
       nullif(o.published_until, '-infinity') AS published_until,
       nullif(o.last_row, '-infinity') AS last_row,
       w.windows AS waiting,
       CASE WHEN w.windows = 0 THEN '0'::interval
            ELSE greatest(pg_catalog.now() - (w.oldest + o.window_width + o.lateness), '0'::interval)
       END AS lag,
       o.created,
       o.created_by
  FROM mlops_private.monitor o
  JOIN mlops_private.model m ON m.model_id = o.model_id
  LEFT JOIN mlops_private.job j ON j.job_id = o.job_id
 CROSS JOIN LATERAL (SELECT pg_catalog.count(DISTINCT l.window_start) AS windows,
                            pg_catalog.min(l.window_start) AS oldest
                       FROM mlops_private.log_window l
                      WHERE l.monitor_id = o.monitor_id
                        AND l.window_start >= o.published_until
                        AND NOT l.late) w
 WHERE mlops_private.may(o.model_id, 'read');
COMMENT ON VIEW mlops.monitors
  IS 'which models are watched, by what; waiting: windows counted and not judged yet, lag: for how long the oldest could have been; owner null: nobody runs it';

CREATE VIEW mlops.drift_windows WITH (security_barrier) AS
SELECT m.name::text AS model,
       w.version,
       w.window_start,
       w.window_end,
       w.status,
       w.severity,
       w.share,
       w.rows,
       coalesce(l.rows, 0) AS late,
       w.revision,
       w.definitions,
       w.published
  FROM mlops_private.monitor_window w
  JOIN mlops_private.monitor o ON o.monitor_id = w.monitor_id
  JOIN mlops_private.model m ON m.model_id = o.model_id
  LEFT JOIN mlops_private.log_window l
    ON l.monitor_id = w.monitor_id AND l.version = w.version AND l.window_start = w.window_start
   AND l.late AND NOT l.shadow
 WHERE mlops_private.may(o.model_id, 'read');
COMMENT ON VIEW mlops.drift_windows
  IS 'the verdict on each window of a version, with what it was judged by; late: rows that came after it';

CREATE VIEW mlops.drift_report WITH (security_barrier) AS
SELECT m.name::text AS model,
       w.version,
       w.window_start,
       w.window_end,
       d.track AS feature,
       d.kind,
       d.baseline,
       d.method,
       d.value,
       d.threshold,
       d.severity,
       d.status,
       d.p,
       d.p_adjusted,
       d.rows,
       d.missing,
       d.unseen,
       d.out_of_range,
       d.detail
  FROM mlops_private.drift_result d
  JOIN mlops_private.monitor_window w USING (monitor_id, version, window_start)
  JOIN mlops_private.monitor o USING (monitor_id)
  JOIN mlops_private.model m ON m.model_id = o.model_id
 WHERE mlops_private.may(o.model_id, 'read');
COMMENT ON VIEW mlops.drift_report
  IS 'what each feature of a window differs by from the training rows (baseline training) and from the window before (previous), and what the rules found (rule)';
