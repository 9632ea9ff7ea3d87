/* sql/install/58_snapshots.sql: copies of training sets, and whether rows are those a version was trained on. */

CREATE FUNCTION mlops.snapshot(
    name text,
    source text,
    key name DEFAULT NULL,
    note text DEFAULT NULL,
    keep interval DEFAULT NULL,
    OUT snapshot text,
    OUT rows bigint,
    OUT columns integer,
    OUT bytes bigint,
    OUT fingerprint text,
    OUT chunks integer,
    OUT shared_chunks integer)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_snapshot'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.snapshot(text, text, name, text, interval)
  IS 'keep a compressed copy of a source''s rows, then a source as snapshot:NAME; key: the column that says whose a row is, for erasing; keep: how long at least';

CREATE FUNCTION mlops.drop_snapshot(
    name text,
    OUT snapshot text,
    OUT rows bigint,
    OUT bytes bigint)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_drop_snapshot'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.drop_snapshot(text)
  IS 'remove a snapshot; what others share stays';

CREATE FUNCTION mlops.erase_from_snapshot(
    name text,
    key text,
    OUT snapshot text,
    OUT erased bigint,
    OUT rows bigint)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_erase_from_snapshot'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.erase_from_snapshot(text, text)
  IS 'take somebody''s rows out of a snapshot: those whose key column, as text, is the key';

CREATE FUNCTION mlops.snapshot_rows(
    name text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_snapshot_rows'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 1000 ROWS 100000;
COMMENT ON FUNCTION mlops.snapshot_rows(text)
  IS 'the rows of a snapshot: SELECT * FROM mlops.snapshot_rows(''s'') AS t(a integer, b text); mlops.snapshots.definition has the list';

CREATE FUNCTION mlops.trained_on(
    model text,
    source text,
    OUT model text,
    OUT version integer,
    OUT same boolean,
    OUT fingerprint text,
    OUT recorded text,
    OUT rows bigint,
    OUT rows_recorded bigint,
    OUT columns text[])
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_trained_on'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.trained_on(text, text)
  IS 'whether a version was trained on exactly these rows of these columns';

-- views

CREATE VIEW mlops.snapshots WITH (security_barrier) AS
SELECT s.name::text AS snapshot,
       mlops_private.current_owner(s.owner_oid, s.owner_name, s.owner_system) AS owner,
       s.source,
       s.rows,
       s.column_names AS columns,
       s.bytes,
       s.fingerprint,
       s.key,
       s.row_security,
       s.erased_rows,
       s.note,
       s.created_by,
       s.created_at,
       s.keep_until,
       (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(c.name) OPERATOR(pg_catalog.||) ' '
                                     OPERATOR(pg_catalog.||) c.type, ', ' ORDER BY c.number)
          FROM ROWS FROM (pg_catalog.unnest(s.column_names), pg_catalog.unnest(s.column_types))
               WITH ORDINALITY AS c(name, type, number)) AS definition
  FROM mlops_private.snapshot s
 WHERE mlops_private.owns(s.owner_oid, s.owner_name, s.owner_system);
COMMENT ON VIEW mlops.snapshots
  IS 'copies of training sets that you may use; definition is the list of columns for snapshot_rows()';
