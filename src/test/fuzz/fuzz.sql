-- fuzz.sql: hostile bytes are data (P10).  Mutates the bytes of real models
-- and casts them back, in three ways: the stored bytes as they are; the
-- content under a hash that is right again, so that the parser behind the hash
-- is reached; the binary input, through COPY.  Every outcome must be a model
-- that can be described and scored, or an error of the documented kind.
--
-- psql -v n=MUTATIONS -v seed=NUMBER -f fuzz.sql; the same numbers give the same mutations.

\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SET synchronous_commit = off;
SET mlops.model_cache_size = '1MB';
\ir helpers.sql
\ir seeds.sql

-- beside the seeds made by hand, one of every algorithm and task
CREATE TEMP TABLE fuzz_rows AS
SELECT i AS a, nullif(i * 7 % 13, 5)::float8 AS b, nullif(chr(97 + i % 4), 'd') AS c, DATE '2020-01-01' + i * i % 99 AS d,
       ARRAY[i % 5, i % 7]::float8[] AS e, (i * 0.5 + i * 31 % 11)::float8 AS y, i * 17 % 5 > 2 AS two,
       'class ' || i * 13 % 3 AS three
  FROM generate_series(1, 200) i;
DO $$
DECLARE
    t record;
    made int;
BEGIN
    FOR t IN SELECT algorithm, target FROM mlops.algorithms(),
                    LATERAL (SELECT 'y' AS target WHERE regression
                             UNION ALL SELECT unnest('{two,three}'::text[]) WHERE classification) s
    LOOP
        SELECT version INTO made FROM mlops.train('mlops_fuzz_' || t.target, 'fuzz_rows', t.target, t.algorithm, '{a,b,c,d,e}');
        INSERT INTO seed
        SELECT t.algorithm || ' ' || t.target, mlops.model_send(v.artifact), pg_temp.content(v.artifact)
          FROM mlops_private.version v JOIN mlops_private.model USING (model_id)
         WHERE name = 'mlops_fuzz_' || t.target AND version = made;
    END LOOP;
    PERFORM mlops.drop_model(name) FROM mlops_private.model WHERE name LIKE 'mlops\_fuzz\_%';
END $$;

CREATE TEMP TABLE outcome(mode text, seed text, outcome text, count bigint);
CREATE TEMP TABLE received(m mlops.model);

-- one to four changes of b; state is that of a linear congruential generator
CREATE FUNCTION pg_temp.mutate(b bytea, other bytea, INOUT state bigint, OUT result bytea)
LANGUAGE plpgsql AS $$
DECLARE
    edges int[] := '{0,1,2,127,128,254,255}';
    at int;
    n int;
    r int[];
