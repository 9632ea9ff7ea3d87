-- the reference that training freezes with a model: its numbers are PostgreSQL's own, and nobody's
SET client_min_messages = warning;

CREATE TABLE orders AS
SELECT i AS id, (hashint4(i) & 65535) / 65536.0::float8 * 10 + i % 7 AS amount,
       CASE WHEN i % 20 <> 0 THEN ((hashint4(i + 1000000) & 1023)::float8) END AS waited,
       CASE WHEN i % 10 < 7 THEN 0 ELSE (hashint4(i + 2000000) & 255) END::float8 AS items,
       (ARRAY['web', 'web', 'web', 'shop', 'shop', 'phone', NULL])[1 + (hashint4(i + 3000000) & 65535) % 7] AS channel,
       ARRAY[(hashint4(i + 4000000) & 65535), (hashint4(i + 5000000) & 65535)]::float8[] AS place,
       (hashint4(i + 6000000) & 65535) / 65536.0 < 0.2 + (i % 7) * 0.1 AS kept
  FROM generate_series(1, 5000) AS i;

-- all rows: then every number can be asked for in SQL
SELECT rows_used FROM mlops.train('orders', 'orders', 'kept', 'logistic_regression', '{amount,waited,items,channel,place}', validation => '{"method": "none"}');
SELECT track, kind, type, rows, missing FROM mlops.reference('orders');
SELECT track, cardinality(bins) = cardinality(shares) AS agree, cardinality(bins) AS bins, cardinality(ends) AS ends, abs((SELECT sum(s) FROM unnest(shares) s) + missing - 1) < 1e-12 AS whole
  FROM mlops.reference('orders');

-- deciles by percentile_disc, right-closed; shares by counting
CREATE FUNCTION pg_temp.bin_rows(bin text, x float8[]) RETURNS float8 LANGUAGE sql AS
$$ SELECT count(*) / cardinality(x)::float8 FROM unnest(x) AS v WHERE v::numeric <@ bin::numrange $$;
SELECT r.track, r.bins[1:9] = (SELECT array_agg(CASE j WHEN 1 THEN '(,' ELSE format('(%s,', d[j - 1]) END || d[j] || ']' ORDER BY j) FROM generate_series(1, 9) j) AS deciles
  FROM mlops.reference('orders') AS r,
       LATERAL (SELECT CASE r.track WHEN 'amount' THEN percentile_disc(ARRAY[.1,.2,.3,.4,.5,.6,.7,.8,.9]) WITHIN GROUP (ORDER BY amount)
                                    WHEN 'place[2]' THEN percentile_disc(ARRAY[.1,.2,.3,.4,.5,.6,.7,.8,.9]) WITHIN GROUP (ORDER BY place[2])
                                    ELSE percentile_disc(ARRAY[.1,.2,.3,.4,.5,.6,.7,.8,.9]) WITHIN GROUP (ORDER BY waited) END AS d FROM orders) AS q
 WHERE r.track IN ('amount', 'place[2]', 'waited');
SELECT track, bins, shares = (SELECT array_agg(pg_temp.bin_rows(b, x) ORDER BY n) FROM unnest(bins) WITH ORDINALITY AS u(b, n)) AS counted
  FROM mlops.reference('orders'), (SELECT array_agg(items) AS x FROM orders) AS o WHERE track = 'items';
-- the ends are nobody's value, and ten rows or more lie beyond them
SELECT track, low >= 10 AND high >= 10 AS some_beyond, low + high < 30 AS few, nobodys FROM mlops.reference('orders') AS r,
       LATERAL (SELECT count(*) FILTER (WHERE amount <= ends[1]) AS low, count(*) FILTER (WHERE amount > ends[2]) AS high, count(*) FILTER (WHERE amount = ANY (ends)) = 0 AS nobodys FROM orders) AS o
 WHERE track = 'amount';
