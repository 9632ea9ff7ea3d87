-- predict(), classify() and proba(): how a row is matched, what is missing,
-- what is refused, and which model a name means while it moves.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE TABLE flats AS
SELECT i AS id, (i * 7919) % 101 AS area, (ARRAY['north','south','west'])[i % 3 + 1] AS side, i % 4 = 0 AS garden,
       date '2020-01-01' + i AS built, 10 + (i * 7919) % 101 * 2 + (i % 3) * 20 AS rent,
       CASE WHEN (i * 7919) % 101 + i % 9 > 50 THEN 'dear' ELSE 'cheap' END AS class
  FROM generate_series(1, 300) AS i;
CREATE FUNCTION pg_temp.near(got float8, want float8) RETURNS boolean LANGUAGE sql IMMUTABLE
AS $$ SELECT abs(got - want) <= 1e-9 * greatest(abs(want), 1) $$;
-- rent = 10 + 2 area + 20 (south) + 40 (west), and nothing for north, which comes first
SELECT rows_used, features FROM mlops.train('rent', 'flats', 'rent', features => '{area,side}', validation => '{"method": "none"}');
SELECT rows_used, features FROM mlops.train('rent', 'SELECT area, side, rent + 1000 AS rent FROM flats', 'rent', validation => '{"method": "none"}', alias => 'plus');
SELECT rows_used, features FROM mlops.train('size', 'SELECT ARRAY[area, id] AS x, rent - 20 * (id % 3) AS rent FROM flats', 'rent', validation => '{"method": "none"}');
SELECT version FROM mlops.train('class', 'flats', 'class', features => '{area}', validation => '{"method": "none"}');
CREATE TABLE models AS SELECT name, version, artifact AS model FROM mlops_private.model JOIN mlops_private.version USING (model_id);

-- six forms of predict
SELECT bool_and(pg_temp.near(mlops.predict('rent', f), rent)) AS name_row,
       bool_and(pg_temp.near(mlops.predict(m.model, f), rent)) AS value_row,
       bool_and(pg_temp.near(mlops.predict('rent', to_jsonb(f)), rent)) AS name_jsonb,
       bool_and(pg_temp.near(mlops.predict(m.model, to_jsonb(f)), rent)) AS value_jsonb,
       bool_and(pg_temp.near(mlops.predict('size', ARRAY[area, id]::float8[]), 10 + 2 * area)) AS name_array,
       bool_and(pg_temp.near(mlops.predict(s.model, ARRAY[area, id]::float8[]), 10 + 2 * area)) AS value_array
  FROM flats AS f, models AS m, models AS s WHERE m.name = 'rent' AND m.version = 1 AND s.name = 'size';
-- and of classify and proba: one answer in all six
SELECT count(*) AS rows, bool_and(mlops.classify('class', f) = CASE WHEN mlops.predict('class', f) > 0.5 THEN 'dear' ELSE 'cheap' END) AS half,
       bool_and(mlops.classify('class', f) = mlops.classify(m.model, f)) AS value_row,
       bool_and(mlops.classify('class', f) = mlops.classify('class', to_jsonb(f))) AS name_jsonb,
       bool_and(mlops.classify('class', f) = mlops.classify(m.model, to_jsonb(f))) AS value_jsonb,
       bool_and(mlops.classify('class', f) = mlops.classify('class', ARRAY[area]::float8[])) AS name_array,
       bool_and(mlops.classify('class', f) = mlops.classify(m.model, ARRAY[area]::float8[])) AS value_array
  FROM flats AS f, models AS m WHERE m.name = 'class';
SELECT bool_and((mlops.proba('class', f)->>'dear')::float8 = mlops.predict('class', f)) AS positive,
       bool_and(pg_temp.near((mlops.proba('class', f)->>'cheap')::float8, 1 - mlops.predict('class', f))) AS negative,
       bool_and(mlops.proba('class', f) = mlops.proba(m.model, f)) AS value_row,
       bool_and(mlops.proba('class', f) = mlops.proba('class', to_jsonb(f))) AS name_jsonb,
       bool_and(mlops.proba('class', f) = mlops.proba(m.model, to_jsonb(f))) AS value_jsonb,
       bool_and(mlops.proba('class', f) = mlops.proba('class', ARRAY[area]::float8[])) AS name_array,
       bool_and(mlops.proba('class', f) = mlops.proba(m.model, ARRAY[area]::float8[])) AS value_array
  FROM flats AS f, models AS m WHERE m.name = 'class';
