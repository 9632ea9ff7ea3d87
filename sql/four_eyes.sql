-- Who may approve a promotion, and what becomes of an approval when something changes after it.
--
-- SET SESSION AUTHORIZATION stands for logging in: it is what only a superuser can do.

SET client_min_messages = warning;
CREATE ROLE regress_mlops_ann;
CREATE ROLE regress_mlops_tim;
CREATE ROLE regress_mlops_ed;
CREATE ROLE regress_mlops_bob;
CREATE ROLE regress_mlops_cat;
CREATE ROLE regress_mlops_eve;
CREATE ROLE regress_mlops_hat;
SELECT coalesce(max(event_id), 0) AS before FROM mlops_private.audit_pending \gset
CREATE SCHEMA four_eyes_test;
GRANT USAGE, CREATE ON SCHEMA four_eyes_test TO PUBLIC;
CREATE FUNCTION four_eyes_test.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
	m text;
	d text;
BEGIN
	EXECUTE statement INTO result;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' / ', SQLSTATE, regexp_replace(m, 'request \d+', 'request N'), regexp_replace(d, 'request \d+', 'request N', 'g'));
END $$;
-- the newest request of the model, whoever asks
CREATE FUNCTION four_eyes_test.newest() RETURNS bigint LANGUAGE sql SECURITY DEFINER
	AS 'SELECT max(request_id) FROM mlops_private.promotion_request';
CREATE FUNCTION four_eyes_test.approve() RETURNS text LANGUAGE sql
	AS $$ SELECT four_eyes_test.attempt('SELECT state || '' '' || approvals FROM mlops.approve(four_eyes_test.newest())') $$;
CREATE FUNCTION four_eyes_test.promote(version int) RETURNS text LANGUAGE sql
	AS $$ SELECT four_eyes_test.attempt(format('SELECT version FROM mlops.set_alias(''m:%s'', ''champion'')', version)) $$;
CREATE FUNCTION four_eyes_test.request(version int) RETURNS text LANGUAGE sql
	AS $$ SELECT four_eyes_test.attempt(format('SELECT state FROM mlops.request_promotion(''m'', %s)', version)) $$;
-- what mlops.set_card() stores
CREATE FUNCTION four_eyes_test.edit_card(editor text) RETURNS int LANGUAGE sql
AS $$
	INSERT INTO mlops_private.card (model_id, revision, content, edited_by, editor_oid, editor_system, editor_session_oid, editor_session)
	SELECT model_id, (SELECT count(*) + 1 FROM mlops_private.card), '{}', editor, editor::regrole, owner_system, editor::regrole, editor
	  FROM mlops_private.model WHERE name = 'm' RETURNING revision
$$;

SET SESSION AUTHORIZATION regress_mlops_ann;
SELECT version FROM mlops.train('m', 'SELECT x, 2 * x AS y FROM generate_series(1, 60) x', 'y', 'linear_regression');
SELECT count(mlops.grant_model('m', r, p)) FROM (VALUES ('regress_mlops_tim', 'train'), ('regress_mlops_tim', 'approve'),
	('regress_mlops_ed', 'approve'), ('regress_mlops_bob', 'approve'), ('regress_mlops_cat', 'approve'), ('regress_mlops_hat', 'approve')) AS g (r, p);
SET SESSION AUTHORIZATION regress_mlops_tim;
SELECT version FROM mlops.train('m', 'SELECT x, 3 * x AS y FROM generate_series(1, 60) x', 'y', 'linear_regression');
SELECT version FROM mlops.train('m', 'SELECT x, 4 * x AS y FROM generate_series(1, 60) x', 'y', 'linear_regression');
RESET SESSION AUTHORIZATION;
SELECT four_eyes_test.edit_card('regress_mlops_ed');
SET SESSION AUTHORIZATION regress_mlops_ann;
SELECT changed FROM mlops.set_policy('m', '{"required_approvals": 1}');

