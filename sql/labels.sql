-- Labels of columns: grammar, who may set them, what counts as labelled, what training does.
CREATE SCHEMA labels_test;
SET search_path = labels_test;
CREATE ROLE regress_mlops_ann;
CREATE ROLE regress_mlops_bob;
GRANT USAGE, CREATE ON SCHEMA labels_test TO regress_mlops_ann, regress_mlops_bob;

CREATE TABLE people (id int PRIMARY KEY, email text, city text, age int, y float8);
INSERT INTO people
SELECT i, 'a' || i % 5 || '@b', 'c' || i % 3, 20 + i % 50, i % 50 + sin(i)
  FROM generate_series(1, 200) i;
CREATE TABLE orders (id int, person int, amount float8);
INSERT INTO orders SELECT i, i, i FROM generate_series(1, 200) i;

-- the grammar: what is accepted
SELECT * FROM mlops.label_column('people', 'email', 'pii');
SELECT * FROM mlops.label_column('people', 'email', 'mask:partial');
SELECT * FROM mlops.label_column('people', 'email', 'mask:partial pii:email');
SELECT * FROM mlops.label_column('people', 'email', 'pii:email mask:partial');
SELECT * FROM mlops.label_column('people', 'city', 'pii:address');
-- what is kept with a WARNING
SELECT * FROM mlops.label_column('people', 'age', 'pii:shoe_size mask:wobble later later:2');
SELECT * FROM mlops.labels ORDER BY "column";
-- NULL removes
SELECT * FROM mlops.label_column('people', 'age', NULL);
SELECT * FROM mlops.label_column('people', 'age', NULL);
-- twice in one statement
SELECT count(*) FROM generate_series(1, 2), mlops.label_column('people', 'age', 'pii:age');
SELECT * FROM mlops.label_column(relation => 'people', "column" => 'age', label => NULL);
-- what is malformed
\set VERBOSITY sqlstate
SELECT label, mlops.label_column('people', 'age', label) FROM (VALUES ('')) v(label);
SELECT label, mlops.label_column('people', 'age', label) FROM (VALUES (' pii')) v(label);
SELECT label, mlops.label_column('people', 'age', label) FROM (VALUES ('pii ')) v(label);
SELECT label, mlops.label_column('people', 'age', label) FROM (VALUES ('pii  mask:hash')) v(label);
SELECT label, mlops.label_column('people', 'age', label) FROM (VALUES ('pii:')) v(label);
SELECT label, mlops.label_column('people', 'age', label) FROM (VALUES ('pii:a:b')) v(label);
SELECT label, mlops.label_column('people', 'age', label) FROM (VALUES ('PII')) v(label);
SELECT label, mlops.label_column('people', 'age', label) FROM (VALUES ('pii:e-mail')) v(label);
SELECT label, mlops.label_column('people', 'age', label) FROM (VALUES ('pii pii:email')) v(label);
SELECT label, mlops.label_column('people', 'age', label) FROM (VALUES ('mask')) v(label);
SELECT label, mlops.label_column('people', 'age', label) FROM (VALUES (E'pii\tmask:hash')) v(label);
SELECT label, mlops.label_column('people', 'age', label) FROM (VALUES ('MASKED WITH FUNCTION f()')) v(label);
SECURITY LABEL FOR mlops ON COLUMN people.age IS 'no, thanks';
\set VERBOSITY default
SELECT mlops.label_column('people', 'age', 'Pii');

-- the server's own command
SECURITY LABEL FOR mlops ON COLUMN people.age IS 'pii:age mask:generalize';
SECURITY LABEL FOR mlops ON COLUMN people.age IS 'pii:height';
SECURITY LABEL FOR mlops ON COLUMN people.age IS NULL;
-- where labels do not belong
SECURITY LABEL FOR mlops ON TABLE people IS 'pii';
SECURITY LABEL FOR mlops ON ROLE regress_mlops_ann IS 'pii';
SECURITY LABEL FOR mlops ON SCHEMA labels_test IS 'pii';
SECURITY LABEL FOR mlops ON TABLE people IS NULL;
CREATE TYPE pair AS (a int, b text);
SECURITY LABEL FOR mlops ON COLUMN pair.b IS 'pii';
CREATE SEQUENCE counter;
SELECT mlops.label_column('people', 'ctid', 'pii');
SELECT mlops.label_column('people_pkey', 'id', 'pii');
SELECT mlops.label_column('counter', 'last_value', 'pii');
SELECT mlops.label_column('people', 'nothing', 'pii');
SELECT mlops.label_column('nothing', 'email', 'pii');
SELECT mlops.label_column(1::oid, 'email', 'pii');
SELECT mlops.label_column(NULL, 'email', 'pii');
SELECT mlops.label_column('people', NULL, 'pii');
BEGIN READ ONLY;
SELECT mlops.label_column('people', 'email', NULL);
ROLLBACK;