SELECT avg(CASE WHEN mlops.classify('class', f) = class THEN 1 ELSE 0 END) > 0.9 AS sensible FROM flats AS f;

-- by name: order and other columns do not matter
SELECT bool_and(pg_temp.near(mlops.predict('rent', r), rent)) AS same FROM (SELECT side, 'noise' AS noise, area, rent, NULL AS nothing FROM flats) AS r;
SELECT bool_and(pg_temp.near(mlops.predict('rent', r), 30 + 2 * area)) AS types
    FROM (SELECT area::numeric AS area, 'south'::varchar(9) AS side FROM flats UNION ALL SELECT area::int8, 'south'::char(7) FROM flats) AS r;
SELECT pg_temp.near(mlops.predict('rent', r), 30.5) AS float4 FROM (SELECT 0.25::float4 AS area, 'south' AS side) AS r;
CREATE TYPE side AS ENUM ('west', 'south', 'north');
CREATE DOMAIN metres AS int CHECK (VALUE >= 0);
CREATE DOMAIN quarter AS text;
SELECT pg_temp.near(mlops.predict('rent', r), 30 + 2 * 7) AS enum_domain FROM (SELECT 7::metres AS area, 'south'::side AS side) AS r;
SELECT pg_temp.near(mlops.predict('rent', r), 50 + 2 * 7) AS domains FROM (SELECT 7::metres AS area, 'west'::quarter AS side) AS r;
-- an anonymous ROW has no names
SELECT mlops.predict('rent', ROW(1, 'south'));
SELECT mlops.predict('rent', r) FROM (SELECT 1 AS area) AS r;
SELECT mlops.predict('rent', r) FROM (SELECT 'south' AS side) AS r;
SELECT mlops.predict('rent', r) FROM (SELECT 1 AS "Area", 'south' AS side) AS r;
SELECT mlops.predict('rent', r) FROM (SELECT '1' AS area, 'south' AS side) AS r;
SELECT mlops.predict('rent', r) FROM (SELECT 1 AS area, 2 AS side) AS r;
SELECT mlops.predict('rent', r) FROM (SELECT true AS area, 'south' AS side) AS r;
SELECT mlops.predict('rent', r) FROM (SELECT now() AS area, 'south' AS side) AS r;
SELECT mlops.predict('rent', r) FROM (SELECT ARRAY[1] AS area, 'south' AS side) AS r;
-- without rows nothing is bound
SELECT mlops.predict('rent', r) FROM (SELECT 'x' AS nothing) AS r WHERE false;

-- NULL
SELECT mlops.predict(NULL::text, f) FROM flats AS f LIMIT 1;
SELECT mlops.predict(NULL::mlops.model, f) FROM flats AS f LIMIT 1;
SELECT mlops.classify(NULL::text, f) FROM flats AS f LIMIT 1;
SELECT mlops.proba(NULL::mlops.model, '{}'::jsonb);
SELECT mlops.predict('rent', NULL::flats) AS "row", mlops.predict('rent', NULL::jsonb) AS jsonb, mlops.predict('size', NULL::float8[]) AS array,
       mlops.classify('class', NULL::flats) AS label, mlops.proba('class', NULL::jsonb) AS proba;
SELECT mlops.predict('rent', f) AS outer FROM (SELECT 1 AS one) AS o LEFT JOIN flats AS f ON f.id = -1;
-- the mean where a number is missing, the reference level where a category is missing or new
SELECT pg_temp.near(mlops.predict('rent', r), (SELECT 30 + 2 * avg(area) FROM flats)) AS mean FROM (SELECT NULL::int AS area, 'south' AS side) AS r;
SELECT pg_temp.near(mlops.predict('rent', r), (SELECT 30 + 2 * avg(area) FROM flats)) AS nan FROM (SELECT 'NaN'::float8 AS area, 'south' AS side) AS r;
SELECT pg_temp.near(mlops.predict('rent', r), 10 + 2 * 5) AS unseen FROM (SELECT 5 AS area, 'east' AS side) AS r;
SELECT pg_temp.near(mlops.predict('rent', r), 10 + 2 * 5) AS missing FROM (SELECT 5 AS area, NULL::text AS side) AS r;
SELECT mlops.predict('rent', r) FROM (SELECT 'infinity'::float8 AS area, 'south' AS side) AS r;
SELECT mlops.predict('rent', r) FROM (SELECT '-infinity'::numeric AS area, 'south' AS side) AS r;
-- the other policies
SELECT version FROM mlops.train('strict', 'flats', 'rent', features => '{area,side}', options => '{"missing": "error", "missing_category": "skip"}', validation => '{"method": "none"}');
SELECT mlops.predict('strict', r) FROM (SELECT NULL::int AS area, 'south' AS side) AS r;
SELECT mlops.predict('strict', '{"area": null, "side": "south"}'::jsonb);
SELECT mlops.predict('strict', r) AS skipped, mlops.predict('strict', to_jsonb(r)) AS jsonb FROM (SELECT 1 AS area, NULL::text AS side) AS r;
SELECT version FROM mlops.train('strict', 'SELECT area AS x, rent FROM flats', 'rent', options => '{"missing": "skip"}', validation => '{"method": "none"}', alias => 'champion');
SELECT mlops.predict('strict', ARRAY[NULL]::float8[]) AS null, mlops.predict('strict', ARRAY['NaN']::float8[]) AS nan, mlops.predict('strict', ARRAY[1]::float8[]) IS NULL AS one;