-- who has nothing to do with the model learns nothing
SELECT four_eyes_test.request(2);
SELECT four_eyes_test.request(2);
SET SESSION AUTHORIZATION regress_mlops_eve;
SELECT four_eyes_test.approve();
SELECT four_eyes_test.attempt('SELECT mlops.approve(0)');
SELECT four_eyes_test.attempt('SELECT mlops.reject(four_eyes_test.newest())');
SELECT four_eyes_test.attempt('SELECT mlops.withdraw(four_eyes_test.newest())');
SELECT count(*) FROM mlops.promotions;

-- the requester, the trainer, the card's editor
SET SESSION AUTHORIZATION regress_mlops_ann;
SELECT four_eyes_test.approve();
SET SESSION AUTHORIZATION regress_mlops_tim;
SELECT four_eyes_test.approve();
SET SESSION AUTHORIZATION regress_mlops_ed;
SELECT four_eyes_test.approve();
-- through a second role of theirs
RESET SESSION AUTHORIZATION;
GRANT regress_mlops_hat TO regress_mlops_ann, regress_mlops_tim, regress_mlops_ed, regress_mlops_bob, regress_mlops_cat;
SET SESSION AUTHORIZATION regress_mlops_ann;
SET ROLE regress_mlops_hat;
SELECT four_eyes_test.approve();
SET SESSION AUTHORIZATION regress_mlops_tim;
SET ROLE regress_mlops_hat;
SELECT four_eyes_test.approve();
SET SESSION AUTHORIZATION regress_mlops_ed;
SET ROLE regress_mlops_hat;
SELECT four_eyes_test.approve();
-- through a function of somebody who may approve
SET SESSION AUTHORIZATION regress_mlops_bob;
CREATE FUNCTION four_eyes_test.as_bob() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT four_eyes_test.approve()';
SET SESSION AUTHORIZATION regress_mlops_ann;
SELECT four_eyes_test.as_bob();
SET SESSION AUTHORIZATION regress_mlops_eve;
SELECT four_eyes_test.as_bob();
-- the requester's role handed over
RESET SESSION AUTHORIZATION;
GRANT regress_mlops_ann TO regress_mlops_eve;
SET SESSION AUTHORIZATION regress_mlops_eve;
SELECT four_eyes_test.approve();
SET ROLE regress_mlops_ann;
SELECT four_eyes_test.approve();
RESET ROLE;
RESET SESSION AUTHORIZATION;
REVOKE regress_mlops_ann FROM regress_mlops_eve;
SET SESSION AUTHORIZATION regress_mlops_ann;
SELECT four_eyes_test.promote(2);
SELECT request = four_eyes_test.newest() AS newest, model, version, alias, state, requester, approvals, required, approved_by FROM mlops.promotions;

-- two are asked for: one person with two roles, two people with one role
SELECT changed FROM mlops.set_policy('m', '{"required_approvals": 2}');
SET SESSION AUTHORIZATION regress_mlops_bob;
SELECT four_eyes_test.approve();
SET SESSION AUTHORIZATION regress_mlops_ann;
SELECT state, missing[1] LIKE 'the policy was changed after%' AS why FROM mlops.promotions;
SELECT four_eyes_test.request(2);
SET SESSION AUTHORIZATION regress_mlops_bob;
SET ROLE regress_mlops_hat;
SELECT four_eyes_test.approve();
RESET ROLE;
SELECT four_eyes_test.approve();
SET SESSION AUTHORIZATION regress_mlops_cat;
SET ROLE regress_mlops_hat;
SELECT four_eyes_test.approve();
SET SESSION AUTHORIZATION regress_mlops_ann;
SELECT four_eyes_test.promote(2);
SET SESSION AUTHORIZATION regress_mlops_cat;
SELECT four_eyes_test.approve();

