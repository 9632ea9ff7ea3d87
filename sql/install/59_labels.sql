/* sql/install/59_labels.sql: labels of columns: personal data, and how it is masked.
 *
 * The labels are the server's own (SECURITY LABEL FOR mlops ON COLUMN ...), in pg_seclabel,
 * where everybody can read them and from where pg_dump takes them.
 */

CREATE FUNCTION mlops.label_column(
    relation regclass,
    "column" name,
    label text,
    OUT relation text,
    OUT "column" text,
    OUT label text,
    OUT previous text)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_label_column'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.label_column(regclass, name, text)
  IS 'label a column of a table or view you own: ''pii:email mask:partial''; NULL removes the label';

CREATE FUNCTION mlops.unlabel_all()
RETURNS integer
AS 'MODULE_PATHNAME', 'mlops_unlabel_all'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.unlabel_all()
  IS 'remove every label of mlops in this database, before DROP EXTENSION; returns how many there were';

CREATE FUNCTION mlops.lineage(
    source text,
    OUT "column" text,
    OUT relation text,
    OUT base_column text,
    OUT label text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_lineage'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.lineage(text)
  IS 'columns of tables and views beneath each output column of a source, with their labels; last, without a column, relations that are only read';

CREATE FUNCTION mlops_private.label_parts(
    label text,
    OUT pii text,
    OUT mask text)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_label_parts'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION mlops_private.label_parts(text)
  IS 'the kind of personal data a label names and its masking strategy';

CREATE VIEW mlops.labels AS
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS relation,
       a.attname::text AS "column",
       l.label,
       p.pii,
       p.mask
  FROM pg_catalog.pg_seclabel l
  JOIN pg_catalog.pg_class c ON c.oid = l.objoid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = l.objoid AND a.attnum = l.objsubid,
       mlops_private.label_parts(l.label) p
 WHERE l.provider = 'mlops' AND l.classoid = 'pg_catalog.pg_class'::regclass;
COMMENT ON VIEW mlops.labels
  IS 'columns labelled for mlops; pii is the kind of personal data, "unspecified" where the label names none';
