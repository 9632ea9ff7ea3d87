-- drift() at once, and windows counted in steps

SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE ROLE regress_mlops_drift;
GRANT CREATE ON SCHEMA public TO regress_mlops_drift;
SET ROLE regress_mlops_drift;

CREATE TABLE drift_rows AS
SELECT i AS id,
       ((i * 7919) % 10007)::float8 AS x,
       CASE WHEN i % 20 > 0 THEN ((i * 6007) % 9973)::float8 / 100 END AS gappy,
       (ARRAY['a', 'b', 'c', 'd'])[1 + (i * 31) % 4] AS c,
       ((i * 7919) % 10007)::float8 * 2 + (i % 7) AS y
  FROM generate_series(1, 1000) AS i;
SELECT version FROM mlops.train('drift_m', 'SELECT x, gappy, c, y FROM drift_rows', 'y',
                                'linear_regression', validation => '{"method": "none"}');

-- nothing was logged
SELECT feature, kind, method, value, severity, rows, reference_rows, low_n, status FROM mlops.drift('drift_m');

-- what arrives: x is larger, gappy is missing more often, c has a value that was not there
CREATE TABLE drift_new AS
SELECT id, x * 0.8 + 2500 AS x, CASE WHEN id % 5 > 0 THEN gappy END AS gappy,
       CASE WHEN id % 10 = 0 THEN 'new' ELSE c END AS c
  FROM drift_rows WHERE id <= 400;
SELECT count(*) FROM drift_new t, LATERAL mlops.score('drift_m', t, t.id::text) AS s;
SELECT feature, kind, method, round(value::numeric, 4) AS value, round(threshold::numeric, 4) AS threshold, severity,
       rows, reference_rows, round(missing::numeric, 4) AS missing, round(missing_reference::numeric, 4) AS missing_reference,
       round(unseen::numeric, 4) AS unseen, low_n, status
  FROM mlops.drift('drift_m') WHERE kind IN ('number', 'category', 'model');

