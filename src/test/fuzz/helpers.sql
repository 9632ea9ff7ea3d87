-- helpers.sql: models taken apart and put together in SQL, by what
-- docs/model-format.md says and by nothing else.  Creates functions in pg_temp.

-- n as a little-endian unsigned integer of so many bytes
CREATE FUNCTION pg_temp.le(n bigint, bytes int) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT coalesce(string_agg(set_byte('\x00', 0, ((n >> (8 * i)) & 255)::int), '' ORDER BY i), '')
        FROM generate_series(0, bytes - 1) i $$;

-- the little-endian unsigned integer of so many bytes at an offset
CREATE FUNCTION pg_temp.le_at(b bytea, at int, bytes int) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    n bigint := 0;
BEGIN
    FOR i IN REVERSE bytes - 1 .. 0 LOOP
        n := (n << 8) | get_byte(b, at + i);
    END LOOP;
    RETURN n;
END $$;

-- content as LZ4 frames of stored (not compressed) blocks
CREATE FUNCTION pg_temp.frame(content bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT '\x04224d18604082' ||
             coalesce((SELECT string_agg(pg_temp.le(2147483648 + length(p), 4) || p, '' ORDER BY i)
                         FROM generate_series(0, (length(content) - 1) / 65536) i,
                              substr(content, i * 65536 + 1, 65536) p), '') ||
             '\x00000000' $$;

-- a model's binary form around any content, with a hash that is right
CREATE FUNCTION pg_temp.seal(content bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT '\x8d4d4c4f50530d0a' || substr(content, 1, 8) || pg_temp.le(length(content), 8) ||
             sha256(content) || pg_temp.frame(content) $$;

-- bytes to the type, through its text form
CREATE FUNCTION pg_temp.to_model(b bytea) RETURNS mlops.model
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT replace(encode(b, 'base64'), E'\n', '')::mlops.model $$;

-- the same as an outcome: ok, or the SQLSTATE
CREATE FUNCTION pg_temp.try(b bytea) RETURNS text
LANGUAGE plpgsql STABLE STRICT
AS $$
BEGIN
    PERFORM mlops.describe(pg_temp.to_model(b));
    RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;

-- the content of a model: a decoder of its LZ4 frames
CREATE FUNCTION pg_temp.content(m mlops.model) RETURNS bytea
LANGUAGE plpgsql STABLE STRICT
AS $$
DECLARE
    b bytea := mlops.model_send(m);
    at int := 56;
    flg int;
    size bigint;
    stop int;
    token int;
    n int;
    k int;
    back int;
    result bytea := '';
BEGIN
    WHILE at < length(b) LOOP
        ASSERT substr(b, at + 1, 4) = '\x04224d18';
        flg := get_byte(b, at + 4);
        at := at + 7 + CASE WHEN flg & 8 > 0 THEN 8 ELSE 0 END;
        LOOP
            size := pg_temp.le_at(b, at, 4);
            at := at + 4;
            EXIT WHEN size = 0;
            IF size >= 2147483648 THEN
                size := size - 2147483648;
                result := result || substr(b, at + 1, size::int);
                at := at + size::int;
                CONTINUE;
            END IF;
            stop := at + size::int;
            WHILE at < stop LOOP
                token := get_byte(b, at);
                at := at + 1;
                n := token >> 4;
                IF n = 15 THEN
                    LOOP
                        k := get_byte(b, at);
                        at := at + 1;
                        n := n + k;
                        EXIT WHEN k < 255;
                    END LOOP;
                END IF;
                result := result || substr(b, at + 1, n);
                at := at + n;
                EXIT WHEN at >= stop;
                back := pg_temp.le_at(b, at, 2);
                at := at + 2;
                n := token & 15;
                IF n = 15 THEN
                    LOOP
                        k := get_byte(b, at);
                        at := at + 1;
                        n := n + k;
                        EXIT WHEN k < 255;
                    END LOOP;
                END IF;
                n := n + 4;
                WHILE n > 0 LOOP
                    k := least(n, back);
                    result := result || substr(result, length(result) - back + 1, k);
                    n := n - k;
                END LOOP;
            END LOOP;
        END LOOP;
        -- a checksum of the content follows when the frame says so
        at := at + CASE WHEN flg & 4 > 0 THEN 4 ELSE 0 END;
    END LOOP;
    RETURN result;
END $$;

-- a string with a length of so many bytes
CREATE FUNCTION pg_temp.str(t text, bytes int) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT pg_temp.le(octet_length(convert_to(t, 'UTF8')), bytes) || convert_to(t, 'UTF8') $$;

CREATE FUNCTION pg_temp.section(tag text, body bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT convert_to(tag, 'UTF8') || pg_temp.le(length(body), 4) || body $$;

-- a feature's bytes; fill as float8 in hexadecimal little-endian
CREATE FUNCTION pg_temp.feature(name text, type int = 1, missing int = 0, flags int = 0, width int = 1,
                                fill bytea = '', categories text[] = NULL) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT pg_temp.str(name, 2) || pg_temp.le(type, 1) || pg_temp.le(missing, 1) || pg_temp.le(flags, 1) ||
             pg_temp.le(width, 2) || fill ||
             CASE WHEN categories IS NULL THEN ''
                  ELSE pg_temp.le(cardinality(categories), 4) ||
                       coalesce((SELECT string_agg(pg_temp.str(c, 4), '' ORDER BY i)
                                   FROM unnest(categories) WITH ORDINALITY u(c, i)), '') END $$;

CREATE FUNCTION pg_temp.signature(features bytea[], task int = 1, target_type int = 1, target text = 'y',
                                  classes text[] = '{}') RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT pg_temp.le(task, 1) || pg_temp.le(target_type, 1) || pg_temp.str(target, 2) ||
             pg_temp.le(cardinality(classes), 2) ||
             coalesce((SELECT string_agg(pg_temp.str(c, 4), '' ORDER BY i)
                         FROM unnest(classes) WITH ORDINALITY u(c, i)), '') ||
             pg_temp.le(cardinality(features), 2) ||
             coalesce((SELECT string_agg(f, '' ORDER BY i) FROM unnest(features) WITH ORDINALITY u(f, i)), '') $$;
