-- The type mlops.model: what goes in comes out, hostile bytes are refused with
-- the right code, newer releases are told apart from damage, the cache keeps
-- its bound.  Models are made by src/test/fuzz/helpers.sql from what
-- docs/model-format.md says.
\getenv abs_srcdir PG_ABS_SRCDIR
\getenv abs_builddir PG_ABS_BUILDDIR
\set helpers :abs_srcdir '/src/test/fuzz/helpers.sql'
\set seeds :abs_srcdir '/src/test/fuzz/seeds.sql'
\set ECHO none
\i :helpers
\i :seeds
\set ECHO all
CREATE FUNCTION pg_temp.outcomes(bytea[]) RETURNS TABLE (outcome text, count bigint)
LANGUAGE sql AS $$ SELECT pg_temp.try(b) o, count(*) FROM unnest($1) b GROUP BY o ORDER BY o $$;

SELECT typstorage, typalign, typlen FROM pg_type WHERE oid = 'mlops.model'::regtype;

-- round trips
CREATE TEMP TABLE m AS SELECT name, pg_temp.to_model(stored) AS model, content FROM seed;
SELECT name, mlops.model_out(model)::text::mlops.model OPERATOR(mlops.=) model AS text,
       pg_temp.to_model(mlops.model_send(model)) OPERATOR(mlops.=) model AS bytes,
       model::text !~ '\s' AS one_line,
       pg_temp.content(mlops_private.model_repack(model)) = content AS repacked,
       pg_temp.content(model) = content AS decoded
  FROM m ORDER BY name;
CREATE TEMP TABLE copied (LIKE m);
\set copy '\\copy m TO ' :abs_builddir '/results/model_type.bin (FORMAT binary)'
:copy
\set copy '\\copy copied FROM ' :abs_builddir '/results/model_type.bin (FORMAT binary)'
:copy
\set copy '\\copy m TO ' :abs_builddir '/results/model_type.txt'
:copy
\set copy '\\copy copied FROM ' :abs_builddir '/results/model_type.txt'
:copy
SELECT count(*), bool_and(m.model OPERATOR(mlops.=) c.model) AS same FROM m JOIN copied c USING (name);

-- equality is that of the content, however it is compressed
SELECT a.name, b.name, a.model OPERATOR(mlops.=) b.model AS eq, a.model OPERATOR(mlops.<>) b.model AS ne,
       mlops.model_hash(a.model) = mlops.model_hash(b.model) AS hash
  FROM m a, m b WHERE a.name <= b.name ORDER BY 1, 2;
SELECT count(DISTINCT model::text) AS texts, count(*) AS models
  FROM (SELECT model FROM m WHERE name = 'mixed'
        UNION ALL SELECT mlops_private.model_repack(model) FROM m WHERE name = 'mixed') s;
SELECT count(*) FROM (SELECT model FROM m UNION SELECT mlops_private.model_repack(model) FROM m) s;

SELECT jsonb_pretty(mlops.describe(model) - 'model') FROM m WHERE name = 'mixed';
SELECT mlops.describe(model) -> 'target' AS target, mlops.describe(model) -> 'features' AS features
  FROM m WHERE name = 'array';

SELECT mlops.train('model_type', 'SELECT i AS a, (i * 7 % 13)::float8 AS b, i * 2.5 + i % 3 AS y FROM generate_series(1, 50) i', 'y') IS NOT NULL AS trained;
SELECT mlops.describe('model_type') = mlops.describe(artifact) AS same,
       mlops_private.model_repack(artifact) OPERATOR(mlops.=) artifact AS repacked,
       mlops_private.model_repack(artifact)::text = artifact::text AS same_bytes
  FROM mlops_private.version JOIN mlops_private.model USING (model_id) WHERE name = 'model_type';
SELECT mlops.drop_model('model_type') IS NOT NULL AS dropped;
\set VERBOSITY sqlstate
SELECT mlops.describe('model_type');
SELECT mlops.describe(NULL::text);
SELECT mlops.describe(NULL::mlops.model);

