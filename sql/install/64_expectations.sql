/* sql/install/64_expectations.sql: what data must be like, and whether it is. */

CREATE FUNCTION mlops.expect(
    target text,
    expectation jsonb,
    name text DEFAULT NULL,
    OUT target text,
    OUT number bigint,
    OUT name text,
    OUT kind text,
    OUT "column" text,
    OUT required text,
    OUT severity text)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_expect'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.expect(text, jsonb, text)
  IS 'record what rows for a model, or of a relation of yours, must be like; mlops.validate() checks it';

CREATE FUNCTION mlops.unexpect(
    target text,
    number bigint,
    OUT target text,
    OUT number bigint,
    OUT kind text,
    OUT "column" text)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_unexpect'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.unexpect(text, bigint)
  IS 'remove an expectation';

CREATE FUNCTION mlops.validate(
    source text,
    expectations jsonb DEFAULT NULL,
    model text DEFAULT NULL,
    OUT number bigint,
    OUT expectation text,
    OUT kind text,
    OUT "column" text,
    OUT required text,
    OUT actual text,
    OUT failed bigint,
    OUT n bigint,
    OUT share double precision,
    OUT passed boolean,
    OUT severity text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_validate'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000 ROWS 20;
COMMENT ON FUNCTION mlops.validate(text, jsonb, text)
  IS 'check a source, read once, against the expectations of the relation, of a model, and given ones (an object or an array of them)';

CREATE FUNCTION mlops.expectations_from(
    model text,
    OUT kind text,
    OUT "column" text,
    OUT expectation jsonb)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_expectations_from'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 ROWS 20;
COMMENT ON FUNCTION mlops.expectations_from(text)
  IS 'expectations that say what training saw: types, nulls and, with the privilege artifact, categories';

CREATE FUNCTION mlops.expectations_of(
    source text,
    OUT kind text,
    OUT "column" text,
    OUT expectation jsonb)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_expectations_of'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000 ROWS 20;
COMMENT ON FUNCTION mlops.expectations_of(text)
  IS 'expectations that a source meets: types, share of nulls, least and greatest number, values where there are at most 20';

CREATE VIEW mlops.expectations WITH (security_barrier) AS
SELECT e.expectation_id AS number,
       m.name::text AS model,
       CASE WHEN e.model_id IS NULL
            THEN pg_catalog.quote_ident(e.relation_schema) || '.' || pg_catalog.quote_ident(e.relation_name)
       END AS relation,
       e.name,
       e.kind,
       e.column_name::text AS "column",
       CASE WHEN e.model_id IS NULL
                 OR mlops_private.may(e.model_id, 'train')
                 OR mlops_private.may(e.model_id, 'artifact')
            THEN e.arguments
       END AS arguments,
       e.severity,
       e.created_by,
       e.created_at
  FROM mlops_private.expectation e
  LEFT JOIN mlops_private.model m ON m.model_id = e.model_id
 WHERE CASE WHEN e.model_id IS NULL
            THEN mlops_private.owns(e.owner_oid, e.owner_name, e.owner_system)
            ELSE mlops_private.may(e.model_id, 'read')
       END;
COMMENT ON VIEW mlops.expectations
  IS 'what rows must be like, for models you may read and of relations of yours; a model''s arguments need train or artifact';
