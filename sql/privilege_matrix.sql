-- Which privilege opens which function and which view.  A function that takes a
-- model by name and has no call here is listed as missing: add its call, and look
-- at the line that it gets.

SET client_min_messages = warning;
CREATE TEMP TABLE calls (function text, call text);
COPY calls FROM stdin (DELIMITER '|');
mlops.predict(text,record)|mlops.predict(%L, t) FROM (SELECT 1 AS x) t
mlops.predict(text,jsonb)|mlops.predict(%L, '{"x": 1}'::jsonb)
mlops.predict(text,double precision[])|mlops.predict(%L, ARRAY[1.0::float8])
mlops.classify(text,record)|mlops.classify(%L, t) FROM (SELECT 1 AS x) t
mlops.classify(text,jsonb)|mlops.classify(%L, '{"x": 1}'::jsonb)
mlops.classify(text,double precision[])|mlops.classify(%L, ARRAY[1.0::float8])
mlops.proba(text,record)|mlops.proba(%L, t) FROM (SELECT 1 AS x) t
mlops.proba(text,jsonb)|mlops.proba(%L, '{"x": 1}'::jsonb)
mlops.proba(text,double precision[])|mlops.proba(%L, ARRAY[1.0::float8])
mlops.score(text,record,text,timestamp with time zone)|mlops.score(%L, t) FROM (SELECT 1 AS x) t
mlops.score(text,jsonb,text,timestamp with time zone)|mlops.score(%L, '{"x": 1}'::jsonb, 'k')
mlops.score(text,double precision[],text,timestamp with time zone)|mlops.score(%L, ARRAY[1.0::float8])
mlops.record_outcome(text,text,text,timestamp with time zone)|mlops.record_outcome(%L, 'k', 'a')
mlops.record_outcome(text,text,double precision,timestamp with time zone)|mlops.record_outcome(%L, 'k', 1)
mlops.predict_table(text,text,name)|mlops.predict_table(%L, 'SELECT 1 AS x')
mlops.compare(text,integer,integer,text,name,jsonb)|mlops.compare(%L, 1, 1)
mlops.performance(text,timestamp with time zone,timestamp with time zone,interval,text,boolean,integer)|mlops.performance(%L)
mlops.evaluate(text,text,name)|mlops.evaluate(%L, 'SELECT x, x AS y FROM generate_series(1, 9) x')
mlops.importance(text,text,text,name,jsonb)|mlops.importance(%L, 'permutation', 'SELECT x, x AS y FROM generate_series(1, 9) x')
mlops.importance(text,text)|mlops.importance(%L)
mlops.training_history(text)|mlops.training_history(%L)
mlops.describe(text)|mlops.describe(%L)
mlops.coefficients(text)|mlops.coefficients(%L)
mlops.reference(text)|mlops.reference(%L)
mlops.trees(text)|mlops.trees(%L)
mlops.tree_text(text,integer)|mlops.tree_text(%L)
mlops.tree_dot(text,integer)|mlops.tree_dot(%L)
mlops.tree_sql(text)|mlops.tree_sql(%L)
mlops.train(text,text,name,text,name[],jsonb,jsonb,name,text,text)|mlops.train(%L, 'SELECT x, x AS y FROM generate_series(1, 30) x', 'y', 'linear_regression')
mlops.train_async(text,text,name,text,name[],jsonb,jsonb,name,text,text)|mlops.train_async(%L, 'SELECT 1 AS x')
mlops.set_alias(text,text,integer,text)|mlops.set_alias(%L, 'other', 1)
mlops.drop_alias(text,text,text)|mlops.drop_alias(%L, 'champion')
mlops.rollback(text,text,text)|mlops.rollback(%L)
mlops.alias_at(text,text,timestamp with time zone)|mlops.alias_at(%L, 'champion', now())
mlops.drop_version(text,integer)|mlops.drop_version(%L, 2)
mlops.drop_model(text)|mlops.drop_model(%L)
mlops.rename_model(text,text)|mlops.rename_model(%L, 'regress_other_name')
mlops.transfer_model(text,name)|mlops.transfer_model(%L, current_user)
mlops.record_outcomes(text,text,text,text,text)|mlops.record_outcomes(%L, 'SELECT 1 AS key, 1 AS actual')
mlops.route(text,jsonb,text[],text)|mlops.route(%L, '{"guarded": 1}')
mlops.set_log_sampling(text,double precision)|mlops.set_log_sampling(%L, 0.5)
mlops.variant_of(text,text)|mlops.variant_of(%L, 'k')
mlops.run_link(bigint,text)|mlops.run_link((mlops.run_start('matrix_experiment')).run, %L)
mlops.card(text)|mlops.card(%L)
mlops.card_markdown(text)|mlops.card_markdown(%L)
mlops.set_card(text,jsonb,boolean)|mlops.set_card(%L, '{"risk_rating": "Low"}')
mlops.trained_on(text,text)|mlops.trained_on(%L, 'SELECT 1 AS x')
mlops.grant_model(text,name,text,boolean)|mlops.grant_model(%L, 'regress_mlops_none', 'predict')
mlops.revoke_model(text,name,text)|mlops.revoke_model(%L, 'regress_mlops_predict', 'predict')
mlops.set_policy(text,jsonb)|mlops.set_policy(%L, '{}')
mlops.validate(text,jsonb,text)|mlops.validate('SELECT 1 AS x', NULL, %L)
mlops.expectations_from(text)|mlops.expectations_from(%L)
mlops.expect(text,jsonb,text)|mlops.expect(%L, '{"kind": "row_count", "min": 1}')
mlops.raise_alert(text,text,text,double precision,double precision)|mlops.raise_alert(%L, 'mine')
mlops.clear_alert(text,text)|mlops.clear_alert(%L, 'mine')
mlops.silence_alerts(text,text,text,timestamp with time zone,text)|mlops.silence_alerts(%L)
mlops.unsilence_alerts(text,text,text)|mlops.unsilence_alerts(%L)
mlops.monitor(text,interval,interval,jsonb,text[],text,interval)|mlops.monitor(%L)
mlops.unmonitor(text)|mlops.unmonitor(%L)
mlops.run_monitor(text,timestamp with time zone)|mlops.run_monitor(%L)
mlops.retrain_policy(text,text,text,interval,interval,name,interval,jsonb,text,double precision,bigint,text,double precision,timestamp with time zone)|mlops.retrain_policy(%L, 'drift')
mlops.drop_retrain_policy(text)|mlops.drop_retrain_policy(%L)
mlops.drift(text,timestamp with time zone,timestamp with time zone,text,integer,interval,text)|mlops.drift(%L)
mlops.set_stage(text,integer,text)|mlops.set_stage(%L, 1, 'candidate')
mlops.compliance(text)|mlops.compliance(%L)
mlops.request_promotion(text,integer,text,text,interval)|mlops.request_promotion(%L, 1, 'guarded')
\.

