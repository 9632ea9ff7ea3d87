-- Model cards: what was recorded, what people write, and who sees how much of it.
CREATE SCHEMA cards_test;
SET search_path = cards_test, public;
CREATE ROLE regress_mlops_scientist;
CREATE ROLE regress_mlops_reader;
CREATE ROLE regress_mlops_caller;
CREATE ROLE regress_mlops_steward;
CREATE ROLE regress_mlops_stranger;
GRANT USAGE, CREATE ON SCHEMA cards_test TO regress_mlops_scientist;
GRANT USAGE ON SCHEMA cards_test TO PUBLIC;
CREATE TABLE loans AS
SELECT i AS id, (i * 7 % 101)::float8 AS income, CASE WHEN i % 10 = 0 THEN NULL ELSE (i * 13 % 17)::float8 END AS debt,
       'zz_secret_' || i % 3 AS branch, CASE WHEN i * 7 % 101 > 50 THEN 'zz_good' ELSE 'zz_bad' END AS status,
       CASE WHEN i % 2 = 0 THEN 'north' ELSE 'south' END AS region
  FROM generate_series(1, 400) AS i;
CREATE VIEW recent AS SELECT income, debt, branch, status FROM loans WHERE id > 100;
GRANT SELECT ON loans, recent TO regress_mlops_scientist;

-- fields
SELECT field, type, section FROM mlops.card_fields();
SELECT count(*) = count(DISTINCT field) AS distinct, bool_and(field ~ '^[a-z_]+$') AS snake_case, bool_and(description <> '') AS described FROM mlops.card_fields();

SET ROLE regress_mlops_scientist;
SELECT version FROM mlops.train('credit', 'SELECT * FROM recent WHERE branch <> ''zz_secret_9''', 'status', 'gradient_boosting',
	options => '{"n_estimators": 5, "class_weight": {"zz_good": 2}}', validation => '{"training_metrics": true}', note => 'first');

-- nothing was written yet
SELECT card->'revision' AS revision, card->'written' AS written, card->'edited_by' AS edited_by FROM mlops.card('credit') AS card;

-- writing: merged into what is there, a null removes, and what changes nothing is no revision
SELECT * FROM mlops.set_card('credit', '{"purpose_of_model": "Who repays", "risk_rating": "High", "factors": ["age", "region"]}');
SELECT * FROM mlops.set_card('credit', '{"purpose_of_model": "Who repays"}');
SELECT * FROM mlops.set_card('credit', '{"factors": null, "lawful_basis": null, "custom_details": {"ticket": "A-1", "cost": 2.5, "pilot": true}}');
SELECT * FROM mlops.set_card('credit', '{}');
SELECT * FROM mlops.set_card('credit', '{"purpose_of_model": "Who repays", "retention": null}', merge => false);
SELECT * FROM mlops.set_card('credit', '{"purpose_of_model": "Who repays"}', merge => false);
SELECT model, revision, edited_by, content FROM mlops.cards ORDER BY revision;
SELECT card->'revision' AS revision, card->'written' AS written, card->'edited_by' AS edited_by FROM mlops.card('credit:1') AS card;

