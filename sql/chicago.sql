-- A model that meets eight years it was not trained on, day by day: the daily rides at the
-- Clark/Lake station of the Chicago "L" (src/test/data).  docs/drift.md tells it as a story.
SET TIME ZONE 'UTC';
SET datestyle = 'ISO';
CREATE VIEW rides AS
SELECT day, ridership, clark_lake, belmont, harlem, monroe, jefferson_park, california, temp, precipitation, snow,
       CASE extract(isodow FROM day) WHEN 6 THEN 'saturday' WHEN 7 THEN 'sunday' ELSE 'workday' END AS kind_of_day
  FROM chicago;
SELECT version FROM mlops.train('rides', $$SELECT ridership, clark_lake, belmont, harlem, monroe, jefferson_park, california, temp, precipitation, snow, kind_of_day
    FROM rides WHERE day < '2009-01-01'$$, 'ridership', 'linear_regression', validation => '{"method": "none"}');
SELECT model, "window", job FROM mlops.monitor('rides', "window" => '365 days', lateness => '1 day',
    thresholds => '{"raise_after": 1, "clear_after": 1, "performance": {"rmse": {"max": 2.8}}}');
DO $$
DECLARE
    today date;
BEGIN
    FOR today IN SELECT day FROM rides WHERE day >= '2009-01-01' ORDER BY day LOOP
        PERFORM mlops.record_outcome('rides', y.day::text, y.ridership, today::timestamptz) FROM rides y WHERE y.day = today - 1 AND y.day >= '2009-01-01';
        PERFORM s.value FROM rides r, LATERAL mlops.score('rides', r, r.day::text, at => r.day::timestamptz) s WHERE r.day = today;
        COMMIT;
        IF extract(day FROM today) = 1 THEN
            PERFORM mlops.run_monitor('rides', as_of => today::timestamptz);
            COMMIT;
        END IF;
    END LOOP;
END $$;
-- each day is in one window; the last one is not over
SELECT sum(rows) = (SELECT count(*) FROM rides WHERE day >= '2009-01-01' AND day < '2015-12-28') AS every_day FROM mlops.drift_windows WHERE model = 'rides';
SELECT window_start::date, rows, status, severity, round(share::numeric, 2) AS share FROM mlops.drift_windows WHERE model = 'rides' ORDER BY window_start;
-- as numpy computes it: quantiles with method "inverted_cdf", shares not under 0.0001
SELECT feature,
       string_agg(round(value::numeric, 3)::text, '  ' ORDER BY window_start) AS psi
  FROM mlops.drift_report
 WHERE model = 'rides' AND baseline = 'training' AND kind = 'feature'
 GROUP BY feature ORDER BY feature COLLATE "C";
SELECT kind, subject, severity, state, window_start::date, seen FROM mlops.alerts WHERE model = 'rides' ORDER BY kind COLLATE "C", subject COLLATE "C", window_start;
SELECT window_start::date, rows, round(value::numeric, 2) AS rmse FROM mlops.performance('rides', "window" => '365 days') WHERE metric = 'rmse' ORDER BY window_start;
-- a March against the Marches before: 31 days
SELECT feature, round(value::numeric, 2) AS psi, status FROM mlops.drift('rides', '2012-03-01', '2012-04-01', baseline => $$SELECT * FROM rides WHERE extract(month FROM day) = 3 AND day < '2009-01-01'$$)
 WHERE feature IN ('temp', 'precipitation', 'snow') ORDER BY feature COLLATE "C";
SELECT model FROM mlops.unmonitor('rides');
SELECT model FROM mlops.drop_model('rides');
DROP VIEW rides;