-- approved; then one approver may not act as the role any more
RESET SESSION AUTHORIZATION;
REVOKE regress_mlops_hat FROM regress_mlops_bob;
SET SESSION AUTHORIZATION regress_mlops_ann;
SELECT four_eyes_test.promote(2);
SELECT state, approvals, missing[1] LIKE '% has 1 of 2 required approvals; the approval by "regress_mlops_hat" does not count: %' AS why
  FROM mlops.promotions WHERE state = 'open' ORDER BY request DESC LIMIT 1;
RESET SESSION AUTHORIZATION;
GRANT regress_mlops_hat TO regress_mlops_bob;
-- or the role may not approve any more
SET SESSION AUTHORIZATION regress_mlops_ann;
SELECT changed FROM mlops.revoke_model('m', 'regress_mlops_cat', 'approve');
SELECT changed FROM mlops.revoke_model('m', 'regress_mlops_hat', 'approve');
SELECT four_eyes_test.promote(2);
SELECT changed FROM mlops.grant_model('m', 'regress_mlops_cat', 'approve');
SELECT changed FROM mlops.grant_model('m', 'regress_mlops_hat', 'approve');
-- or the role is another of the same name
RESET SESSION AUTHORIZATION;
SELECT count(*) FROM mlops_private.promotion_decision WHERE decider = 'regress_mlops_cat';
DROP ROLE regress_mlops_cat;
CREATE ROLE regress_mlops_cat;
SET SESSION AUTHORIZATION regress_mlops_ann;
SELECT changed FROM mlops.grant_model('m', 'regress_mlops_cat', 'approve');
SELECT four_eyes_test.promote(2);
SET SESSION AUTHORIZATION regress_mlops_cat;
SELECT four_eyes_test.approve();
-- a request is for one version and one alias
SET SESSION AUTHORIZATION regress_mlops_ann;
SELECT four_eyes_test.promote(3);
SELECT four_eyes_test.promote(2);
SELECT four_eyes_test.attempt('SELECT mlops.approve(four_eyes_test.newest())');
SELECT version, stage, aliases FROM mlops.versions ORDER BY version;
-- and for once
SELECT version FROM mlops.rollback('m', reason => 'on fire');
SELECT four_eyes_test.promote(2);

-- approve, then swap: artifact, metrics, card, policy, version
SELECT changed FROM mlops.set_policy('m', '{"required_approvals": 1}');
SELECT four_eyes_test.request(3);
SET SESSION AUTHORIZATION regress_mlops_bob;
SELECT four_eyes_test.approve();
RESET SESSION AUTHORIZATION;
BEGIN;
UPDATE mlops_private.version SET artifact = (SELECT artifact FROM mlops_private.version WHERE version = 1) WHERE version = 3;
SELECT four_eyes_test.promote(3);
ROLLBACK;
BEGIN;
UPDATE mlops_private.version SET metrics = metrics || '{"r2": 0.5}' WHERE version = 3;
SELECT four_eyes_test.promote(3);
ROLLBACK;
BEGIN;
SELECT four_eyes_test.edit_card('regress_mlops_eve');
SELECT four_eyes_test.promote(3);
ROLLBACK;
BEGIN;
SELECT changed FROM mlops.set_policy('m', '{"required_approvals": 1, "four_eyes": false}');
SELECT four_eyes_test.promote(3);
SELECT changed FROM mlops.set_policy('m', '{"required_approvals": 1}');
SELECT four_eyes_test.promote(3);
ROLLBACK;
BEGIN;
UPDATE mlops_private.promotion_request SET expires_at = now() - interval '1 second';
SELECT four_eyes_test.promote(3);
ROLLBACK;
BEGIN;
SELECT version FROM mlops.drop_version('m:3');
SELECT state, missing FROM mlops.promotions ORDER BY request DESC LIMIT 1;
SET SESSION AUTHORIZATION regress_mlops_tim;
SELECT version FROM mlops.train('m', 'SELECT x, 5 * x AS y FROM generate_series(1, 60) x', 'y', 'linear_regression');
RESET SESSION AUTHORIZATION;
SELECT four_eyes_test.promote(3);
SELECT four_eyes_test.promote(4);
ROLLBACK;
-- restored in another cluster: names decide who they were
BEGIN;
UPDATE mlops_private.promotion_decision SET decider_system = 1, decider_oid = 1, decider_session_oid = 2;
UPDATE mlops_private.promotion_request SET requester_system = 1, requester_oid = 'regress_mlops_bob'::regrole, requester_session_oid = 3;
UPDATE mlops_private.card SET editor_system = 1, editor_oid = 'regress_mlops_bob'::regrole, editor_session_oid = 'regress_mlops_bob'::regrole;
SELECT state, approvals FROM mlops.promotions ORDER BY request DESC LIMIT 1;
SELECT four_eyes_test.promote(3);
ROLLBACK;
-- without four eyes anyone who may approve does
BEGIN;
SELECT changed FROM mlops.set_policy('m', '{"required_approvals": 1, "four_eyes": false}');
SET SESSION AUTHORIZATION regress_mlops_ann;
SELECT four_eyes_test.request(3);
SELECT four_eyes_test.approve();
SELECT four_eyes_test.promote(3);
RESET SESSION AUTHORIZATION;
ROLLBACK;
-- rolled back, it never happened
BEGIN;
SELECT four_eyes_test.promote(3);
ROLLBACK;
SELECT state FROM mlops.promotions ORDER BY request DESC LIMIT 1;
SELECT four_eyes_test.promote(3);