-- what is refused
SELECT mlops.set_card('credit', '{"intended": "x"}');
\set VERBOSITY terse
SELECT mlops.set_card('credit', '["purpose_of_model"]');
SELECT mlops.set_card('credit', '"x"');
SELECT mlops.set_card('credit', '{"purpose_of_model": 1}');
SELECT mlops.set_card('credit', '{"purpose_of_model": ["a"]}');
SELECT mlops.set_card('credit', '{"purpose_of_model": {"a": "b"}}');
SELECT mlops.set_card('credit', '{"purpose_of_model": " \n"}');
SELECT mlops.set_card('credit', jsonb_build_object('purpose_of_model', repeat('x', 20001)));
SELECT mlops.set_card('credit', '{"factors": []}');
SELECT mlops.set_card('credit', '{"factors": ["a", 1]}');
SELECT mlops.set_card('credit', '{"factors": ["a", null]}');
SELECT mlops.set_card('credit', '{"factors": ["a", ["b"]]}');
SELECT mlops.set_card('credit', jsonb_build_object('factors', (SELECT jsonb_agg(i::text) FROM generate_series(1, 101) AS i)));
SELECT mlops.set_card('credit', '{"risk_rating": "high"}');
SELECT mlops.set_card('credit', '{"risk_rating": ["High"]}');
SELECT mlops.set_card('credit', '{"custom_details": "x"}');
SELECT mlops.set_card('credit', '{"custom_details": {"a": {"b": 1}}}');
SELECT mlops.set_card('credit', '{"custom_details": {"a": null}}');
SELECT mlops.set_card('credit', '{"custom_details": {"": 1}}');
SELECT mlops.set_card('credit:1', '{}');
SELECT mlops.set_card('credit', NULL);
SELECT mlops.set_card(NULL, '{}');
SELECT mlops.set_card('credit', '{}', NULL);
SELECT mlops.card(NULL);
SELECT mlops.card('credit:9');
SELECT mlops.card('credit@nothing');
\set VERBOSITY default
-- long enough is counted in characters
SELECT revision FROM mlops.set_card('credit', jsonb_build_object('motivation', repeat('é', 20000)));
SELECT revision FROM mlops.set_card('credit', '{"motivation": null, "factors": "age"}');