-- garbage
\set VERBOSITY sqlstate
SELECT ''::mlops.model;
SELECT 'no base64'::mlops.model;
SELECT 'AAAA='::mlops.model;
SELECT 'AAAA'::mlops.model;
\set VERBOSITY default
SELECT * FROM pg_temp.outcomes(ARRAY(SELECT sha256(i::text::bytea) || sha256((-i)::text::bytea) FROM generate_series(1, 200) i));
SELECT pg_temp.to_model('\x8d4d4c4f50530d0a');

-- every truncation, of the bytes and of what they contain; something at the end
SELECT name, o.* FROM seed, pg_temp.outcomes(ARRAY(SELECT substr(stored, 1, n) FROM generate_series(1, length(stored) - 1) n)) o ORDER BY 1, 2;
SELECT name, o.* FROM seed, pg_temp.outcomes(ARRAY(SELECT pg_temp.seal(substr(content, 1, n)) FROM generate_series(8, length(content) - 1) n)) o ORDER BY 1, 2;
SELECT name, pg_temp.try(stored || '\x00') AS zero, pg_temp.try(stored || stored) AS twice,
       pg_temp.try(pg_temp.seal(content || '\x00')) AS content,
       -- an empty frame more is allowed, a skippable one is not
       pg_temp.try(stored || '\x04224d1860408200000000') AS frame,
       pg_temp.try(stored || '\x502a4d1800000000') AS skippable
  FROM seed ORDER BY name;
-- a single bit
SELECT name, o.* FROM seed,
       pg_temp.outcomes(ARRAY(SELECT set_bit(stored, n, 1 - get_bit(stored, n)) FROM generate_series(448, length(stored) * 8 - 1) n)) o
 ORDER BY 1, 2;

-- newer releases: the message has both versions
\set VERBOSITY terse
CREATE FUNCTION pg_temp.with_bytes(b bytea, at int, new bytea) RETURNS bytea
LANGUAGE sql AS $$ SELECT substr(b, 1, at) || new || substr(b, at + 1 + length(new)) $$;
SELECT stored AS s, content AS c FROM seed WHERE name = 'number' \gset
SELECT pg_temp.to_model(pg_temp.with_bytes(:'s', 8, '\x0200'));
SELECT pg_temp.to_model(pg_temp.with_bytes(:'s', 8, '\x0000'));
SELECT pg_temp.to_model(pg_temp.with_bytes(:'s', 10, '\xfeff'));
SELECT pg_temp.to_model(pg_temp.with_bytes(:'s', 12, '\x3930'));
SELECT pg_temp.to_model(pg_temp.with_bytes(:'s', 12, '\x0000'));
SELECT pg_temp.to_model(pg_temp.with_bytes(:'s', 14, '\x0080'));
-- sections: unknown and required, unknown and not, twice, a bad tag, none
SELECT pg_temp.to_model(pg_temp.seal(:'c'::bytea || pg_temp.section('PROF', '\x01')));
SELECT pg_temp.try(pg_temp.seal(:'c'::bytea || pg_temp.section('note', '\x01')));
SELECT pg_temp.to_model(pg_temp.seal(:'c'::bytea || pg_temp.section('note', '') || pg_temp.section('note', '')));
SELECT pg_temp.to_model(pg_temp.seal(:'c'::bytea || pg_temp.section('no e', '')));
SELECT pg_temp.to_model(pg_temp.seal(substr(:'c'::bytea, 1, 8)));
SELECT pg_temp.to_model(pg_temp.seal(:'c'::bytea || (SELECT string_agg(pg_temp.section('a' || chr(97 + i / 26) || chr(97 + i % 26) || 'a', ''), '')
                                                       FROM generate_series(0, 61) i)));
-- the content of one model under the header of another; a length that lies
SELECT pg_temp.to_model(pg_temp.with_bytes(pg_temp.seal(pg_temp.with_bytes(:'c', 6, '\x0100')), 14, '\x0000'));
SELECT pg_temp.to_model(pg_temp.with_bytes(:'s', 16, pg_temp.le(length(:'c'::bytea) - 1, 8)));
SELECT pg_temp.to_model(pg_temp.with_bytes(:'s', 16, pg_temp.le(length(:'c'::bytea) + 1, 8)));
SELECT pg_temp.to_model(pg_temp.with_bytes(:'s', 16, pg_temp.le(536870912, 8)));
SELECT pg_temp.to_model(pg_temp.with_bytes(:'s', 16, '\xffffffffffffffff'));

