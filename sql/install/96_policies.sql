/* sql/install/96_policies.sql: row level security, on one page.
 *
 * Nobody but the owner of the extension holds a privilege on these tables, and the views
 * check rights themselves; the policies are for a stray grant.  They are TO PUBLIC with the
 * test inside, one per table, and FOR SELECT: a stray grant writes nothing.  pg_dump leaves out the policies of an extension's tables, so
 * all of them are made here.
 */

ALTER TABLE mlops_private.model ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.model FOR SELECT
    USING (mlops_private.may_any(model_id));

ALTER TABLE mlops_private.version ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.version FOR SELECT
    USING (mlops_private.may(model_id, 'artifact'));

ALTER TABLE mlops_private.alias ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.alias FOR SELECT
    USING (mlops_private.may(model_id, 'read'));

ALTER TABLE mlops_private.alias_event ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.alias_event FOR SELECT
    USING (mlops_private.may(model_id, 'read'));

ALTER TABLE mlops_private.route ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.route FOR SELECT
    USING (mlops_private.may(model_id, 'read'));

ALTER TABLE mlops_private.log_sampling ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.log_sampling FOR SELECT
    USING (mlops_private.may(model_id, 'read'));

ALTER TABLE mlops_private.model_grant ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.model_grant FOR SELECT
    USING (mlops_private.may(model_id, 'manage'));

ALTER TABLE mlops_private.audit_pending ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.audit_pending FOR SELECT
    USING (mlops_private.may_database('audit'));

ALTER TABLE mlops_private.policy ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.policy FOR SELECT
    USING (mlops_private.may(model_id, 'read'));

ALTER TABLE mlops_private.version_stage ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.version_stage FOR SELECT
    USING (mlops_private.may(model_id, 'read'));

ALTER TABLE mlops_private.promotion_request ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.promotion_request FOR SELECT
    USING (mlops_private.may(model_id, 'read'));

ALTER TABLE mlops_private.promotion_decision ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.promotion_decision FOR SELECT
    USING (mlops_private.may_database('audit'));

ALTER TABLE mlops_private.card ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.card FOR SELECT
    USING (mlops_private.may(model_id, 'read'));

ALTER TABLE mlops_private.audit_chain ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.audit_chain FOR SELECT
    USING (mlops_private.may_database('audit'));

ALTER TABLE mlops_private.audit_event ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.audit_event FOR SELECT
    USING (mlops_private.may_database('audit'));

ALTER TABLE mlops_private.audit_payload ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.audit_payload FOR SELECT
    USING (mlops_private.may_database('audit'));

ALTER TABLE mlops_private.audit_anchor ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.audit_anchor FOR SELECT
    USING (mlops_private.may_database('audit'));

ALTER TABLE mlops_private.run ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.run FOR SELECT
    USING (CASE WHEN trained_id IS NOT NULL THEN mlops_private.may(trained_id, 'read')
                ELSE mlops_private.owns(owner_oid, owner_name, owner_system)
                  OR coalesce(mlops_private.may(linked_id, 'read'), false)
           END);

ALTER TABLE mlops_private.run_metric ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.run_metric FOR SELECT
    USING (EXISTS (SELECT 1 FROM mlops_private.run r WHERE r.run_id = run_metric.run_id));

ALTER TABLE mlops_private.retention_rule ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.retention_rule FOR SELECT
    USING (mlops_private.may_database('erase') OR mlops_private.may_database('audit'));

ALTER TABLE mlops_private.legal_hold ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.legal_hold FOR SELECT
    USING (mlops_private.may_database('erase') OR mlops_private.may_database('audit'));

ALTER TABLE mlops_private.snapshot ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.snapshot FOR SELECT
    USING (mlops_private.owns(owner_oid, owner_name, owner_system));

-- whose rows they are is known through the snapshot alone
ALTER TABLE mlops_private.snapshot_chunk ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.snapshot_chunk FOR SELECT
    USING (false);

ALTER TABLE mlops_private.snapshot_part ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.snapshot_part FOR SELECT
    USING (false);

ALTER TABLE mlops_private.expectation ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.expectation FOR SELECT
    USING (CASE WHEN model_id IS NULL THEN mlops_private.owns(owner_oid, owner_name, owner_system)
                ELSE mlops_private.may(model_id, 'train') OR mlops_private.may(model_id, 'artifact')
           END);

ALTER TABLE mlops_private.known_system ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.known_system FOR SELECT
    USING (mlops_private.may_database('audit'));

ALTER TABLE mlops_private.job ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.job FOR SELECT
    USING (mlops_private.owns(owner_oid, owner_name, owner_system));

ALTER TABLE mlops_private.job_run ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.job_run FOR SELECT
    USING (EXISTS (SELECT 1 FROM mlops_private.job j WHERE j.job_id = job_run.job_id));

ALTER TABLE mlops_private.prediction ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.prediction FOR SELECT
    USING (mlops_private.may(model_id, 'logs'));

-- a partition that is read directly has its own
ALTER TABLE mlops_private.prediction_default ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.prediction_default FOR SELECT
    USING (mlops_private.may(model_id, 'logs'));

ALTER TABLE mlops_private.outcome ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.outcome FOR SELECT
    USING (mlops_private.may(model_id, 'logs'));

ALTER TABLE mlops_private.monitor ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.monitor FOR SELECT
    USING (mlops_private.may(model_id, 'read'));

ALTER TABLE mlops_private.monitor_counted ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.monitor_counted FOR SELECT
    USING (EXISTS (SELECT 1 FROM mlops_private.monitor m WHERE m.monitor_id = monitor_counted.monitor_id));

ALTER TABLE mlops_private.log_window ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.log_window FOR SELECT
    USING (EXISTS (SELECT 1 FROM mlops_private.monitor m
                    WHERE m.monitor_id = log_window.monitor_id AND mlops_private.may(m.model_id, 'logs')));

ALTER TABLE mlops_private.monitor_window ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.monitor_window FOR SELECT
    USING (EXISTS (SELECT 1 FROM mlops_private.monitor m WHERE m.monitor_id = monitor_window.monitor_id));

ALTER TABLE mlops_private.drift_result ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.drift_result FOR SELECT
    USING (EXISTS (SELECT 1 FROM mlops_private.monitor m WHERE m.monitor_id = drift_result.monitor_id));

ALTER TABLE mlops_private.alert ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.alert FOR SELECT
    USING (mlops_private.may(model_id, 'read'));

ALTER TABLE mlops_private.alert_silence ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.alert_silence FOR SELECT
    USING (mlops_private.may(model_id, 'read'));

ALTER TABLE mlops_private.retrain_policy ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.retrain_policy FOR SELECT
    USING (mlops_private.may(model_id, 'train') OR mlops_private.may(model_id, 'manage'));

ALTER TABLE mlops_private.retraining ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON mlops_private.retraining FOR SELECT
    USING (mlops_private.may(model_id, 'train') OR mlops_private.may(model_id, 'manage'));
