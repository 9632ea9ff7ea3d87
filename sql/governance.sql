-- From training to production, played by three people.
--
-- What follows the line of dashes is what docs/governance.md shows, where roles
-- have no prefix; src/test/lint/governance_script.sh compares the two.
SET client_min_messages = warning;
CREATE VIEW applications AS SELECT * FROM credit;
------------------------------------------------------------
CREATE ROLE regress_mlops_scientist LOGIN;
CREATE ROLE regress_mlops_approver LOGIN;
CREATE ROLE regress_mlops_analyst LOGIN;
GRANT SELECT ON applications TO regress_mlops_scientist, regress_mlops_analyst;
SELECT privilege, changed FROM mlops.grant_model(NULL, 'regress_mlops_approver', 'audit');

SET SESSION AUTHORIZATION regress_mlops_scientist;
SELECT version, algorithm FROM mlops.train('risk', 'applications', 'status', 'logistic_regression');
SELECT role, privilege FROM mlops.grant_model('risk', 'regress_mlops_analyst', 'predict');
SELECT role, privilege FROM mlops.grant_model('risk', 'regress_mlops_approver', 'approve');
SELECT revision > 0 AS set FROM mlops.set_policy('risk', '{
    "required_approvals": 1,
    "minimum_metrics": {"auc": 0.75},
    "maximum_gap": {"auc": 0.2},
    "required_card_fields": ["intended_use", "caveats_and_recommendations"]}');

SET SESSION AUTHORIZATION regress_mlops_scientist;
SELECT version, algorithm FROM mlops.train('risk', 'applications', 'status', 'gradient_boosting');
SELECT revision FROM mlops.set_card('risk', '{
    "intended_use": ["the order in which applications are looked at"],
    "caveats_and_recommendations": ["not for declining anybody without a look"]}');
SELECT version, alias, state, approvals, required
  FROM mlops.request_promotion('risk', 2, reason => 'ranks better than version 1');

SET SESSION AUTHORIZATION regress_mlops_approver;
SELECT model, version, requester, reason, approvals, required FROM mlops.promotions WHERE model = 'risk' AND state = 'open';
SELECT policy, required, passed FROM mlops.compliance('risk:2');
SELECT a.version, a.state, a.approvals
  FROM (SELECT request FROM mlops.promotions WHERE model = 'risk' AND state = 'open') p, mlops.approve(p.request, 'ranks as claimed') a;

SET SESSION AUTHORIZATION regress_mlops_scientist;
SELECT version, previous_version FROM mlops.set_alias('risk:2', 'champion', reason => 'approved');
SELECT version, stage, aliases FROM mlops.versions WHERE model = 'risk' ORDER BY version;

SET SESSION AUTHORIZATION regress_mlops_analyst;
SELECT count(*) AS applications, count(*) FILTER (WHERE mlops.predict('risk', a) > 0.5) > 0 AS some_likely FROM applications a;
SELECT count(*) AS versions_to_see FROM mlops.versions WHERE model = 'risk';

SET SESSION AUTHORIZATION regress_mlops_scientist;
SELECT version, previous_version FROM mlops.rollback('risk', reason => 'complaints from branch 12');

SET SESSION AUTHORIZATION regress_mlops_approver;
SELECT actor, action, kind FROM mlops.audit WHERE object ~ '^risk\M' ORDER BY event_id;
SELECT version, previous_version, action, by, reason FROM mlops.alias_history WHERE model = 'risk' ORDER BY since;
SELECT ok, reason FROM mlops.audit_verify();

RESET SESSION AUTHORIZATION;
SELECT versions FROM mlops.drop_model('risk');
SELECT changed FROM mlops.revoke_model(NULL, 'regress_mlops_approver', 'audit');
DROP OWNED BY regress_mlops_scientist, regress_mlops_approver, regress_mlops_analyst;
DROP ROLE regress_mlops_scientist, regress_mlops_approver, regress_mlops_analyst;
------------------------------------------------------------
DROP VIEW applications;
