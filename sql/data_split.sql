-- The holdout depends on the rows and the seed, not on where they lie.
CREATE SCHEMA data_split;
SET search_path TO data_split, public;
SET client_min_messages TO warning;
CREATE TABLE t AS
SELECT i AS id, (i * 7919 % 1009) / 8.0 AS a, 'c' || i % 7 AS c, (i * 31 % 97)::float8 AS y FROM generate_series(1, 3000) i;
CREATE TABLE shuffled AS SELECT * FROM t ORDER BY md5(id::text);
CREATE FUNCTION fingerprint(source text, options jsonb = '{}', fraction float8 = 0.2, features name[] = '{a,c}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v record;
BEGIN
	SELECT * INTO v FROM mlops.train('data_split', source, 'y', 'linear_regression', features => features, options => options,
		validation => jsonb_build_object('method', 'holdout', 'fraction', fraction));
	RETURN (v.metrics ->> 'n') || ' ' || round((v.metrics ->> 'rmse')::numeric, 9);
END $$;
SELECT fingerprint('t') = fingerprint('shuffled') AS same_rows_other_order,
       fingerprint('t') = fingerprint('SELECT * FROM t ORDER BY y DESC') AS a_query,
       fingerprint('t') <> fingerprint('t', '{"seed": 1}') AS other_seed,
       fingerprint('t', '{"seed": 1}') = fingerprint('shuffled', '{"seed": 1}') AS other_seed_other_order;
-- exactly round(fraction * n) rows
SELECT f AS fraction, split_part(fingerprint('t', '{}', f), ' ', 1) AS held_out FROM unnest(ARRAY[0.1, 0.2, 0.25, 0.3333, 0.5]) f;
-- what is held out does not depend on the features that are chosen (twice adds nothing to a)
SELECT fingerprint('SELECT *, 2 * a AS twice FROM t', features => '{a}') = fingerprint('SELECT *, 2 * a AS twice FROM t', features => '{a,twice}') AS same;
-- identical rows are spread over both parts
SELECT (metrics ->> 'n')::int AS held_out FROM mlops.train('data_split', 'SELECT i % 2 AS a, i % 2 * 3 + 1 AS y FROM generate_series(1, 1000) i', 'y', 'linear_regression', options => '{"task": "regression"}');
-- without validation all do
SELECT rows_used, metrics ->> 'on' AS measured_on FROM mlops.train('data_split', 't', 'y', 'linear_regression', validation => '{"method": "none"}');
SELECT mlops.drop_model('data_split') IS NOT NULL AS dropped;
DROP SCHEMA data_split CASCADE;