-- what was recorded
SELECT g #> '{data,relations}' @> '[{"schema": "cards_test", "name": "recent", "kind": "view"}, {"schema": "cards_test", "name": "loans", "kind": "table"}]' AS relations,
       (SELECT array_agg((r->>'oid')::oid::regclass ORDER BY r->>'name') FROM jsonb_array_elements(g #> '{data,relations}') AS r) AS oids,
       g #>> '{data,source}' AS source, g #> '{data,rows_seen}' AS seen, g #> '{data,row_security}' AS row_security, g #> '{data,labelled}' AS labelled
  FROM mlops.card('credit'), LATERAL (SELECT card->'generated') AS x (g);
SELECT g #> '{environment,extension_version}' = to_jsonb((SELECT extversion FROM pg_extension WHERE extname = 'mlops')) AS extension,
       g #>> '{environment,server_version}' = current_setting('server_version') AS server,
       g #> '{training,validation}' AS validation, g #> '{training,seed}' AS seed, g #>> '{model,note}' AS note,
       g #> '{training,options,class_weight}' AS class_weight, g -> 'redacted' AS redacted
  FROM mlops.card('credit'), LATERAL (SELECT card->'generated') AS x (g);
SELECT g #> '{signature,classes}' AS classes, jsonb_pretty(g #> '{signature,features}') AS features
  FROM mlops.card('credit'), LATERAL (SELECT card->'generated') AS x (g);
SELECT g->'metrics' = v.metrics AS metrics, g #>> '{training_metrics,on}' AS measured_on, g #> '{training_metrics,n}' AS n,
       g #>> '{model,sha256}' = mlops.describe('credit')->>'sha256' AS sha256, (g #>> '{importance,0,feature}') AS first
  FROM mlops.card('credit'), LATERAL (SELECT card->'generated') AS x (g), mlops.versions AS v WHERE v.model = 'credit';
-- without being asked for, the training part is not measured
SELECT version FROM mlops.train('credit', 'recent', 'status', 'decision_tree');
SELECT mlops.card('credit:2') #> '{generated,training_metrics}' AS training_metrics, mlops.card('credit:2')->'revision' AS revision;

-- the metrics of the training part are those of the rows that were trained on, whatever the algorithm
CREATE TABLE measured (algorithm text, options jsonb);
INSERT INTO measured VALUES ('linear_regression', '{}'), ('decision_tree', '{}'), ('random_forest', '{"n_estimators": 7}'),
	('gradient_boosting', '{"n_estimators": 20}'), ('gradient_boosting', '{"n_estimators": 50, "n_iter_no_change": 2, "learning_rate": 0.5}');
DO $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT row_number() OVER () AS i, * FROM measured LOOP
		PERFORM mlops.train('part', 'SELECT id::float8 AS id, income, debt, debt * 2 + sin(id) AS y FROM loans WHERE debt IS NOT NULL', 'y', r.algorithm,
			options => r.options, validation => '{"training_metrics": true}', alias => 'a' || r.i);
		PERFORM mlops.train('whole', 'SELECT id::float8 AS id, income, debt, debt * 2 + sin(id) AS y FROM loans WHERE debt IS NOT NULL', 'y', r.algorithm,
			options => r.options, validation => '{"training_metrics": true, "method": "none"}', alias => 'a' || r.i);
	END LOOP;
END $$;
-- all rows: squared errors of both parts add up, watched rows aside
SELECT v.version, v.algorithm, abs(e.value ^ 2 * e.n
           - (v.metrics->>'rmse')::float8 ^ 2 * (v.metrics->>'n')::int
           - (t->>'rmse')::float8 ^ 2 * (t->>'n')::int) < 1e-9 * e.value ^ 2 * e.n AS adds_up
  FROM mlops.versions AS v, mlops.evaluate('part:' || v.version, 'SELECT id::float8 AS id, income, debt, debt * 2 + sin(id) AS y FROM loans WHERE debt IS NOT NULL', 'y') AS e,
       LATERAL (SELECT mlops.card('part:' || v.version) #> '{generated,training_metrics}') AS x (t)
 WHERE v.model = 'part' AND e.metric = 'rmse' AND v.version < 5 ORDER BY v.version;
-- stopped early: as of the round that was kept (the loss is half the squared error)
SELECT t->>'on' AS measured_on, (t->>'n')::int AS n, (v.metrics->>'n')::int AS held_out,
       abs((t->>'rmse')::float8 ^ 2 / 2 / (mlops.describe('part:5') #>> '{model,train_loss}')::float8 - 1) < 1e-9 AS as_trained,
       (mlops.describe('part:5') #> '{model,best_round}') < (mlops.describe('part:5') #> '{model,rounds}') AS went_on
  FROM mlops.versions AS v, LATERAL (SELECT mlops.card('part:5') #> '{generated,training_metrics}') AS x (t) WHERE v.model = 'part' AND v.version = 5;
SELECT count(*), bool_and(mlops.card('whole:' || version) #> '{generated,training_metrics}' = metrics) AS same FROM mlops.versions WHERE model = 'whole';

-- who sees what
SELECT mlops.grant_model('credit', 'regress_mlops_reader', 'read'), mlops.grant_model('credit', 'regress_mlops_caller', 'read'),
       mlops.grant_model('credit', 'regress_mlops_caller', 'predict'), mlops.grant_model('credit', 'regress_mlops_steward', 'manage');
CREATE FUNCTION shows(what text) RETURNS TABLE (values_seen boolean, classes jsonb, dictionary boolean, source boolean, weights jsonb, redacted jsonb)
LANGUAGE sql AS $$
SELECT c::text LIKE '%zz\_%', c #> '{generated,signature,classes}', c::text LIKE '%"dictionary"%',
       c #>> '{generated,data,source}' IS NOT NULL, c #> '{generated,training,options,class_weight}', c #> '{generated,redacted}'
  FROM mlops.card(what) AS c $$;
SET ROLE regress_mlops_reader;
SELECT * FROM shows('credit');
SELECT mlops.describe('credit')->'redacted' AS redacted, mlops.describe('credit')::text LIKE '%zz\_%' AS values_seen,
       mlops.describe('credit') ? 'classes' AS classes, mlops.describe('credit') #> '{model,base}' AS base, mlops.describe('credit')->'class_count' AS class_count;
SELECT mlops.card_markdown('credit') LIKE '%zz\_%' AS values_seen, mlops.card_markdown('credit') LIKE '%Some facts are left out%' AS says_so;
SELECT source, options->'class_weight' AS class_weight FROM mlops.versions WHERE model = 'credit' ORDER BY version;
SELECT count(*) FROM mlops.cards;
-- no view of ours shows a data value either
CREATE FUNCTION pg_temp.shows_values(relation regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM %s AS r WHERE r::text LIKE %L', relation, '%zz\_%') INTO n;
	RETURN n;
END $$;
SELECT oid::regclass AS view FROM pg_class
 WHERE relnamespace = 'mlops'::regnamespace AND relkind = 'v' AND has_table_privilege(oid, 'SELECT') AND pg_temp.shows_values(oid) > 0;
SELECT count(*) FROM mlops.runs WHERE model = 'credit' AND params ? 'class_weight';
-- nor does a comparison
SELECT bool_or(c::text LIKE '%zz\_%') AS values_seen, count(*) > 0 AS compared FROM mlops.compare('credit', 1, 2) AS c;
SELECT mlops.set_card('credit', '{"risk_rating": "Low"}');
SET ROLE regress_mlops_caller;
SELECT * FROM shows('credit');
SELECT mlops.describe('credit')->'classes' AS classes, mlops.describe('credit')->'redacted' AS redacted;
SET ROLE regress_mlops_steward;
SELECT * FROM shows('credit');
SELECT * FROM mlops.set_card('credit', '{"risk_rating": "Low"}');
SET ROLE regress_mlops_stranger;
SELECT mlops.card('credit');
SELECT mlops.card('absent');
SELECT mlops.card_markdown('credit:1');
SELECT mlops.describe('credit');
SELECT mlops.set_card('credit', '{"risk_rating": "Low"}');
SELECT mlops.set_card('absent', '{"risk_rating": "Low"}');
SELECT count(*) FROM mlops.cards;
SET ROLE regress_mlops_scientist;
SELECT * FROM shows('credit');
SELECT oid::regclass AS view FROM pg_class
 WHERE relnamespace = 'mlops'::regnamespace AND relkind = 'v' AND has_table_privilege(oid, 'SELECT') AND pg_temp.shows_values(oid) > 0 ORDER BY relname;
SELECT count(*) FILTER (WHERE source IS NOT NULL) AS sources, min(rows_seen) AS seen, bool_or(row_security) AS row_security, count(fingerprint) AS fingerprints FROM mlops.versions WHERE model = 'credit';

-- as Markdown: what people wrote stays text
SELECT revision FROM mlops.set_card('credit', jsonb_build_object(
	'model_details', E'# Heading\n<script>alert(1)</script> & [link](https://x.org/a) ![i](b) `code` ***\n\n| a | b |\n|---|---|\r\n```\n- item\n1. one\n2) two\n===\n~~~\n    indented\n&lt; www.x.org \\ end',
	'factors', jsonb_build_array(E'first\n## second', '|'), 'custom_details', jsonb_build_object(E'a\n# b', E'c\n| d')), merge => false);
SELECT line FROM regexp_split_to_table(mlops.card_markdown('credit:1'), '\n') WITH ORDINALITY AS t (line, n)
 WHERE n < 27 OR line ~ '^- ' ORDER BY n;
SELECT array_agg(line ORDER BY n) FILTER (WHERE line ~ '^#') AS headings, bool_and(line !~ '[<>]') AS no_html, bool_and(line !~ '(^|[^\\])`') AS no_code
  FROM regexp_split_to_table(mlops.card_markdown('credit:1'), '\n') WITH ORDINALITY AS t (line, n);
SELECT count(*) FROM regexp_matches(mlops.card_markdown('credit:1'), '\nNot stated', 'g');
RESET ROLE;

-- in the trail: which fields, not what they say
SELECT actor, payload FROM mlops.audit WHERE action = 'card.set' AND object = 'credit' ORDER BY event_id;

-- a policy that asks for a field, and for the gap between training and holdout, which then is measured
SELECT mlops.set_policy('credit', '{"required_card_fields": ["intended"]}');
SELECT changed FROM mlops.set_policy('credit', '{"required_card_fields": ["lawful_basis", "factors"], "maximum_gap": {"accuracy": 0.9}}');
SELECT version FROM mlops.train('credit', 'recent', 'status', 'decision_tree');
SELECT mlops.card('credit:3') #>> '{generated,training_metrics,on}' AS training_metrics;
SELECT policy, passed FROM mlops.compliance('credit:3');
SELECT policy, passed FROM mlops.compliance('credit:2') WHERE policy LIKE 'maximum_gap%';

-- a policy on the rows
CREATE TABLE regional AS SELECT * FROM loans;
ALTER TABLE regional ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_region ON regional USING (region = 'north');
CREATE TABLE everybody AS SELECT * FROM loans;
CREATE VIEW open_view AS SELECT * FROM regional;
CREATE VIEW closed_view WITH (security_barrier) AS SELECT * FROM everybody WHERE region = 'north';
GRANT SELECT ON regional, everybody, open_view, closed_view TO regress_mlops_scientist;
SET ROLE regress_mlops_scientist;
SET client_min_messages = warning;
DO $$
DECLARE
	source text;
	algorithm text;
BEGIN
	FOREACH source IN ARRAY ARRAY['regional', 'SELECT * FROM everybody AS e WHERE EXISTS (SELECT FROM regional AS r WHERE r.id = e.id)', 'open_view', 'closed_view', 'everybody'] LOOP
		FOREACH algorithm IN ARRAY ARRAY['logistic_regression', 'decision_tree'] LOOP
			PERFORM mlops.train('region', source, 'status', algorithm, features => '{income, debt}');
		END LOOP;
	END LOOP;
END $$;
RESET client_min_messages;
SELECT version, algorithm, source, row_security, rows_seen, rows_used FROM mlops.versions WHERE model = 'region' ORDER BY version;
SELECT c #> '{generated,data,row_security}' AS row_security, c #> '{generated,data,rows_seen}' AS seen FROM mlops.card('region:1') AS c;
RESET ROLE;
-- whom it does not concern it does not filter
SELECT rows_used FROM mlops.train('owner_region', 'regional', 'status', 'decision_tree', features => '{income}');
SELECT row_security, rows_seen FROM mlops.versions WHERE model = 'owner_region';

-- columns used in spite of a label
SELECT label FROM mlops.label_column('cards_test.loans', 'debt', 'pii');
SELECT changed FROM mlops.set_policy('owner_region', '{"allow_pii": true}');
SELECT version FROM mlops.train('owner_region', 'SELECT income, debt + 1 AS owed, status FROM loans', 'status', 'decision_tree', features => '{income,owed}');
SELECT mlops.card('owner_region:2') #> '{generated,data,labelled}' AS labelled;
SELECT count(*) FROM regexp_matches(mlops.card_markdown('owner_region:2'), '\| Labelled column \| Label \|\n\|---\|---\|\n\| owed \| pii \|');

-- revisions go with the model
SELECT count(*) FROM mlops_private.card;
SELECT mlops.drop_model(model) FROM unnest(ARRAY['credit', 'part', 'whole', 'region', 'owner_region']) AS model;
SELECT count(*) FROM mlops_private.card;
RESET search_path;
\set VERBOSITY terse
SET client_min_messages = warning;
DROP FUNCTION pg_temp.shows_values(regclass);
DROP SCHEMA cards_test CASCADE;
DROP ROLE regress_mlops_scientist, regress_mlops_reader, regress_mlops_caller, regress_mlops_steward, regress_mlops_stranger;