-- jsonb
SELECT pg_temp.near(mlops.predict('rent', '{"side": "west", "area": 3.5, "more": [1]}'::jsonb), 57) AS numbers;
SELECT pg_temp.near(mlops.predict('rent', '{"side": null, "area": 3.5}'::jsonb), 17) AS null;
SELECT mlops.predict('rent', '{"area": 3.5}'::jsonb);
SELECT mlops.predict('rent', '{"area": "3.5", "side": "west"}'::jsonb);
SELECT mlops.predict('rent', '{"area": 3.5, "side": 1}'::jsonb);
SELECT mlops.predict('rent', '{"area": [3.5], "side": "west"}'::jsonb);
SELECT mlops.predict('rent', '[3.5, "west"]'::jsonb);
SELECT mlops.predict('rent', '3.5'::jsonb);
SELECT mlops.predict('rent', ('{"area": 1e' || '400, "side": "west"}')::jsonb);

-- arrays, by position
SELECT mlops.predict('rent', ARRAY[1, 2]::float8[]);
SELECT mlops.predict('size', ARRAY[1]::float8[]);
SELECT mlops.predict('size', ARRAY[1, 2, 3]::float8[]);
SELECT mlops.predict('size', '{}'::float8[]);
SELECT mlops.predict('size', ARRAY[[1], [2]]::float8[]);
SELECT mlops.predict('size', ARRAY['infinity', 1]::float8[]);
SELECT pg_temp.near(mlops.predict('size', '[5:6]={3,4}'::float8[]), 16) AS bounds;
SELECT pg_temp.near(mlops.predict('size', '{"x": [3, 4]}'::jsonb), 16) AS jsonb, pg_temp.near(mlops.predict('size', r), 16) AS row FROM (SELECT ARRAY[3, 4] AS x) AS r;
SELECT mlops.predict('size', '{"x": [3]}'::jsonb);
SELECT mlops.predict('size', r) FROM (SELECT ARRAY[3, 4, 5] AS x) AS r;
SELECT mlops.predict('size', r) FROM (SELECT ARRAY['3', '4'] AS x) AS r;

-- names
SELECT pg_temp.near(mlops.predict('rent:2', r), 1016) AS version, pg_temp.near(mlops.predict('rent@plus', r), 1016) AS alias,
       pg_temp.near(mlops.predict('rent@champion', r), 16) AS champion, pg_temp.near(mlops.predict('rent:1', r), 16) AS first
    FROM (SELECT 3 AS area, 'north' AS side) AS r;
\set VERBOSITY sqlstate
SELECT mlops.predict('nothing', f) FROM flats AS f LIMIT 1;
SELECT mlops.predict('rent:3', f) FROM flats AS f LIMIT 1;
SELECT mlops.predict('rent@nothing', f) FROM flats AS f LIMIT 1;
SELECT mlops.predict('Rent', f) FROM flats AS f LIMIT 1;
SELECT mlops.predict('rent:x', f) FROM flats AS f LIMIT 1;
SELECT mlops.predict('', f) FROM flats AS f LIMIT 1;
SELECT mlops.predict('rent', r) FROM (SELECT 1 AS area) AS r;
SELECT mlops.predict('rent', r) FROM (SELECT 'a' AS area, 'b' AS side) AS r;
SELECT mlops.predict('rent', '{}'::jsonb);
SELECT mlops.predict(NULL::text, '{}'::jsonb);
\set VERBOSITY terse
-- the name can differ from row to row
SELECT bool_and(pg_temp.near(mlops.predict(CASE id % 3 WHEN 0 THEN 'rent' WHEN 1 THEN 'rent:2' ELSE 'rent@plus' END, f), rent + CASE id % 3 WHEN 0 THEN 0 ELSE 1000 END)) AS each FROM flats AS f;

