-- fingerprint(): what it tells apart and what it does not

-- of a known set of rows, computed by src/test/data/fingerprint.py
CREATE TABLE fp AS
SELECT i AS a,
       i / 8.0::float8 - 3 AS b,
       repeat('text number ' || i || ' ', i % 7) AS c,
       (i + 0.5)::numeric AS d,
       i % 2 = 1 AS e,
       CASE WHEN i % 3 > 0 THEN date '2000-01-01' + i END AS f
  FROM generate_series(1, 1000) i;
SELECT mlops.fingerprint(fp) AS known FROM fp;
SELECT mlops.fingerprint(fp) AS of_no_rows FROM fp WHERE false;
SELECT mlops.fingerprint(NULL::fp) = mlops.fingerprint(fp) FILTER (WHERE false) AS null_is_no_row FROM fp;

-- print what differs from "same as the table" where it should not, and the other way round
CREATE FUNCTION fp_check(what text, query text, same bool) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE is_same bool;
BEGIN
    EXECUTE format('SELECT (SELECT mlops.fingerprint(t) FROM (%s) t) = (SELECT mlops.fingerprint(fp) FROM fp)', query)
       INTO is_same;
    IF is_same IS DISTINCT FROM same THEN
        RETURN NEXT what || ': ' || coalesce(is_same::text, 'null');
    END IF;
END $$;

-- the same
SELECT fp_check(what, query, true) FROM (VALUES
    ('order of rows', 'SELECT * FROM fp ORDER BY b DESC'),
    ('order of columns', 'SELECT f, e, d, c, b, a FROM fp'),
    ('integers of other sizes', 'SELECT a::bigint, b, c, d, e, f FROM fp'),
    ('smallest integers', 'SELECT a::smallint, b, c, d, e, f FROM fp'),
    ('floats of other sizes', 'SELECT a, b::float4, c, d, e, f FROM fp'),
    ('varchar', 'SELECT a, b, c::varchar(300), d, e, f FROM fp'),
    ('digits shown', 'SELECT a, b, c, d::numeric(30, 20) AS d, e, f FROM fp'),
    ('in two parts', 'SELECT * FROM fp WHERE a % 2 = 0 UNION ALL SELECT * FROM fp WHERE a % 2 = 1')
) v(what, query);