-- signatures: each rule of section 5 of the format
CREATE FUNCTION pg_temp.sig(signature bytea) RETURNS mlops.model
LANGUAGE sql AS $$ SELECT pg_temp.to_model(pg_temp.seal(pg_temp.linear(signature, 2))) $$;
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a')])) IS NOT NULL AS good;
SELECT pg_temp.sig(pg_temp.signature('{}'));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a'), pg_temp.feature('b'), pg_temp.feature('a')]));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature(''), pg_temp.feature('b')]));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature(repeat('a', 1024))]));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[overlay(pg_temp.feature('ab') PLACING '\x00' FROM 4)]));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[overlay(pg_temp.feature('ab') PLACING '\xc3' FROM 4)]));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a')], 3));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a')], 1, 7));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a')], 1, 1, 'y', '{no,yes}'));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a')], 2, 3, 'y', '{no}'));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a')], 2, 3, 'y', '{no,yes,no}'));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a')], 2, 1, 'y', ARRAY(SELECT i::text FROM generate_series(1, 1001) i)));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a')], 2, 3, 'y', '{no,yes}'));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a', 0)]));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a', 8)]));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a', 1, 6)]));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a', 1, 4)]));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a', 3, 5, 0, 1, '', '{x}')]));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a', 1, 0, 4)]));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a', 1, 0, 8)]));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a', 1, 0, 0, 0)]));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a', 1, 0, 0, 2)]));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a', 7, 0, 0, 65535), pg_temp.feature('b')]));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a', 1, 2, 0, 1, '\x000000000000f07f')]));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a', 1, 3, 0, 1, '\x000000000000f87f')]));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a', 3, 4, 0, 1, '', '{x,z,x}')]));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a', 3, 4) || '\x41420f00']));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a', 3, 4) || '\x40420f00']));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a', 3, 4) || '\x01000000ffffffff']));
SELECT pg_temp.sig(pg_temp.signature(ARRAY[pg_temp.feature('a')]) || '\x00');

-- facts
CREATE FUNCTION pg_temp.facts(facts text) RETURNS mlops.model
LANGUAGE sql AS $$ SELECT pg_temp.to_model(pg_temp.seal(pg_temp.linear(pg_temp.signature(ARRAY[pg_temp.feature('a')]), 2, facts))) $$;
SELECT pg_temp.facts('{') IS NULL;
SELECT pg_temp.facts('') IS NULL;
SELECT pg_temp.facts('[1]') IS NULL;
SELECT pg_temp.facts('{"a": 1} {') IS NULL;
SELECT pg_temp.facts('{"a": "\u0000"}') IS NULL;
SELECT pg_temp.facts('{"a": 1e999999}') IS NULL;
SELECT pg_temp.facts(repeat('[', 100000)) IS NULL;
SELECT pg_temp.facts('{"a": "' || repeat('x', 1048576) || '"}') IS NULL;
SELECT pg_temp.facts('{"a": "' || repeat('x', 1048576 - 9) || '"}') IS NULL;

-- a large value is stored out of line as it is, and equality reads a slice of it
CREATE TEMP TABLE large AS
SELECT pg_temp.facts(jsonb_build_object('a', string_agg(sha256(i::text::bytea)::text, ''))::text) AS model
  FROM generate_series(1, 15000) i;
SELECT pg_column_size(model) = octet_length(mlops.model_send(model)) AS as_it_is, pg_column_size(model) > 900000 AS large
  FROM large;
CREATE FUNCTION pg_temp.blocks(query text) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE query;
    EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT json) ' || query INTO plan;
    RETURN (SELECT sum((plan -> 0 -> 'Plan' ->> key)::int)
              FROM unnest('{Shared Hit Blocks,Shared Read Blocks,Local Hit Blocks,Local Read Blocks}'::text[]) key);
END $$;
SELECT pg_temp.blocks('SELECT mlops.model_hash(model) FROM large') < 20 AS slice,
       pg_temp.blocks('SELECT mlops.model_send(model) FROM large') > 100 AS whole;

