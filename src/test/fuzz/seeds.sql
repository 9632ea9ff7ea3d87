-- seeds.sql: models to mutate, and the parts to make others of.

-- the body of linear_regression, version 1: all facts and standard errors 0, every coefficient 1
CREATE FUNCTION pg_temp.linear_body(nterms int) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT pg_temp.le(nterms, 4) || '\x01'::bytea || decode(repeat('00', 14 * 8), 'hex') ||
             decode(repeat('000000000000f03f0000000000000000', nterms), 'hex') $$;

-- a whole content of linear_regression
CREATE FUNCTION pg_temp.linear(signature bytea, nterms int, facts text = '{"rows": 3}') RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT '\x0100010001000000'::bytea || pg_temp.section('SIGN', signature) ||
             pg_temp.section('FACT', convert_to(facts, 'UTF8')) ||
             pg_temp.section('BODY', pg_temp.linear_body(nterms)) $$;

CREATE TEMP TABLE seed(name text, stored bytea, content bytea);
INSERT INTO seed
SELECT name, pg_temp.seal(content), content
  FROM (VALUES
    ('number', pg_temp.linear(pg_temp.signature(ARRAY[pg_temp.feature('a')]), 2)),
    ('mixed', pg_temp.linear(pg_temp.signature(ARRAY[
        pg_temp.feature('a', 1, 2, 0, 1, '\x000000000000f03f'),
        pg_temp.feature('b', 2, 1),
        pg_temp.feature('c', 3, 4, 3, 1, '', '{a,b,c}'),
        pg_temp.feature('d', 4, 0),
        pg_temp.feature('e', 3, 0, 0, 1, '', '{"",x}')]), 9,
        '{"rows": 100, "options": {"l2": 0, "fit_intercept": true}}')),
    ('array', pg_temp.linear(pg_temp.signature(ARRAY[
        pg_temp.feature('x', 7, 3, 0, 4, decode(repeat('0000000000000840', 4), 'hex'))],
        1, 1, ''), 5))) s(name, content);