-- expired at once, rejected, withdrawn
SET SESSION AUTHORIZATION regress_mlops_ann;
SELECT state, missing[1] LIKE '%has expired' AS why FROM mlops.request_promotion('m', 1, expires => interval '0');
SET SESSION AUTHORIZATION regress_mlops_bob;
SELECT four_eyes_test.approve();
SET SESSION AUTHORIZATION regress_mlops_ann;
SELECT mlops.request_promotion('m', 1, expires => interval '-1 second');
SELECT mlops.request_promotion('m', 1, expires => interval '100 years');
SELECT mlops.request_promotion('m', 3);
SELECT mlops.request_promotion('m', 77);
SELECT mlops.request_promotion('m', 1, 'challenger');
SELECT state FROM mlops.request_promotion('m', 1, reason => 'the first was the best');
SET SESSION AUTHORIZATION regress_mlops_bob;
SELECT four_eyes_test.attempt('SELECT mlops.withdraw(four_eyes_test.newest())');
SELECT four_eyes_test.approve();
SELECT state FROM mlops.reject(four_eyes_test.newest(), 'on second thought');
SELECT four_eyes_test.approve();
SET SESSION AUTHORIZATION regress_mlops_ann;
SELECT four_eyes_test.promote(1);
SELECT state FROM mlops.request_promotion('m', 1);
SELECT state FROM mlops.withdraw(four_eyes_test.newest());
SELECT four_eyes_test.promote(1);
SELECT state, requester, reason, approved_by, closed_by FROM mlops.promotions ORDER BY request DESC LIMIT 3;
RESET SESSION AUTHORIZATION;

-- the trail
SELECT action, kind, count(*) FROM mlops_private.audit_pending WHERE action LIKE 'promotion.%' AND event_id > :before GROUP BY action, kind ORDER BY action;

SELECT mlops.drop_model('m');
SELECT (SELECT count(*) FROM mlops_private.promotion_request) + (SELECT count(*) FROM mlops_private.promotion_decision) AS left_behind;
DROP SCHEMA four_eyes_test CASCADE;
DROP ROLE regress_mlops_ann, regress_mlops_tim, regress_mlops_ed, regress_mlops_bob, regress_mlops_cat, regress_mlops_eve, regress_mlops_hat;