-- categories by frequency
SELECT bins = (SELECT array_agg(channel ORDER BY n DESC) || NULL::text FROM (SELECT channel, count(*) AS n FROM orders WHERE channel IS NOT NULL GROUP BY 1) AS c) AS names,
       shares[1:3] = (SELECT array_agg(n / 5000.0::float8 ORDER BY n DESC) FROM (SELECT channel, count(*) AS n FROM orders WHERE channel IS NOT NULL GROUP BY 1) AS c) AS counted
  FROM mlops.reference('orders') WHERE track = 'channel';
-- what the model answered: the deciles of predict()
SELECT abs(upper(bins[5]::numrange)::float8 - (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY mlops.predict('orders', o)) FROM orders AS o)) < 1e-12 AS median
  FROM mlops.reference('orders') WHERE kind = 'output';
SELECT d - 'calibration_error' AS reference, abs((d->>'calibration_error')::float8 - (SELECT mlops.ece(kept, mlops.predict('orders', o)) FROM orders AS o)) < 1e-12 AS ece
  FROM (SELECT mlops.describe('orders')->'reference' AS d) AS m;
SELECT mlops.card('orders')->'generated'->'reference' = mlops.describe('orders')->'reference' AS in_card;

-- few rows: bins of ten or none
CREATE TEMP TABLE few AS
SELECT n, mlops.fit('linear_regression', amount, ARRAY[waited, items]) AS fitted, count(*) AS of FROM orders, (VALUES (25), (60), (300)) AS v(n) WHERE id <= n GROUP BY n;
SELECT count(*) AS none FROM few, mlops.reference(fitted);
DO $$
DECLARE
    n int;
BEGIN
    FOREACH n IN ARRAY '{12,25,60,300}'::int[] LOOP
        PERFORM mlops.train('few_' || n, format('SELECT amount, waited, items, channel FROM orders WHERE id <= %s', n), 'amount', 'decision_tree', validation => '{"method": "none"}');
    END LOOP;
END $$;
SELECT m, count(*) AS bins, bool_and(s = 0 OR s * rows > 9.5) AS none_small FROM unnest('{few_12,few_25,few_60,few_300}'::text[]) AS m, mlops.reference(m), unnest(shares) AS s WHERE type = 'number' GROUP BY m ORDER BY m;

-- a small bin beside a frequent value: its place stays where there are rows enough
CREATE VIEW flags AS SELECT id, (id % 1000 = 5)::int AS flag, CASE WHEN id % 1000 = 5 THEN 'rare' WHEN id % 2 = 0 THEN 'even' ELSE 'odd' END AS word, amount FROM orders;
SELECT version FROM mlops.train('flags', 'SELECT flag, word, amount FROM flags', 'amount', 'decision_tree', '{flag,word}', validation => '{"method": "none"}');
SELECT track, bins, shares FROM mlops.reference('flags') WHERE kind = 'feature';

-- the same bytes from rows in any order; held-out rows answer
CREATE TABLE orders_shuffled AS SELECT * FROM orders ORDER BY hashint4(id);
SELECT version FROM mlops.train('a', 'orders', 'kept', 'gradient_boosting', '{amount,waited,items,channel,place}', '{"n_estimators": 5}');
SELECT version FROM mlops.train('b', 'orders_shuffled', 'kept', 'gradient_boosting', '{amount,waited,items,channel,place}', '{"n_estimators": 5}');
SELECT version FROM mlops.train('c', 'orders_shuffled', 'kept', 'logistic_regression', '{amount,waited,items,channel,place}');
SELECT count(DISTINCT mlops.describe(m)->>'sha256') AS different FROM unnest('{a,b}'::text[]) AS m;
SELECT m, mlops.describe(m)->'reference'->'answers' AS answers, mlops.describe(m)->'reference'->'calibration_rows' AS calibrated FROM unnest('{a,c}'::text[]) AS m;
-- trees and linear models look at the same training rows
SELECT count(*) AS tracks, count(*) FILTER (WHERE (a.bins, a.shares, a.missing, a.ends) IS DISTINCT FROM (c.bins, c.shares, c.missing, c.ends)) AS different
  FROM mlops.reference('a') AS a JOIN mlops.reference('c') AS c USING (track) WHERE a.kind = 'feature';

