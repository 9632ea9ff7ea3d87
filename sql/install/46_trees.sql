-- looking at trees.  Refers to 10_types.

CREATE FUNCTION mlops.tree_text(
    model text,
    tree integer DEFAULT 1)
RETURNS text
AS 'MODULE_PATHNAME', 'mlops_tree_text_name'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION mlops.tree_text(text, integer)
  IS 'a tree of a model as indented text: questions, missing values, answers, rows';

CREATE FUNCTION mlops.tree_text(
    model mlops.model,
    tree integer DEFAULT 1)
RETURNS text
AS 'MODULE_PATHNAME', 'mlops_tree_text_value'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION mlops.tree_text(mlops.model, integer)
  IS 'a tree of a model as indented text: questions, missing values, answers, rows';

CREATE FUNCTION mlops.tree_dot(
    model text,
    tree integer DEFAULT 1)
RETURNS text
AS 'MODULE_PATHNAME', 'mlops_tree_dot_name'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION mlops.tree_dot(text, integer)
  IS 'a tree of a model in the language of Graphviz';

CREATE FUNCTION mlops.tree_dot(
    model mlops.model,
    tree integer DEFAULT 1)
RETURNS text
AS 'MODULE_PATHNAME', 'mlops_tree_dot_value'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION mlops.tree_dot(mlops.model, integer)
  IS 'a tree of a model in the language of Graphviz';

CREATE FUNCTION mlops.tree_sql(
    model text)
RETURNS text
AS 'MODULE_PATHNAME', 'mlops_tree_sql_name'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION mlops.tree_sql(text)
  IS 'the trees of a model as an SQL expression over its columns that gives what predict() answers';

CREATE FUNCTION mlops.tree_sql(
    model mlops.model)
RETURNS text
AS 'MODULE_PATHNAME', 'mlops_tree_sql_value'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION mlops.tree_sql(mlops.model)
  IS 'the trees of a model as an SQL expression over its columns that gives what predict() answers';

CREATE FUNCTION mlops.trees(
    model text,
    OUT tree integer,
    OUT node integer,
    OUT parent integer,
    OUT feature text,
    OUT threshold double precision,
    OUT categories text[],
    OUT left_child integer,
    OUT right_child integer,
    OUT missing_child integer,
    OUT value double precision,
    OUT class text,
    OUT outputs double precision[],
    OUT gain double precision,
    OUT cover double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_trees_name'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 ROWS 10000;
COMMENT ON FUNCTION mlops.trees(text)
  IS 'the trees of a model as rows, one a node: feature <= threshold or among the categories goes to the left child, missing values to the missing child';

CREATE FUNCTION mlops.trees(
    model mlops.model,
    OUT tree integer,
    OUT node integer,
    OUT parent integer,
    OUT feature text,
    OUT threshold double precision,
    OUT categories text[],
    OUT left_child integer,
    OUT right_child integer,
    OUT missing_child integer,
    OUT value double precision,
    OUT class text,
    OUT outputs double precision[],
    OUT gain double precision,
    OUT cover double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_trees_value'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 ROWS 10000;
COMMENT ON FUNCTION mlops.trees(mlops.model)
  IS 'the trees of a model as rows, one a node: feature <= threshold or among the categories goes to the left child, missing values to the missing child';

CREATE FUNCTION mlops.importance(
    model text,
    method text DEFAULT 'gain',
    OUT feature text,
    OUT importance double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_importance_name'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 ROWS 20;
COMMENT ON FUNCTION mlops.importance(text, text)
  IS 'share of each feature in the splits of a model''s trees, by gain, number of splits or cover';

CREATE FUNCTION mlops.importance(
    model mlops.model,
    method text DEFAULT 'gain',
    OUT feature text,
    OUT importance double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_importance_value'
LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 ROWS 20;
COMMENT ON FUNCTION mlops.importance(mlops.model, text)
  IS 'share of each feature in the splits of a model''s trees, by gain, number of splits or cover';