-- the wrong kind of question
SELECT mlops.classify('rent', f) FROM flats AS f LIMIT 1;
SELECT mlops.proba('rent', f) FROM flats AS f LIMIT 1;
SELECT version FROM mlops.train('species', 'penguins', 'species', features => '{bill_length_mm,bill_depth_mm}');
SELECT mlops.predict('species', p) FROM penguins AS p LIMIT 1;
SELECT avg((mlops.classify('species', p) = species)::int) > 0.9 AS good FROM penguins AS p;
SELECT bool_and(pg_temp.near((SELECT sum(value::float8) FROM jsonb_each_text(mlops.proba('species', p))), 1)) AS sum_one,
       bool_and((SELECT key FROM jsonb_each_text(mlops.proba('species', p)) ORDER BY value::float8 DESC LIMIT 1) = mlops.classify('species', p)) AS likeliest FROM penguins AS p;

-- columns that were dropped or added, rows of children
CREATE TABLE changed (junk text, area int, old int, side text);
INSERT INTO changed VALUES ('x', 1, 2, 'south');
ALTER TABLE changed DROP COLUMN junk;
ALTER TABLE changed DROP COLUMN side;
INSERT INTO changed VALUES (5, 6);
ALTER TABLE changed ADD COLUMN side text DEFAULT 'west', ADD COLUMN extra float8 DEFAULT random();
INSERT INTO changed VALUES (7, 0, 'south');
SELECT area, side, pg_temp.near(mlops.predict('rent', c), 10 + 2 * area + CASE side WHEN 'west' THEN 40 ELSE 20 END) AS is FROM changed AS c ORDER BY area;
ALTER TABLE changed ADD COLUMN late int DEFAULT 3;
SELECT rows_used FROM mlops.train('late', 'SELECT i AS late, 10 + 2 * i AS y FROM generate_series(1, 9) AS i', 'y', validation => '{"method": "none"}');
SELECT bool_and(pg_temp.near(mlops.predict('late', c), 16)) AS fast_default FROM changed AS c;
CREATE TABLE child (more text, PRIMARY KEY (area)) INHERITS (changed);
INSERT INTO child (area, side, more) VALUES (9, 'west', 'more');
SELECT tableoid::regclass, area, pg_temp.near(mlops.predict('rent', c), 10 + 2 * area + CASE side WHEN 'west' THEN 40 ELSE 20 END) AS is FROM changed AS c ORDER BY area;
CREATE TABLE parts (area int, side text) PARTITION BY LIST (side);
CREATE TABLE part_a (side text, gone int, area int);
ALTER TABLE part_a DROP COLUMN gone;
ALTER TABLE parts ATTACH PARTITION part_a FOR VALUES IN ('south');
CREATE TABLE part_b PARTITION OF parts DEFAULT;
INSERT INTO parts VALUES (1, 'south'), (1, 'west');
SELECT side, pg_temp.near(mlops.predict('rent', p), 12 + CASE side WHEN 'west' THEN 40 ELSE 20 END) AS is FROM parts AS p ORDER BY side;
CREATE VIEW seen AS SELECT area * 2 AS area, side FROM flats;
SELECT bool_and(pg_temp.near(mlops.predict('rent', s), 10 + 2 * area + CASE side WHEN 'west' THEN 40 WHEN 'south' THEN 20 ELSE 0 END)) AS view FROM seen AS s;