-- complete
SELECT p.oid::regprocedure AS has_no_call
  FROM pg_proc p
 WHERE p.pronamespace = 'mlops'::regnamespace AND p.prokind <> 'a'
   AND EXISTS (SELECT 1 FROM unnest(p.proargnames[1:p.pronargs]) WITH ORDINALITY AS a (name, n)
                WHERE a.name = 'model' AND p.proargtypes[a.n::integer - 1] = 'text'::regtype)
   AND NOT EXISTS (SELECT 1 FROM calls c WHERE to_regprocedure(c.function) = p.oid)
 ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT function AS no_such_function FROM calls WHERE to_regprocedure(function) IS NULL;

-- one role for each privilege, one with none, the owner
CREATE TEMP TABLE roles (n serial, privilege text, role text);
INSERT INTO roles (privilege, role)
SELECT p, 'regress_mlops_' || p
  FROM unnest('{owner,none,read,predict,artifact,logs,train,deploy,approve,unmask,manage}'::text[]) WITH ORDINALITY AS u (p, n) ORDER BY n;
SELECT format('CREATE ROLE %I', role) FROM roles ORDER BY n \gexec
SET ROLE regress_mlops_owner;
SELECT version FROM mlops.train('regress_matrix', 'SELECT x, 2 * x AS y FROM generate_series(1, 40) x', 'y', 'linear_regression');
SELECT version FROM mlops.train('regress_matrix', 'SELECT x, 3 * x AS y FROM generate_series(1, 40) x', 'y', 'linear_regression');
SELECT alias, version FROM mlops.set_alias('regress_matrix:2', 'champion');
-- a second one, because a policy narrows what a route may say
SELECT version FROM mlops.train('regress_matrix_routed', 'SELECT x, 2 * x AS y FROM generate_series(1, 40) x', 'y', 'linear_regression');
SELECT split FROM mlops.route('regress_matrix_routed', '{"champion": 1}');
SELECT share FROM mlops.set_log_sampling('regress_matrix_routed', 0.5);
SELECT kind FROM mlops.expect('regress_matrix', '{"kind": "row_count", "min": 1}');
SELECT revision FROM mlops.set_card('regress_matrix', '{"risk_rating": "High"}');
SELECT changed FROM mlops.set_policy('regress_matrix', '{"required_approvals": 1, "protected_aliases": ["champion", "guarded"]}');
SELECT state FROM mlops.request_promotion('regress_matrix', 2, 'guarded');
SELECT version, variant FROM mlops.score('regress_matrix', '{"x": 1}'::jsonb, 'k');
SELECT changed FROM mlops.record_outcome('regress_matrix', 'k', 2);
SELECT is_new FROM mlops.raise_alert('regress_matrix', 'a rule');
SELECT kind FROM mlops.silence_alerts('regress_matrix', 'job');
SELECT job FROM mlops.monitor('regress_matrix');
SELECT rows, windows FROM mlops.run_monitor('regress_matrix', now() + interval '2 days');
SELECT trigger FROM mlops.retrain_policy('regress_matrix', 'drift');
RESET ROLE;
INSERT INTO mlops_private.retraining (model_id, trigger_kind, cause, source, metric, decision, reason, run_by, started)
	SELECT model_id, trigger_kind, 'test', source, metric, 'failed', 'test', set_by, now() FROM mlops_private.retrain_policy;