-- only who owns the relation, or has the owner's rights
GRANT ALL ON people TO regress_mlops_ann;
SET ROLE regress_mlops_ann;
SELECT mlops.label_column('people', 'email', NULL);
SECURITY LABEL FOR mlops ON COLUMN people.email IS NULL;
CREATE TABLE anns AS SELECT email, age, y FROM people;
SELECT * FROM mlops.label_column('anns', 'email', 'pii:email');
SET ROLE regress_mlops_bob;
SELECT mlops.label_column('anns', 'email', NULL);
RESET ROLE;
GRANT regress_mlops_ann TO regress_mlops_bob;
SET ROLE regress_mlops_bob;
SELECT * FROM mlops.label_column('anns', 'email', 'pii');
SELECT mlops.unlabel_all();
-- everybody sees them
SELECT * FROM mlops.labels ORDER BY relation, "column";
RESET ROLE;
DROP TABLE anns;
SELECT count(*) FROM pg_seclabel WHERE provider = 'mlops';

-- acts are recorded, changes only
SELECT action, kind, object, payload, actor FROM mlops.audit
 WHERE action LIKE 'label.%' AND object LIKE 'labels_test.anns.%' ORDER BY event_id;
SELECT count(*) AS n, count(DISTINCT object) AS columns, count(DISTINCT action) AS actions
  FROM mlops.audit WHERE action LIKE 'label.%' AND object LIKE 'labels_test.people.%';

-- undone with the transaction
BEGIN;
SELECT mlops.unlabel_all();
SELECT count(*) FROM mlops.labels;
ROLLBACK;
SELECT count(*) FROM mlops.labels;

-- follows the column
ALTER TABLE people RENAME email TO mail;
SELECT * FROM mlops.labels ORDER BY "column";
ALTER TABLE people RENAME mail TO email;

-- Lineage.  Labelled: people.email and people.city.
CREATE VIEW v1 AS SELECT p.*, lower(email) AS mail, 1 AS one FROM people p;
CREATE VIEW v2 AS SELECT mail AS m, length(mail || city) AS n, age, id, y FROM v1;
SELECT * FROM mlops.lineage('v2');
-- relations that only decide which rows there are
SELECT * FROM mlops.lineage('SELECT p.age FROM people p JOIN orders o ON o.person = p.id WHERE EXISTS (SELECT FROM v1)');