-- one statement sees one version; the next one sees the next
PREPARE p AS SELECT pg_temp.near(mlops.predict('rent', f), rent) AS first, pg_temp.near(mlops.predict('rent', f), rent + 1000) AS second FROM flats AS f LIMIT 1;
SET plan_cache_mode = force_generic_plan;
EXECUTE p;
SELECT mlops.set_alias('rent:2', 'champion');
EXECUTE p;
SELECT mlops.set_alias('rent:1', 'champion');
EXECUTE p;
RESET plan_cache_mode;
CREATE FUNCTION pg_temp.moving() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE r record; f flats; x float8;
BEGIN
    SELECT * INTO f FROM flats LIMIT 1;
    FOR i IN 1..4 LOOP
        x := mlops.predict('rent', f);                 -- a simple expression: no statement of its own
        RETURN NEXT i || ': ' || CASE WHEN x > 1000 THEN 'second' ELSE 'first' END;
        IF i = 1 THEN PERFORM mlops.set_alias('rent:2', 'champion'); END IF;
        IF i = 2 THEN
            BEGIN
                PERFORM mlops.set_alias('rent:1', 'champion');
                x := mlops.predict('rent', f);
                RETURN NEXT 'inside: ' || CASE WHEN x > 1000 THEN 'second' ELSE 'first' END;
                RAISE division_by_zero;
            EXCEPTION WHEN division_by_zero THEN NULL;
            END;
        END IF;
        IF i = 3 THEN PERFORM mlops.set_alias('rent:1', 'champion'); END IF;
    END LOOP;
END $$;
SELECT * FROM pg_temp.moving();
-- a row type that changes between two calls of one expression
CREATE FUNCTION pg_temp.altered() RETURNS SETOF boolean LANGUAGE plpgsql AS $$
DECLARE c changed; m mlops.model; x float8;
BEGIN
    SELECT model INTO m FROM models WHERE name = 'rent' AND version = 1;
    FOR i IN 1..3 LOOP
        SELECT * INTO c FROM changed WHERE area = 7;
        x := mlops.predict(m, c);
        RETURN NEXT pg_temp.near(x, 44);
        x := mlops.predict('rent', c);
        RETURN NEXT pg_temp.near(x, 44);
        IF i = 1 THEN
            EXECUTE 'ALTER TABLE changed DROP COLUMN side CASCADE';
            EXECUTE 'ALTER TABLE changed ADD COLUMN side text DEFAULT ''south'', ALTER COLUMN old TYPE text';
        END IF;
    END LOOP;
END $$;
BEGIN;
SELECT * FROM pg_temp.altered();
ROLLBACK;
-- a cursor keeps what it began with
BEGIN;
DECLARE c CURSOR FOR SELECT mlops.predict('rent', f) > 1000 AS second FROM flats AS f WHERE id <= 2 ORDER BY id;
FETCH 1 FROM c;
SELECT mlops.set_alias('rent:2', 'champion');
FETCH 1 FROM c;
COMMIT;
SELECT mlops.set_alias('rent:1', 'champion');
-- a model that goes takes its name with it
BEGIN;
SELECT mlops.drop_model('rent');
SELECT mlops.predict('rent', f) FROM flats AS f LIMIT 1;
ROLLBACK;

-- reading only, and no writing hidden in it
BEGIN READ ONLY;
SELECT pg_temp.near(mlops.predict('rent', f), rent) AS read_only FROM flats AS f LIMIT 1;
COMMIT;

-- where a function that is not immutable cannot be
CREATE INDEX ON flats (mlops.predict('rent', flats));
CREATE TABLE generated (area int, side text, score float8 GENERATED ALWAYS AS (mlops.predict('rent', jsonb_build_object('area', area, 'side', side))) STORED);
CREATE TABLE partitioned (area int) PARTITION BY RANGE ((mlops.predict('size', ARRAY[area, area]::float8[])));
-- a model value and an array are immutable
SELECT model AS rent_size FROM models WHERE name = 'size' \gset
CREATE TABLE immutable (a float8, b float8, score float8 GENERATED ALWAYS AS (mlops.predict(:'rent_size'::mlops.model, ARRAY[a, b])) STORED);
INSERT INTO immutable VALUES (3, 4);
SELECT pg_temp.near(score, 16) AS generated FROM immutable;

-- many models by value, most of them in TOAST
CREATE TABLE wide AS SELECT g, i AS id, g || '-' || md5((i % 60)::text) AS cat, (g * 1000 + i % 60)::float8 AS y FROM generate_series(1, 80) AS g, generate_series(1, 120) AS i;
CREATE TABLE many (g int PRIMARY KEY, model mlops.model);
DO $$
BEGIN
    FOR i IN 1..80 LOOP
        PERFORM mlops.train('many', format('SELECT cat, y FROM wide WHERE g = %s', i), 'y', validation => '{"method": "none"}');
    END LOOP;
    INSERT INTO many SELECT version, artifact FROM mlops_private.version WHERE model_id = (SELECT model_id FROM mlops_private.model WHERE name = 'many');
