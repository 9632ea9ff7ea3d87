/* sql/install/95_privileges.sql: every privilege, on one page.
 *
 * Everything is taken from PUBLIC first, whatever default privileges the database has;
 * what follows is the complete list of what everybody may do.
 */

REVOKE ALL ON SCHEMA mlops FROM PUBLIC;
REVOKE ALL ON SCHEMA mlops_private FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA mlops FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA mlops_private FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA mlops_private FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA mlops_private FROM PUBLIC;

-- the same for roles that the creator's default privileges name
SELECT mlops_private.revoke_from_strangers();

-- what people use; each function checks the caller's rights itself
GRANT USAGE ON SCHEMA mlops TO PUBLIC;
GRANT USAGE ON TYPE mlops.model TO PUBLIC;
GRANT USAGE ON TYPE mlops.ks_test_result TO PUBLIC;
GRANT USAGE ON TYPE mlops.chi2_test_result TO PUBLIC;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA mlops TO PUBLIC;
GRANT SELECT ON mlops.models TO PUBLIC;
GRANT SELECT ON mlops.versions TO PUBLIC;
GRANT SELECT ON mlops.aliases TO PUBLIC;
GRANT SELECT ON mlops.alias_history TO PUBLIC;
GRANT SELECT ON mlops.routes TO PUBLIC;
GRANT SELECT ON mlops.log_sampling TO PUBLIC;
GRANT SELECT ON mlops.log_partitions TO PUBLIC;
GRANT SELECT ON mlops.privileges TO PUBLIC;
GRANT SELECT ON mlops.grants TO PUBLIC;
GRANT SELECT ON mlops.cards TO PUBLIC;
GRANT SELECT ON mlops.policies TO PUBLIC;
GRANT SELECT ON mlops.promotions TO PUBLIC;
GRANT SELECT ON mlops.progress TO PUBLIC;
GRANT SELECT ON mlops.snapshots TO PUBLIC;
GRANT SELECT ON mlops.labels TO PUBLIC;
GRANT SELECT ON mlops.audit TO PUBLIC;
GRANT SELECT ON mlops.audit_anchors TO PUBLIC;
GRANT SELECT ON mlops.runs TO PUBLIC;
GRANT SELECT ON mlops.run_metrics TO PUBLIC;
GRANT SELECT ON mlops.holds TO PUBLIC;
GRANT SELECT ON mlops.retention TO PUBLIC;
GRANT SELECT ON mlops.expectations TO PUBLIC;
GRANT SELECT ON mlops.jobs TO PUBLIC;
GRANT SELECT ON mlops.job_runs TO PUBLIC;
GRANT SELECT ON mlops.monitors TO PUBLIC;
GRANT SELECT ON mlops.worker_status TO PUBLIC;
GRANT SELECT ON mlops.drift_windows TO PUBLIC;
GRANT SELECT ON mlops.drift_report TO PUBLIC;
GRANT SELECT ON mlops.predictions TO PUBLIC;
GRANT SELECT ON mlops.outcomes TO PUBLIC;
GRANT SELECT ON mlops.alerts TO PUBLIC;
GRANT SELECT ON mlops.alert_silences TO PUBLIC;
GRANT SELECT ON mlops.retrain_policies TO PUBLIC;
GRANT SELECT ON mlops.retrainings TO PUBLIC;

-- functions inside views run as the user who asks; the schema stays closed to names
GRANT EXECUTE ON FUNCTION mlops_private.may(bigint, text) TO PUBLIC;
GRANT EXECUTE ON FUNCTION mlops_private.may_any(bigint) TO PUBLIC;
GRANT EXECUTE ON FUNCTION mlops_private.may_database(text) TO PUBLIC;
GRANT EXECUTE ON FUNCTION mlops_private.promotion_status(bigint) TO PUBLIC;
GRANT EXECUTE ON FUNCTION mlops_private.progress() TO PUBLIC;
GRANT EXECUTE ON FUNCTION mlops_private.worker_status() TO PUBLIC;
GRANT EXECUTE ON FUNCTION mlops_private.label_parts(text) TO PUBLIC;
GRANT EXECUTE ON FUNCTION mlops_private.current_owner(oid, name, bigint) TO PUBLIC;
GRANT EXECUTE ON FUNCTION mlops_private.last_metrics(bigint) TO PUBLIC;
GRANT EXECUTE ON FUNCTION mlops_private.owns(oid, name, bigint) TO PUBLIC;
GRANT EXECUTE ON FUNCTION mlops_private.metric_sign(text, boolean) TO PUBLIC;
GRANT EXECUTE ON FUNCTION mlops_private.logged_features(bigint, integer, bytea) TO PUBLIC;
GRANT EXECUTE ON FUNCTION mlops_private.logged_probabilities(bigint, integer, double precision, real[]) TO PUBLIC;