BEGIN
    result := b;
    FOR i IN 0 .. (state >> 9) & 3 LOOP
        r := '{}';
        FOR j IN 1 .. 4 LOOP
            state := (state * 1103515245 + 12345) & 2147483647;
            r := r || (state >> 8)::int;
        END LOOP;
        EXIT WHEN length(result) < 2;
        at := r[1] % length(result);
        n := 1 + r[2] % least(16, length(result) - at);
        CASE r[3] % 9
            WHEN 0, 1 THEN result := set_byte(result, at, r[4] & 255);
            WHEN 2, 3 THEN result := set_byte(result, at, get_byte(result, at) # (1 << (r[4] & 7)));
            WHEN 4 THEN result := set_byte(result, at, edges[1 + r[4] % 7]);
            WHEN 5 THEN result := substr(result, 1, at) || substr(result, at + 1 + n);
            WHEN 6 THEN result := substr(result, 1, at + n) || substr(result, at + 1);
            WHEN 7 THEN result := substr(result, 1, at) ||
                                  substr(other, 1 + r[4] % length(other), n * (1 + (r[2] >> 4) % 8)) ||
                                  substr(result, at + 1 + CASE WHEN r[4] & 1 = 0 THEN n ELSE 0 END);
            ELSE
                IF r[4] % 4 = 0 THEN
                    result := substr(result, 1, at);
                ELSE
                    result := substr(result, 1, at) || set_byte('\xffffffff', 3, edges[1 + r[4] % 7]) ||
                              substr(result, at + 5);
                END IF;
        END CASE;
    END LOOP;
END $$;

-- use a model in every way there is; NULL or the SQLSTATE of scoring
CREATE FUNCTION pg_temp.exercise(m mlops.model) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    about jsonb := mlops.describe(m);
    features jsonb;
BEGIN
    ASSERT mlops.model_out(m)::text::mlops.model OPERATOR(mlops.=) m;
    PERFORM max(cardinality(bins) + cardinality(shares)) FROM mlops.reference(m);
    SELECT jsonb_object_agg(f ->> 'name',
                            CASE f ->> 'type' WHEN 'category' THEN '"a"'
                                              WHEN 'boolean' THEN 'true'
                                              WHEN 'date' THEN '"2020-01-01"'
                                              WHEN 'timestamp' THEN '"2020-01-01 00:00"'
                                              WHEN 'timestamptz' THEN '"2020-01-01 00:00+00"'
                                              WHEN 'array' THEN to_jsonb(array_fill(1, ARRAY[(f ->> 'length')::int]))::text
                                              ELSE '1' END::jsonb)
      INTO features FROM jsonb_array_elements(about -> 'features') f;
    IF about ->> 'task' = 'regression' THEN
        PERFORM mlops.predict(m, features);
    ELSE
        PERFORM mlops.proba(m, features), mlops.classify(m, features);
    END IF;
    IF about ->> 'algorithm' IN ('gradient_boosting', 'random_forest', 'decision_tree') THEN
        PERFORM length(mlops.tree_text(m)), length(mlops.tree_dot(m)), count(i) FROM mlops.importance(m) i;
        PERFORM count(*) FROM mlops.training_history(m);
        PERFORM count(t) FROM mlops.trees(m) t;
        IF NOT jsonb_path_exists(about, '$.classes[2]') THEN
            PERFORM length(mlops.tree_sql(m));
        END IF;
        RETURN NULL;
    END IF;
    PERFORM count(*) FROM mlops.coefficients(m);
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;

CREATE FUNCTION pg_temp.fuzz(mode text, n int, start bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    seeds pg_temp.seed[] := (SELECT array_agg(s ORDER BY name) FROM pg_temp.seed s);
    counts jsonb[] := array_fill('{}'::jsonb, ARRAY[cardinality(seeds)]);
    path text := current_setting('data_directory') || '/mlops_fuzz.' || pg_backend_pid();
    state bigint := start;
    b bytea;
    m mlops.model;
    k int;
    what text;
    scored text;
    file oid;
BEGIN
    FOR i IN 1 .. n LOOP
        k := 1 + i % cardinality(seeds);
        IF mode = 'content' THEN
            SELECT u.state, u.result INTO state, b
              FROM pg_temp.mutate(seeds[k].content, seeds[1 + (i / 7) % cardinality(seeds)].content, state) u;
            b := pg_temp.seal(b);
        ELSE
            SELECT u.state, u.result INTO state, b
              FROM pg_temp.mutate(seeds[k].stored, seeds[1 + (i / 7) % cardinality(seeds)].stored, state) u;
        END IF;
        BEGIN
            IF mode = 'receive' THEN
                file := lo_from_bytea(0, bytea '\x5047434f50590aff0d0a000000000000000000' || '\x0001' ||
                                         int4send(length(b)) || b || '\xffff');
                PERFORM lo_export(file, path);
                PERFORM lo_unlink(file);
                EXECUTE format('COPY pg_temp.received FROM %L (FORMAT binary)', path);
                DELETE FROM pg_temp.received RETURNING received.m INTO m;
            ELSE
                m := replace(encode(b, 'base64'), E'\n', '')::mlops.model;
            END IF;
            scored := pg_temp.exercise(m);
            what := CASE WHEN scored IS NULL THEN 'scored' ELSE 'scoring ' || scored END;
        EXCEPTION WHEN OTHERS THEN
            what := SQLSTATE;
        END;
        counts[k] := counts[k] || jsonb_build_object(what, coalesce((counts[k] ->> what)::bigint, 0) + 1);
    END LOOP;
    INSERT INTO outcome
    SELECT mode, seeds[i].name, key, value::bigint
      FROM generate_subscripts(seeds, 1) i, jsonb_each_text(counts[i]);
    IF mode = 'receive' THEN
        EXECUTE format('COPY (SELECT) TO PROGRAM %L', format('rm -f %L', path));
    END IF;
END $$;

-- kilobytes of memory this backend has; NULL where the system does not say
CREATE FUNCTION pg_temp.resident() RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
    RETURN substring(pg_read_file('/proc/self/status') FROM 'RssAnon:\s*(\d+)');
EXCEPTION WHEN undefined_file THEN
    RETURN NULL;
END $$;
SELECT pg_temp.fuzz('stored', 500, :seed), pg_temp.fuzz('content', 500, :seed), pg_temp.fuzz('receive', 50, :seed) \g /dev/null
SELECT pg_temp.resident() AS before \gset

SELECT :n * 3 / 10 AS stored, :n * 7 / 10 AS content, :n / 50 AS receive \gset
SELECT pg_temp.fuzz('stored', :stored, :seed) \g /dev/null
SELECT pg_temp.fuzz('content', :content, :seed) \g /dev/null
SELECT pg_temp.fuzz('receive', :receive, :seed) \g /dev/null

SELECT pg_temp.resident() - nullif(:'before', '')::bigint AS grown \gset
\echo :grown kB more memory than before
SELECT set_config('fuzz.grown', :'grown', false) \g /dev/null

SELECT mode, outcome, sum(count) AS count FROM outcome GROUP BY 1, 2 ORDER BY 1, 3 DESC;

-- a model is damaged, too new or too large; one that loads scores or says why not; nothing is left behind
DO $$
DECLARE
    bad text := (SELECT string_agg(DISTINCT format('%s: %s', seed, outcome), ', ') FROM outcome
                  WHERE outcome !~ '^(scored|XX001|22P02|22P03|0A000|54000|scoring (22[0-9A-Z]{3}|428..|427..))$');
BEGIN
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'outcomes that must not be: %', bad;
    END IF;
    IF nullif(current_setting('fuzz.grown'), '')::bigint > 32768 THEN
        RAISE EXCEPTION 'memory has leaked';
    END IF;
    IF NOT (SELECT bool_or(outcome = 'scored') AND bool_or(outcome = 'XX001') FROM outcome WHERE mode = 'content') THEN
        RAISE EXCEPTION 'the parser behind the hash was not reached';
    END IF;
END $$;