-- PSI by its definition, in SQL: deciles as percentile_disc has them, missing values in a bin
-- of their own, shares of all rows, at least 1e-4
CREATE FUNCTION drift_psi(col text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    psi float8;
BEGIN
    EXECUTE format($q$
        WITH cuts AS (SELECT percentile_disc(ARRAY[.1, .2, .3, .4, .5, .6, .7, .8, .9]) WITHIN GROUP (ORDER BY %1$I) AS at
                        FROM drift_rows),
        binned AS (SELECT false AS now, (SELECT count(*) FROM unnest(at) AS cut WHERE cut < %1$I)
                          + CASE WHEN %1$I IS NULL THEN 100 ELSE 0 END AS bin FROM drift_rows, cuts
                    UNION ALL
                   SELECT true, (SELECT count(*) FROM unnest(at) AS cut WHERE cut < %1$I)
                          + CASE WHEN %1$I IS NULL THEN 100 ELSE 0 END FROM drift_new, cuts),
        shares AS (SELECT bin, greatest(count(*) FILTER (WHERE NOT now) / 1000.0::float8, 1e-4) AS r,
                          greatest(count(*) FILTER (WHERE now) / 400.0::float8, 1e-4) AS c FROM binned GROUP BY bin)
        SELECT sum((c - r) * ln(c / r)) FROM shares$q$, col) INTO psi;
    RETURN psi;
END $$;
SELECT feature, abs(value - drift_psi(feature)) < 1e-9 AS psi_agrees
  FROM mlops.drift('drift_m') WHERE kind = 'number' AND feature !~ '[(]';

-- D of the raw values lies between the bounds
WITH pooled AS (SELECT x, false AS now FROM drift_rows UNION ALL SELECT x, true FROM drift_new),
steps AS (SELECT DISTINCT x, count(*) FILTER (WHERE NOT now) OVER w / 1000.0::float8 AS f,
                 count(*) FILTER (WHERE now) OVER w / 400.0::float8 AS g
            FROM pooled WINDOW w AS (ORDER BY x))
SELECT ks_low <= d + 1e-12 AND d <= ks_high + 1e-12 AS bracketed, ks_high - ks_low < 0.02 AS narrow
  FROM mlops.drift('drift_m'), (SELECT max(abs(f - g)) AS d FROM steps) s WHERE feature = 'x';

-- p values adjusted as Benjamini and Hochberg have it, over features only
WITH d AS (SELECT * FROM mlops.drift('drift_m')),
ranked AS (SELECT feature, p, p_adjusted, row_number() OVER (ORDER BY p) AS i, count(*) OVER () AS m
             FROM d WHERE kind IN ('number', 'category') AND p IS NOT NULL)
SELECT feature, abs(p_adjusted - (SELECT least(1, min(r.p * r.m / r.i)) FROM ranked r WHERE r.i >= ranked.i)) < 1e-12 AS adjusted
  FROM ranked ORDER BY feature;
SELECT bool_and(p_adjusted = p) AS alone FROM mlops.drift('drift_m') WHERE kind IN ('output', 'joint');

-- a source in place of the log, and in place of the training rows
SELECT feature, status, severity, rows, reference_rows FROM mlops.drift('drift_m', source => 'drift_rows');
SELECT l.feature, abs(l.value - s.value) < 1e-12 AS same
  FROM mlops.drift('drift_m') l JOIN mlops.drift('drift_m', source => 'SELECT * FROM drift_new') s USING (feature);
SELECT feature, value, severity, rows, reference_rows
  FROM mlops.drift('drift_m', baseline => 'SELECT * FROM drift_new') WHERE kind <> 'model';

-- spans
SELECT sum(rows) AS none FROM mlops.drift('drift_m', until => now() - interval '1 day');
SELECT feature, rows, reference_rows, status FROM mlops.drift('drift_m', "last" => '1 day', baseline => 'previous');
SELECT count(*) FROM drift_new t, LATERAL mlops.score('drift_m', t, at => now() - interval '36 hours') AS s WHERE id <= 150;
SELECT feature, rows, reference_rows, low_n, status FROM mlops.drift('drift_m', "last" => '1 day', baseline => 'previous');
SELECT feature, rows, severity, low_n, status
  FROM mlops.drift('drift_m', since => now() - interval '2 days', until => now() - interval '1 day') WHERE feature = 'x';
SELECT DISTINCT rows FROM mlops.drift('drift_m:1');
SELECT DISTINCT rows FROM mlops.drift('drift_m', version => 1);

-- errors
SELECT * FROM mlops.drift('drift_m', since => now(), until => now() - interval '1 day');
SELECT * FROM mlops.drift('drift_m', since => now(), "last" => '1 day');
SELECT * FROM mlops.drift('drift_m', "last" => '-1 day');
SELECT * FROM mlops.drift('drift_m', baseline => 'previous');
SELECT * FROM mlops.drift('drift_m', source => 'drift_rows', baseline => 'previous');
SELECT * FROM mlops.drift('drift_m', source => 'drift_rows', "last" => '1 day');
SELECT * FROM mlops.drift('drift_m', baseline => NULL);
SELECT * FROM mlops.drift('drift_m', version => 2);
SELECT * FROM mlops.drift('drift_none');
SELECT * FROM mlops.drift('drift_m', source => 'SELECT 1 AS x');
\set VERBOSITY sqlstate
SELECT * FROM mlops.drift('drift_m', baseline => 'no_such_table');
\set VERBOSITY default

-- in a read-only transaction
BEGIN READ ONLY;
SELECT count(*) FROM mlops.drift('drift_m');
COMMIT;

-- what this transaction has logged counts at once, and in a monitor when it is over
SELECT "window" FROM mlops.monitor('drift_m', every => '1 hour', "window" => '1 day');
BEGIN;
SELECT count(*) FROM drift_new t, LATERAL mlops.score('drift_m', t) AS s WHERE id <= 10;
SELECT DISTINCT rows FROM mlops.drift('drift_m');
SELECT rows FROM mlops.run_monitor('drift_m');
COMMIT;
SELECT rows FROM mlops.run_monitor('drift_m');
SELECT rows FROM mlops.run_monitor('drift_m');

-- in a transaction that sees an older state: the step has a snapshot of its own
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 AS snapshot;
SELECT count(*) FROM drift_new t, LATERAL mlops.score('drift_m', t) AS s WHERE id <= 5;
SELECT rows FROM mlops.run_monitor('drift_m');
COMMIT;
SELECT rows FROM mlops.run_monitor('drift_m');

-- stored is what is counted again
RESET ROLE;
SELECT bool_and(s.rows = r.rows AND s.skipped = r.skipped AND s.latency = r.latency AND s.counts = r.counts) AS same,
       sum(s.rows) AS rows, count(*) > 1 AS several
  FROM mlops_private.windows_stored('drift_m') s
  FULL JOIN mlops_private.windows_recounted('drift_m', '1 day') r USING (version, window_start);

-- any bytes give windows or an error
CREATE TEMP TABLE damage AS
SELECT monitor_id, window_start, counts FROM mlops_private.log_window ORDER BY window_start LIMIT 1;
CREATE FUNCTION pg_temp.try(bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    UPDATE mlops_private.log_window w SET counts = bytes FROM damage d
     WHERE w.monitor_id = d.monitor_id AND w.window_start = d.window_start;
    PERFORM * FROM mlops_private.windows_stored('drift_m');
    RETURN 'a window';
EXCEPTION WHEN data_corrupted THEN
    RETURN 'damaged';
END $$;
SELECT bytes, pg_temp.try(bytes)
  FROM (VALUES ('\x'::bytea), ('\x01'), ('\x02'), ('\x0100'), ('\x0105'), ('\x01050004'), ('\x01050005'), ('\x0105000401'),
               ('\x01ffffffff7f00'), ('\x0102ffffffffffffffff7f01'), ('\x0102ffffffffffffffffff01')) AS v (bytes);
SELECT count(*) AS tried, count(*) FILTER (WHERE outcome = 'a window') >= 1 AS some_are_windows,
       bool_and(outcome IN ('a window', 'damaged')) AS nothing_else
  FROM (SELECT pg_temp.try(set_byte(counts, i % length(counts), (i * 37) % 256)) AS outcome
          FROM damage, generate_series(0, 300) AS i) t;
SELECT pg_temp.try(counts) FROM damage;

SET ROLE regress_mlops_drift;
SELECT mlops.drop_model('drift_m') IS NOT NULL AS dropped;
RESET ROLE;
DROP TABLE drift_rows, drift_new;
DROP FUNCTION drift_psi(text);
REVOKE CREATE ON SCHEMA public FROM regress_mlops_drift;
DROP ROLE regress_mlops_drift;