-- the cache: another session's worth of it, with room for three models of this size
\c -
\set ECHO none
\i :helpers
\i :seeds
\set ECHO all
CREATE TEMP TABLE m AS
SELECT i, pg_temp.to_model(pg_temp.seal(pg_temp.linear(pg_temp.signature(ARRAY[pg_temp.feature('a')]), 2,
                                                       jsonb_build_object('i', i)::text))) AS model
  FROM generate_series(1, 4) i;
CREATE FUNCTION pg_temp.use(n int) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    before record;
    after record;
BEGIN
    SELECT * INTO before FROM mlops_private.model_cache();
    PERFORM mlops.describe(model) FROM m WHERE i = n;
    SELECT * INTO after FROM mlops_private.model_cache();
    RETURN format('%s: %s, %s entries', n, CASE WHEN after.hits > before.hits THEN 'hit' ELSE 'miss' END, after.entries);
END $$;
SELECT entries, pinned, bytes, hits, misses FROM mlops_private.model_cache();
SELECT pg_temp.use(1);
SELECT bytes * 3 / 1024 AS room FROM mlops_private.model_cache() \gset
SET mlops.model_cache_size = :room;
SELECT pg_temp.use(2), pg_temp.use(3), pg_temp.use(1), pg_temp.use(4);
-- 2 was used the longest ago
SELECT pg_temp.use(1), pg_temp.use(3), pg_temp.use(4), pg_temp.use(2);
SELECT entries, pinned, bytes <= :room * 1024 AS bounded FROM mlops_private.model_cache();
-- a failing statement leaves nothing in use
SELECT mlops.describe(model), 1 / (i - i) FROM m;
SELECT entries, pinned FROM mlops_private.model_cache();
SET mlops.model_cache_size = 0;
SELECT pg_temp.use(1), pg_temp.use(1);
SELECT entries, pinned, bytes FROM mlops_private.model_cache();
RESET mlops.model_cache_size;

-- text is UTF-8 in a model, and the server's encoding outside
SELECT pg_temp.to_model(pg_temp.seal(pg_temp.linear(pg_temp.signature(ARRAY[
           pg_temp.feature(U&'gr\00F6\00DFe', 3, 4, 0, 1, '', ARRAY[U&'\00E9', U&'\20AC'])],
           1, 1, U&'\00FC'), 2, U&'{"a": "\00E4"}'))) AS western,
       pg_temp.to_model(pg_temp.seal(pg_temp.linear(pg_temp.signature(ARRAY[pg_temp.feature(U&'\0416')]), 2))) AS cyrillic
\gset
SELECT mlops.describe(:'western'::mlops.model) -> 'features' -> 0 ->> 'name' = U&'gr\00F6\00DFe' AS same;
SELECT current_database() AS here \gset
SET client_min_messages = warning;
DROP DATABASE IF EXISTS mlops_win1252;
CREATE DATABASE mlops_win1252 ENCODING 'WIN1252' LOCALE 'C' TEMPLATE template0;
\c mlops_win1252
CREATE EXTENSION mlops;
SET client_encoding = 'UTF8';
SELECT mlops.describe(:'western'::mlops.model) ->> 'target' = U&'\00FC' AS target,
       mlops.describe(:'western'::mlops.model) -> 'facts' ->> 'a' = U&'\00E4' AS facts,
       octet_length(mlops.describe(:'western'::mlops.model) -> 'features' -> 0 ->> 'name') AS bytes,
       mlops_private.model_repack(:'western') OPERATOR(mlops.=) :'western' AS repacked;
-- by code the euro sign is second, by bytes it is first here: both ways of looking it up find it
SELECT mlops.predict(:'western'::mlops.model, jsonb_build_object(U&'gr\00F6\00DFe', c)) AS jsonb,
       (SELECT mlops.predict(:'western'::mlops.model, t) FROM (SELECT c AS U&"gr\00F6\00DFe") t) AS record,
       CASE c WHEN U&'\00E9' THEN 1 ELSE 2 END AS expected
  FROM unnest(ARRAY[U&'\00E9', U&'\20AC']) c;
SELECT mlops.describe(:'cyrillic'::mlops.model);
\c :here
DROP DATABASE mlops_win1252;