-- not the same
SELECT fp_check(what, query, false) FROM (VALUES
    ('a row less', 'SELECT * FROM fp WHERE a <> 500'),
    ('a row twice', 'SELECT * FROM fp UNION ALL SELECT * FROM fp WHERE a = 500'),
    ('each row twice', 'SELECT * FROM fp UNION ALL SELECT * FROM fp'),
    ('a column less', 'SELECT a, b, c, d, e FROM fp'),
    ('a column more', 'SELECT *, NULL::int AS g FROM fp'),
    ('another name', 'SELECT a AS aa, b, c, d, e, f FROM fp'),
    ('names exchanged', 'SELECT a, d AS b, c, b AS d, e, f FROM fp'),
    ('one value', 'SELECT CASE a WHEN 500 THEN -500 ELSE a END AS a, b, c, d, e, f FROM fp'),
    ('values between rows', 'SELECT CASE a WHEN 500 THEN 501 WHEN 501 THEN 500 ELSE a END AS a, b, c, d, e, f FROM fp'),
    ('an empty text for a null', 'SELECT a, b, c, d, e, coalesce(f, date ''2000-01-01'') AS f FROM fp'),
    ('a null for an empty text', 'SELECT a, b, nullif(c, '''') AS c, d, e, f FROM fp'),
    ('a float for an integer', 'SELECT a::float8, b, c, d, e, f FROM fp'),
    ('a numeric for an integer', 'SELECT a::numeric, b, c, d, e, f FROM fp'),
    ('a text for an integer', 'SELECT a::text, b, c, d, e, f FROM fp'),
    ('a timestamp for a date', 'SELECT a, b, c, d, e, f::timestamp FROM fp')
) v(what, query);

-- single values
CREATE FUNCTION fp_of(query text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
    EXECUTE format('SELECT mlops.fingerprint(t) FROM (SELECT %s AS v) t', query) INTO result;
    RETURN result;
END $$;
CREATE TYPE fp_mood AS ENUM ('sad', 'glad');
CREATE TYPE fp_pair AS (x int, y text);
CREATE DOMAIN fp_text AS text;
CREATE TYPE fp_span AS RANGE (subtype = float8);
SELECT a, b, fp_of(a) = fp_of(b) AS same FROM (VALUES
    ('0::float8', '''-0''::float8'),
    ('''NaN''::float8', '''NaN''::float4'),
    ('''Infinity''::float8', '''-Infinity''::float8'),
    ('1.5::numeric', '1.500::numeric'),
    ('0::numeric', '0.000::numeric'),
    ('10000::numeric', '1::numeric'),
    ('1e300::numeric', '10e299::numeric'),
    ('1e-300::numeric', '-1e-300::numeric'),
    ('''NaN''::numeric', '''Infinity''::numeric'),
    ('''Infinity''::numeric', '''-Infinity''::numeric'),
    ('''x ''::char(3)', '''x''::char(9)'),
    ('''x ''::char(3)', '''x''::text'),
    ('''x ''::text', '''x''::text'),
    ('''sad''::fp_mood', '''sad''::name'),
    ('''sad''::fp_text', '''sad''::text'),
    ('''s''::"char"', '''s''::text'),
    ('''\x73''::bytea', '''s''::text'),
    ('NULL::int', '0'),
    ('NULL::int', 'NULL::text'),
    ('array[1, 2]', 'array[2, 1]'),
    ('array[1, 2]', 'array[1, 2]::bigint[]'),
    ('array[1, 2]', '''[0:1]={1,2}''::int[]'),
    ('array[[1, 2]]', 'array[[1], [2]]'),
    ('array[1, NULL]', 'array[1]'),
    ('array[]::int[]', 'array[NULL]::int[]'),
    ('array[''sad'']::fp_mood[]', 'array[''sad'']::text[]'),
    ('row(1, ''a'')::fp_pair', 'row(1, ''b'')::fp_pair'),
    ('row(1, NULL)::fp_pair', 'NULL::fp_pair'),
    ('row(1, ''a''::text)', 'row(1, ''a''::varchar)'),
    ('row(1, ''a'')', 'row(''a'', 1)'),
    ('array[row(1, ''a'')::fp_pair]', 'array[row(1, ''b'')::fp_pair]'),
    ('''{"b": 1, "a": 2}''::jsonb', '''{"a": 2, "b": 1}''::jsonb'),
    ('interval ''1 day''', 'interval ''24 hours'''),
    ('time ''12:00''', 'interval ''12:00'''),
    ('timestamptz ''2020-01-01 00:00+00''', 'timestamptz ''2020-01-01 01:00+01'''),
    ('timestamptz ''2020-01-01 00:00+00''', 'timestamp ''2020-01-01 00:00'''),
    ('''[1,2]''::fp_span', '''[1,2)''::fp_span'),
    ('inet ''10.0.0.1''', 'cidr ''10.0.0.1''')
) v(a, b);

-- settings do not enter it
CREATE TABLE fp_settings AS
SELECT now() AS a, 0.1::float8 AS b, '\x00ff'::bytea AS c, interval '1 day 2 hours' AS d, 1.5::money AS e,
       array[0.1::float4] AS f, array[now()] AS g;
SELECT mlops.fingerprint(t) AS was FROM fp_settings t \gset
SET TimeZone = 'Asia/Kathmandu';
SET DateStyle = 'SQL, DMY';
SET extra_float_digits = -10;
SET bytea_output = 'escape';
SET IntervalStyle = 'iso_8601';
SELECT mlops.fingerprint(t) = :'was' AS same FROM fp_settings t;
RESET TimeZone;
RESET DateStyle;
RESET extra_float_digits;
RESET bytea_output;
RESET IntervalStyle;

-- compressed and out-of-line values are what they say
CREATE TABLE fp_toast (id int, v text);
ALTER TABLE fp_toast ALTER v SET STORAGE external;
INSERT INTO fp_toast SELECT 1, repeat('abc', 100000);
SELECT mlops.fingerprint(t) AS external FROM fp_toast t \gset
ALTER TABLE fp_toast ALTER v SET STORAGE extended;
UPDATE fp_toast SET v = repeat('abc', 100000);
SELECT mlops.fingerprint(t) = :'external' AS same FROM fp_toast t;

-- columns dropped and added
ALTER TABLE fp DROP COLUMN e, ADD COLUMN g int DEFAULT 7;
SELECT mlops.fingerprint(fp) = (SELECT mlops.fingerprint(t) FROM (SELECT a, b, c, d, f, 7 AS g FROM fp) t) AS same FROM fp;

-- groups and windows
SELECT count(DISTINCT f) AS different
  FROM (SELECT mlops.fingerprint(fp) AS f FROM fp GROUP BY a % 10) t;
SELECT mlops.fingerprint(fp) FILTER (WHERE a <= 3) =
       (SELECT mlops.fingerprint(fp) OVER (ORDER BY a) FROM fp ORDER BY a OFFSET 2 LIMIT 1) AS same FROM fp;

-- in parallel as alone
CREATE TABLE fp_large AS SELECT i, i * 0.5 AS n, i::text AS t FROM generate_series(1, 100000) i;
ANALYZE fp_large;
SET max_parallel_workers_per_gather = 0;
SELECT mlops.fingerprint(f) AS alone FROM fp_large f \gset
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT mlops.fingerprint(f) FROM fp_large f;
SELECT mlops.fingerprint(f) = :'alone' AS same FROM fp_large f;
RESET max_parallel_workers_per_gather;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- the client's encoding, to which send functions convert, is nothing to it
SELECT mlops.fingerprint(t) AS here FROM (SELECT jsonb_build_object('a', U&'\20ac') AS a, U&'\20ac' AS b) t \gset
SET client_encoding = 'LATIN1';
SELECT mlops.fingerprint(t) = :'here' AS same FROM (SELECT jsonb_build_object('a', U&'\20ac') AS a, U&'\20ac' AS b) t;
SHOW client_encoding;
RESET client_encoding;

-- states are exact as text, and hostile ones are refused
SELECT mlops_private.fingerprint_add(NULL, ROW(1, 'a'::text))::text AS state \gset
SELECT mlops_private.fingerprint_final(:'state'::mlops_private.fingerprint_state) =
       (SELECT mlops.fingerprint(t) FROM (SELECT 1 AS f1, 'a' AS f2) t) AS same;
SELECT mlops_private.fingerprint_final(mlops_private.fingerprint_combine(:'state', :'state')) =
       (SELECT mlops.fingerprint(t) FROM (SELECT 1 AS f1, 'a' AS f2 FROM generate_series(1, 2)) t) AS same;
-- the low half carries into the high one
SELECT mlops_private.fingerprint_combine('0:ffffffffffffffff:1', '0:1:2') AS carried;
\set VERBOSITY sqlstate
SELECT ''::mlops_private.fingerprint_state;
SELECT '0:0'::mlops_private.fingerprint_state;
SELECT '0:0:0:0'::mlops_private.fingerprint_state;
SELECT '0:00000000000000000:0'::mlops_private.fingerprint_state;
SELECT '0:0:ffffffffffffffff'::mlops_private.fingerprint_state;
SELECT 'g:0:0'::mlops_private.fingerprint_state;
\set VERBOSITY default

DROP TABLE fp, fp_settings, fp_toast, fp_large CASCADE;
DROP FUNCTION fp_check, fp_of;
DROP TYPE fp_mood, fp_pair, fp_span;
DROP DOMAIN fp_text;