SELECT count(mlops.grant_model(model, role::name, privilege)) AS granted FROM roles, (VALUES ('regress_matrix'), ('regress_matrix_routed')) AS m (model) WHERE privilege NOT IN ('owner', 'none');

-- what a call says, with the model's name and the role's taken out; its effects are undone
CREATE FUNCTION pg_temp.outcome(call text, model text, role text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	m text;
	d text;
	h text;
	x text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE 'SELECT * FROM (SELECT ' || format(call, model) || ') AS q';
	RAISE EXCEPTION 'undo';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT, x = PG_EXCEPTION_CONTEXT;
	RETURN replace(concat_ws(' / ', SQLSTATE, m, d, h, regexp_replace(x, ' at RAISE', ' at EXECUTE')), model, 'MODEL');
END $$;
CREATE TEMP TABLE outcomes AS
SELECT c.function, c.call, r.n, r.privilege,
       pg_temp.outcome(c.call, 'regress_matrix', r.role) AS here,
       pg_temp.outcome(c.call, 'regress_absent', r.role) AS absent
  FROM calls c CROSS JOIN roles r;
-- a refusal; anything else comes after the rights were found to do
ALTER TABLE outcomes ADD denied boolean;
UPDATE outcomes SET denied = here LIKE '42704 / model "MODEL" does not exist%' OR here LIKE '42704 / model "MODEL" has no version%'
	OR here LIKE '42710 / model name "MODEL" is not available%' OR here LIKE '42501%';

-- which privilege, alone, opens what
SELECT * FROM (
	SELECT function, coalesce(string_agg(privilege, ' ' ORDER BY n) FILTER (WHERE NOT denied AND privilege <> 'owner'), '-') AS opened_by,
	       bool_or(NOT denied) FILTER (WHERE privilege = 'owner') AS by_owner
	  FROM outcomes GROUP BY function) AS o
 ORDER BY opened_by COLLATE "C", function COLLATE "C";

-- a refusal says what it says of a model that does not exist; to who has no privilege at all, always
SELECT function, privilege, here, absent FROM outcomes WHERE denied AND here <> absent
   AND function !~ '^mlops\.train(_async)?\(' AND (privilege = 'none' OR here NOT LIKE '42501%') ORDER BY 1, 2;
-- training creates what does not exist
SELECT privilege, split_part(here, ' / ', 2) AS here, split_part(absent, ' / ', 2) AS absent
  FROM outcomes WHERE denied AND function LIKE 'mlops.train(%' ORDER BY n;
-- known to exist, but the owner's business
SELECT function, privilege, left(here, 70) AS here FROM outcomes WHERE here LIKE '42501%' ORDER BY 1, 2;

-- what has a number: somebody else's is none, in every word
SET ROLE regress_mlops_owner;
SELECT request FROM mlops.promotions WHERE model = 'regress_matrix' \gset
SELECT run FROM mlops.run_start('matrix_experiment') \gset
SELECT alert FROM mlops.alerts WHERE model = 'regress_matrix' \gset
RESET ROLE;
CREATE TEMP TABLE numbered AS
SELECT p.oid::regprocedure::text AS function,
       split_part(p.oid::regprocedure::text, '(', 1) || '(' ||
         (SELECT string_agg(CASE WHEN a.n = 1 THEN '%s'
                                 WHEN a.type = 'double precision'::regtype::oid THEN '1::float8'
                                 WHEN a.type = 'jsonb'::regtype::oid THEN '''{"a": 1}''::jsonb'
                                 WHEN a.type = 'bigint'::regtype::oid THEN '1::bigint'
                                 WHEN p.proargnames[a.n] = 'model' THEN '''regress_absent:1'''
                                 WHEN p.proargnames[a.n] = 'status' THEN '''finished'''
                                 ELSE '''x''' END, ', ' ORDER BY a.n) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS a (type, n)) || ')' AS call,
       CASE p.proargnames[1] WHEN 'run' THEN :run WHEN 'request' THEN :request WHEN 'alert' THEN :alert END AS id
  FROM pg_proc p
 WHERE p.pronamespace = 'mlops'::regnamespace AND p.prokind <> 'a' AND p.proargtypes[0] = 'bigint'::regtype AND p.proargnames[1] IN ('run', 'request', 'alert');
CREATE FUNCTION pg_temp.numbered(call text, id bigint, role text) RETURNS text LANGUAGE sql AS $$
	SELECT regexp_replace(pg_temp.outcome(replace(call, '%s', id::text), 'no model', role), E'\nPL/pgSQL.*', '')
$$;
SELECT n.function, n.id IS NOT NULL AS tried, string_agg(DISTINCT left(pg_temp.numbered(n.call, n.id, r.role), 5), ' ') AS sqlstate,
       bool_and(regexp_replace(pg_temp.numbered(n.call, n.id, r.role), '\d+', 'N', 'g') =
                regexp_replace(pg_temp.numbered(n.call, 2000000000, r.role), '\d+', 'N', 'g')) AS same
  FROM numbered n, roles r WHERE r.privilege IN ('none', 'predict', 'unmask', CASE WHEN n.function LIKE '%alert%' THEN 'read' ELSE 'logs' END) GROUP BY n.function, n.id ORDER BY n.function COLLATE "C";
SELECT experiment FROM mlops.run_drop(:run);

-- a version by its number, of a model that one may use but not read
SELECT DISTINCT r.privilege, split_part(pg_temp.outcome(c.call, 'regress_matrix:' || v, r.role), ' / ', 2) AS outcome
  FROM calls c, roles r, (VALUES (1), (2), (3)) AS v (v)
 WHERE r.privilege = 'predict' AND c.function ~ '^mlops\.(predict|classify|proba|score|predict_table|evaluate)\(';

-- views: whoever has the privilege sees rows of the model
CREATE FUNCTION pg_temp.rows(relation regclass, col text, role text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE format('SELECT count(*) FROM %s WHERE %I::text LIKE %L', relation, col, 'regress_matrix%') INTO n;
	RESET ROLE;
	RETURN n;
END $$;
SELECT c.oid::regclass AS view, a.attname AS column,
       coalesce(string_agg(r.privilege, ' ' ORDER BY r.n) FILTER (WHERE pg_temp.rows(c.oid, a.attname, r.role) > 0 AND r.privilege <> 'owner'), '-') AS seen_by,
       bool_or(pg_temp.rows(c.oid, a.attname, r.role) > 0) FILTER (WHERE r.privilege = 'owner') AS by_owner
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname IN ('model', 'object') CROSS JOIN roles r
 WHERE c.relnamespace = 'mlops'::regnamespace AND c.relkind = 'v'
 GROUP BY c.oid, a.attname ORDER BY c.relname COLLATE "C", a.attname;

SELECT sum((mlops.drop_model(model)).versions) AS versions FROM (VALUES ('regress_matrix'), ('regress_matrix_routed')) AS m (model);
SELECT format('DROP ROLE %I', role) FROM roles ORDER BY n \gexec