-- fitted again: all rows, and the answers of the model that was measured
SELECT version FROM mlops.train('again', 'orders', 'kept', 'gradient_boosting', '{amount,waited,items,channel,place}', '{"n_estimators": 5}', '{"refit": true}');
SELECT mlops.describe('again')->'reference'->'rows' AS rows, mlops.describe('again')->'reference'->'answers' AS answers;
SELECT (r.bins, r.shares) = (s.bins, s.shares) AS same FROM mlops.reference('again') AS r, mlops.reference('a') AS s WHERE r.kind = 'output' AND s.kind = 'output';

-- more classes than two: the likeliest; numbers: the estimate
SELECT version FROM mlops.train('channel', 'SELECT amount, waited, channel FROM orders WHERE channel IS NOT NULL', 'channel', 'random_forest', options => '{"n_estimators": 5}', validation => '{"method": "none"}');
SELECT bins, shares[1] = (SELECT avg((mlops.classify('channel', o) = 'web')::int)::float8 FROM orders AS o WHERE channel IS NOT NULL) AS web FROM mlops.reference('channel') WHERE kind = 'output';

-- personal data have no track
SECURITY LABEL FOR mlops ON COLUMN orders.waited IS 'pii';
SELECT version FROM mlops.train('labelled', 'orders', 'kept', 'logistic_regression', '{amount,items}');
SELECT mlops.set_policy('labelled', '{"allow_pii": true}') IS NOT NULL AS set;
SELECT version FROM mlops.train('labelled', 'orders', 'kept', 'logistic_regression', '{amount,waited,items}');
SELECT track FROM mlops.reference('labelled:2');
-- and so a number of it is never outside at a trigger
SELECT mlops.set_alias('labelled:2', 'champion') IS NOT NULL AS moved;
CREATE TABLE arriving (amount float8, waited float8, items int, score float8, outside boolean);
CREATE TRIGGER score BEFORE INSERT ON arriving FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('labelled', 'score', 'outside=outside');
INSERT INTO arriving SELECT amount, 1e9, items FROM orders WHERE amount IS NOT NULL AND items IS NOT NULL LIMIT 1;
INSERT INTO arriving SELECT 1e9, waited, items FROM orders WHERE waited IS NOT NULL AND items IS NOT NULL LIMIT 1;
SELECT amount = 1e9 AS far, waited = 1e9 AS labelled_far, score IS NOT NULL AS scored, outside FROM arriving;
DROP TABLE arriving;
SECURITY LABEL FOR mlops ON COLUMN orders.waited IS NULL;

-- by value, through text and binary, and for whom
SELECT count(*) FROM mlops_private.version AS v JOIN mlops_private.model USING (model_id), mlops.reference(v.artifact::text::mlops.model) AS r WHERE name = 'orders';
SELECT mlops.reference(NULL::text);
SELECT mlops.reference('nobody');
CREATE ROLE regress_mlops_reader;
GRANT USAGE ON SCHEMA mlops TO regress_mlops_reader;
SELECT mlops.grant_model('orders', 'regress_mlops_reader', 'read') IS NOT NULL AS granted;
SET ROLE regress_mlops_reader;
SELECT mlops.describe('orders') ? 'reference' AS told;
SELECT mlops.reference('orders');
SELECT kind, count(*) FROM mlops.expectations_from('orders') GROUP BY 1 ORDER BY 1;
RESET ROLE;
SELECT kind, count(*) FROM mlops.expectations_from('orders') GROUP BY 1 ORDER BY 1;
-- what is proposed is met by the rows it comes from
SELECT count(*) AS checked, bool_and(passed) AS passed FROM mlops.validate('orders', (SELECT jsonb_agg(expectation) FROM mlops.expectations_from('orders')));

SELECT count(mlops.drop_model(name)) FROM unnest('{orders,few_12,few_25,few_60,few_300,flags,a,b,c,again,channel,labelled}'::text[]) AS name;
REVOKE USAGE ON SCHEMA mlops FROM regress_mlops_reader;
DROP ROLE regress_mlops_reader;
DROP VIEW flags;
DROP TABLE orders, orders_shuffled;