END $$;
SELECT count(*) AS models, min(pg_column_size(model)) > 2000 AS large FROM many;
SELECT bool_and(abs(mlops.predict(m.model, w) - w.y) < 1e-6) AS by_group FROM wide AS w JOIN many AS m USING (g);
SELECT bool_and(abs(mlops.predict(m.model, w) - w.y) < 1e-6) AS interleaved FROM (SELECT wide.* FROM wide ORDER BY id, g) AS w JOIN many AS m USING (g);
SELECT bool_and(abs(mlops.predict('many:' || g, w) - w.y) < 1e-6) AS by_name FROM wide AS w;
-- after an UPDATE the value is another one
UPDATE many SET model = (SELECT model FROM many WHERE g = 1) WHERE g = 2;
SELECT g, bool_and(abs(mlops.predict(m.model, w) - w.y) < 1e-6) AS own FROM wide AS w JOIN many AS m USING (g) WHERE g <= 3 GROUP BY g ORDER BY g;
CREATE FUNCTION pg_temp.updated() RETURNS SETOF boolean LANGUAGE plpgsql AS $$
DECLARE m many; w wide; x float8;
BEGIN
    SELECT * INTO w FROM wide WHERE g = 2 LIMIT 1;
    FOR i IN 1..2 LOOP
        SELECT * INTO m FROM many WHERE g = 2;
        x := mlops.predict(m.model, w);
        RETURN NEXT abs(x - w.y) < 1e-6;
        UPDATE many SET model = (SELECT artifact FROM mlops_private.version JOIN mlops_private.model USING (model_id) WHERE name = 'many' AND version = 2) WHERE g = 2;
    END LOOP;
END $$;
SELECT * FROM pg_temp.updated();
-- a cache that holds next to nothing gives the same
SET mlops.model_cache_size = 0;
SELECT bool_and(abs(mlops.predict(m.model, w) - w.y) < 1e-6) AS no_cache FROM wide AS w JOIN many AS m USING (g);
RESET mlops.model_cache_size;

-- in parallel: the same sum
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET max_parallel_workers_per_gather = 2;
CREATE TABLE sums AS SELECT 'parallel' AS how, sum(mlops.predict('rent', f)::numeric(20, 6)) AS total, sum(mlops.predict('rent', to_jsonb(f))::numeric(20, 6)) AS jsonb FROM flats AS f;
SET max_parallel_workers_per_gather = 0;
INSERT INTO sums SELECT 'serial', sum(mlops.predict('rent', f)::numeric(20, 6)), sum(mlops.predict('rent', to_jsonb(f))::numeric(20, 6)) FROM flats AS f;
SELECT count(DISTINCT total) AS totals, count(DISTINCT jsonb) AS jsonb FROM sums;
-- renamed in PostgreSQL 16
SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN ('debug_parallel_query', 'force_parallel_mode');
SELECT bool_and(pg_temp.near(mlops.predict('rent', f), rent)) AS forced FROM flats AS f;
RESET ALL;

-- labels of an enum renamed while a call site lives on: the names of now count
CREATE TYPE size AS ENUM ('huge', 'large', 'small');
CREATE TABLE sized AS
    SELECT (ARRAY['huge', 'large', 'small'])[1 + i % 3]::size AS k, (i % 3) * 10.0 + 10 AS y FROM generate_series(1, 60) AS i;
SELECT model FROM mlops.train('sized', 'sized', 'y', validation => '{"method": "none"}');
CREATE FUNCTION pg_temp.renamed(m mlops.model) RETURNS SETOF text
LANGUAGE plpgsql
AS $$
DECLARE
    r record;
BEGIN
    FOR i IN 1..2 LOOP
        FOR r IN SELECT s AS whole, s.k FROM sized AS s LIMIT 3 LOOP
            RETURN NEXT format('%s: %s, %s', r.k, round(mlops.predict(m, r.whole)), round(mlops.predict('sized', r.whole)));
        END LOOP;
        IF i = 1 THEN
            ALTER TYPE size RENAME VALUE 'small' TO 'tiny';
            ALTER TYPE size RENAME VALUE 'large' TO 'small';
        END IF;
    END LOOP;
END $$;
SELECT pg_temp.renamed(artifact) FROM mlops_private.version JOIN mlops_private.model USING (model_id) WHERE name = 'sized';

SET client_min_messages = warning;
SELECT count(mlops.drop_model(model)) > 0 AS dropped FROM mlops.models;
DROP VIEW seen;
DROP TABLE flats, models, changed, child, parts, immutable, wide, many, sums, sized;
DROP TYPE side, metres, quarter, size;