-- label by output column, as training sees it
CREATE FUNCTION labelled(source text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(DISTINCT "column", ' ' ORDER BY "column")
	  FROM mlops.lineage(source) WHERE label IS NOT NULL $$;
SELECT labelled('people'), labelled('v1'), labelled('v2'), labelled('orders');
-- nothing but the column itself
SELECT labelled('SELECT email AS a, age AS b, city || age AS c, NULL AS d, now() AS e FROM people');
SELECT labelled('SELECT age AS a, CASE WHEN age > 3 THEN email END AS b, CASE WHEN email > '''' THEN 1 END AS c FROM people WHERE email > ''''');
-- subqueries, WITH, WITH RECURSIVE, names that hide one another
SELECT labelled('SELECT a, b FROM (SELECT email AS a, age AS b FROM (SELECT * FROM people) x) y');
SELECT labelled('WITH x AS (SELECT email, age FROM people), y(a, b) AS (SELECT age, email FROM x) SELECT a, b FROM y');
SELECT labelled('WITH x AS (SELECT email AS a, age AS b FROM people) SELECT z.* FROM (WITH x AS (SELECT age AS a, 2 AS b FROM people) SELECT * FROM x) z');
SELECT labelled('WITH x AS (SELECT email AS a FROM people) SELECT z.*, 1 AS one FROM (WITH y AS (SELECT a AS b FROM x) SELECT b FROM y) z');
SELECT labelled('WITH RECURSIVE r(a, b, n) AS (SELECT age::text, 0, 1 FROM people UNION ALL SELECT p.email, r.b, n + 1 FROM r JOIN people p ON true WHERE n < 2) SELECT a, b, n FROM r');
SELECT labelled('WITH RECURSIVE r(a, b) AS (SELECT email, ''''::text FROM people UNION ALL SELECT ''''::text, a FROM r) SELECT a, b, 1 AS c FROM r');
SELECT labelled('WITH RECURSIVE r(a, b) AS (SELECT email, age FROM people UNION ALL SELECT a, b FROM r) SEARCH DEPTH FIRST BY b SET o SELECT b, o FROM r');
-- set operations
SELECT labelled('SELECT age AS a, 1 AS b, ''x'' AS c FROM people UNION SELECT 1, age, email FROM people');
SELECT labelled('SELECT 1 AS a, ''x'' AS b UNION ALL (SELECT 2, ''y'' EXCEPT SELECT age, city FROM people)');
SELECT labelled('SELECT * FROM (SELECT age AS a, ''x'' AS b FROM people INTERSECT SELECT 1, email FROM people) s(d, e)');
-- joins: USING, aliases, FULL, LATERAL
SELECT labelled('SELECT * FROM people JOIN people q USING (id, city)');
SELECT labelled('SELECT j.city AS a, j.amount AS b FROM (people p FULL JOIN orders o USING (id)) AS j');
SELECT labelled('SELECT ju.email AS a, p.age AS b FROM people p FULL JOIN people q USING (email) AS ju');
SELECT labelled('SELECT l.x AS a, l.z AS b FROM people p, LATERAL (SELECT p.email AS x, p.age AS z) l');
SELECT labelled('SELECT f.part AS a, age AS b FROM people p, regexp_split_to_table(p.email, ''@'') f(part)');
SELECT labelled('SELECT u AS a, p.age AS b FROM people p, unnest(ARRAY[p.city]) u');
SELECT labelled('SELECT v.a, v.b FROM people p, LATERAL (VALUES (p.age, p.email), (1, ''x'')) v(a, b)');
SELECT labelled('SELECT x.e AS a, age AS b FROM people p, XMLTABLE(''/r'' PASSING xmlelement(name r, p.email) COLUMNS e text PATH ''.'') x');
-- whole rows and fields of rows
SELECT labelled('SELECT p AS a, (p).age AS b, (p).email AS c, row_to_json(o) AS d FROM people p, orders o');
SELECT labelled('SELECT to_jsonb(s) AS a, 1 AS b FROM (SELECT email FROM people) s');
SELECT labelled('SELECT to_jsonb(s) AS a FROM (SELECT age, id FROM people) s');
SELECT labelled('SELECT to_jsonb(w) AS a FROM v1 w');
-- columns computed from others, and rows of a table's type whatever made them
CREATE TABLE made (email text, age int, n int GENERATED ALWAYS AS (length(email)) STORED, m int GENERATED ALWAYS AS (age + 1) STORED);
SELECT mlops.label_column('made', 'email', 'pii:email');
SELECT labelled('made'), labelled('SELECT n + 1 AS a, m AS b FROM made');
CREATE FUNCTION everybody() RETURNS SETOF people LANGUAGE sql STABLE AS 'SELECT * FROM labels_test.people';
CREATE FUNCTION somebody(text) RETURNS people LANGUAGE sql STABLE AS 'SELECT * FROM labels_test.people LIMIT 1';
SELECT labelled('SELECT * FROM everybody()');
SELECT labelled('SELECT e.email AS a, e.age AS b, e AS c, i AS d FROM ROWS FROM (everybody(), generate_series(1, 2)) e(id, email, city, age, y, i)');
SELECT labelled('SELECT (somebody(nick)).age AS a, (somebody(nick)).email AS b, (somebody(email)).age AS c, somebody(nick) AS d FROM people, (VALUES (''x'')) w(nick)');
SELECT labelled('SELECT p.age AS a, p.email AS b FROM jsonb_populate_record(NULL::people, ''{}'') p');
-- aggregates, windows, subqueries in expressions
SELECT labelled('SELECT count(*) AS a, count(email) AS b, max(age) AS c, string_agg(''x'', '','' ORDER BY email) AS d, sum(1) FILTER (WHERE email > '''') AS e FROM people');
SELECT labelled('SELECT email AS a, count(*) AS b FROM people GROUP BY email, age HAVING count(*) > 1');
SELECT labelled('SELECT rank() OVER (ORDER BY age) AS a, rank() OVER (PARTITION BY email) AS b, sum(age) OVER w AS c FROM people WINDOW w AS (ORDER BY city)');
SELECT labelled('SELECT (SELECT email FROM people p WHERE p.id = o.id) AS a, (SELECT age FROM people p WHERE p.id = o.id) AS b, EXISTS (SELECT FROM people p WHERE p.email = ''x'') AS c, o.amount IN (SELECT p.y FROM people p) AS d FROM orders o');
SELECT labelled('SELECT (SELECT max(z) FROM (SELECT p.email AS z) s) AS a, (SELECT 1) AS b FROM people p');

-- materialized views, and labels on views themselves
CREATE MATERIALIZED VIEW mat AS SELECT m AS a, age AS b, y FROM v2;
SELECT labelled('mat'), labelled('SELECT b, y FROM mat');
SELECT * FROM mlops.lineage('SELECT a FROM mat');
SELECT * FROM mlops.label_column('v2', 'age', 'pii:age');
SELECT labelled('mat'), labelled('SELECT age FROM people');
SELECT * FROM mlops.label_column('v2', 'age', NULL);

-- every view there is, the system's among them, has an origin for each of its columns
SELECT count(*) > 100 AS views, bool_and(found >= columns) AS traced
  FROM (SELECT v.oid,
               (SELECT count(*) FROM pg_attribute WHERE attrelid = v.oid) AS columns,
               (SELECT count(DISTINCT "column")
                  FROM mlops.lineage(format('%I.%I', n.nspname, v.relname))) AS found
          FROM pg_class v JOIN pg_namespace n ON n.oid = v.relnamespace
         WHERE v.relkind = 'v') s;

-- partitions and inheritance: a label above or below counts, one beside does not
CREATE TABLE parts (k int, name text, nick text, x float8, y float8) PARTITION BY LIST (k);
CREATE TABLE part1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE part2 (y float8, x float8, nick text, name text, k int);
ALTER TABLE parts ATTACH PARTITION part2 FOR VALUES IN (2);
INSERT INTO parts SELECT 1 + i % 2, 'n', 'm', i, i FROM generate_series(1, 50) i;
SELECT * FROM mlops.label_column('parts', 'name', 'pii:name');
SELECT * FROM mlops.label_column('part2', 'nick', 'pii:name');
CREATE FUNCTION train(source text, features name[] DEFAULT NULL) RETURNS int LANGUAGE sql AS $$
	SELECT features FROM mlops.train('labels_test', source, 'y', 'linear_regression', features, validation => '{"method": "none"}') $$;
SELECT train('parts');
SELECT train('part1');
SELECT train('part2');
CREATE TABLE elder (name text, x float8, y float8);
CREATE TABLE younger (z float8) INHERITS (elder);
INSERT INTO younger SELECT 'n', i, i, sin(i) FROM generate_series(1, 50) i;
SELECT * FROM mlops.label_column('younger', 'x', 'pii');
SELECT * FROM mlops.label_column('elder', 'name', 'pii');
SELECT labelled('younger'), labelled('elder'), labelled('parts'), labelled('part1'), labelled('part2');
SELECT train('younger');
SELECT train('SELECT x, y, random() AS r FROM elder');

-- training leaves labelled columns out and says so
SELECT train('people');
SELECT train('v2');
SELECT train('SELECT city, mask.age, y FROM people mask');
-- a mask alone is not personal data
SELECT * FROM mlops.label_column('people', 'city', 'mask:hash');
SELECT train('people');
SELECT * FROM mlops.label_column('people', 'city', 'pii:address');
-- naming one is an error
SELECT train('people', '{age,city}');
SELECT train('v2', '{n}');
SELECT mlops.label_column('people', 'y', 'pii:income');
SELECT train('people', '{age}');
SELECT mlops.train('labels_test', 'people', 'age', features => '{id}', weight => 'y');
SELECT * FROM mlops.label_column('people', 'y', NULL);
SELECT train('SELECT email, city, y FROM people');
-- a version remembers what it was made from
SELECT jsonb_path_query(facts, '$.relations[*]') - 'oid' AS relation FROM mlops_private.version v JOIN mlops_private.model m USING (model_id)
 WHERE name = 'labels_test' AND source = 'v2' ORDER BY version LIMIT 3;
-- algorithms that survey their rows, and auto
SELECT features FROM mlops.train('labels_test', 'people', 'y', 'decision_tree');
SELECT features FROM mlops.train('labels_test', 'people', 'y', 'decision_tree', features => '{email}');
SET client_min_messages = warning;
SELECT features FROM mlops.train('labels_test', 'SELECT email, city, age, y FROM people', 'y', 'auto', validation => '{"refit": true}');
RESET client_min_messages;
-- a model that was trained before a label was set goes on scoring
SELECT mlops.label_column('people', 'city', NULL);
SELECT features FROM mlops.train('labels_before', 'people', 'y', 'linear_regression', features => '{age,city}');
SELECT mlops.label_column('people', 'city', 'pii');
SELECT count(mlops.predict('labels_before', p)) FROM people p;

-- dropped columns and tables take their labels along
ALTER TABLE people DROP COLUMN city CASCADE;
DROP TABLE parts, younger, elder CASCADE;
SELECT * FROM mlops.labels ORDER BY relation;
-- those that remain
SELECT mlops.unlabel_all();
SELECT count(*) FROM pg_seclabels WHERE provider = 'mlops';

RESET search_path;
SET client_min_messages = warning;
SELECT mlops.drop_model('labels_test'), mlops.drop_model('labels_before');
DROP SCHEMA labels_test CASCADE;
DROP ROLE regress_mlops_ann, regress_mlops_bob;
