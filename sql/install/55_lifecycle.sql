/* sql/install/55_lifecycle.sql: policies, stages, requests for promotion and their approval.
 *
 * Functions of the invoker: they check the caller's rights on the model, then write the
 * tables of 25_lifecycle_tables.sql as the extension's owner.
 */

-- policies and stages

CREATE FUNCTION mlops.set_policy(
    model text,
    policy jsonb,
    OUT model text,
    OUT revision bigint,
    OUT policy jsonb,
    OUT changed boolean)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_set_policy'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.set_policy(text, jsonb)
  IS 'say what a version must meet before a protected alias may point to it; a null policy removes it, a null model means all models without one';

CREATE FUNCTION mlops.set_stage(
    model text,
    version integer,
    stage text,
    OUT model text,
    OUT version integer,
    OUT stage text,
    OUT previous_stage text)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_set_stage'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.set_stage(text, integer, text)
  IS 'call a version draft, candidate, production or archived';

CREATE FUNCTION mlops.compliance(
    model text,
    OUT policy text,
    OUT required text,
    OUT actual text,
    OUT passed boolean,
    OUT score double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'mlops_compliance'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED COST 1000 ROWS 10;
COMMENT ON FUNCTION mlops.compliance(text)
  IS 'how a version stands to each requirement of the policy in force; passed is null where it cannot be evaluated, score is the share that passed';

-- promotion

CREATE FUNCTION mlops.request_promotion(
    model text,
    version integer,
    alias text DEFAULT 'champion',
    reason text DEFAULT NULL,
    expires interval DEFAULT NULL,
    OUT request bigint,
    OUT model text,
    OUT version integer,
    OUT alias text,
    OUT state text,
    OUT approvals integer,
    OUT required integer,
    OUT missing text[],
    OUT expires_at timestamptz)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_request_promotion'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.request_promotion(text, integer, text, text, interval)
  IS 'ask that a protected alias may point to a version; missing says what the policy still demands';

CREATE FUNCTION mlops.approve(
    request bigint,
    comment text DEFAULT NULL,
    OUT request bigint,
    OUT model text,
    OUT version integer,
    OUT alias text,
    OUT state text,
    OUT approvals integer,
    OUT required integer,
    OUT missing text[],
    OUT expires_at timestamptz)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_approve'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.approve(bigint, text)
  IS 'approve a request for promotion that others made';

CREATE FUNCTION mlops.reject(
    request bigint,
    comment text DEFAULT NULL,
    OUT request bigint,
    OUT model text,
    OUT version integer,
    OUT alias text,
    OUT state text,
    OUT approvals integer,
    OUT required integer,
    OUT missing text[],
    OUT expires_at timestamptz)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_reject'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.reject(bigint, text)
  IS 'reject a request for promotion; it cannot be carried out any more';

CREATE FUNCTION mlops.withdraw(
    request bigint,
    OUT request bigint,
    OUT model text,
    OUT version integer,
    OUT alias text,
    OUT state text,
    OUT approvals integer,
    OUT required integer,
    OUT missing text[],
    OUT expires_at timestamptz)
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_withdraw'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION mlops.withdraw(bigint)
  IS 'take a request for promotion back';

-- private

CREATE FUNCTION mlops_private.promotion_status(
    request bigint,
    OUT state text,
    OUT approvals integer,
    OUT required integer,
    OUT missing text[])
RETURNS record
AS 'MODULE_PATHNAME', 'mlops_promotion_status'
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1000;
COMMENT ON FUNCTION mlops_private.promotion_status(bigint)
  IS 'how a request stands today';

-- views

CREATE VIEW mlops.policies WITH (security_barrier) AS
SELECT m.name::text AS model,
       p.policy,
       p.revision,
       p.set_by,
       p.set_at
  FROM mlops_private.policy p
  LEFT JOIN mlops_private.model m ON m.model_id = p.model_id
 WHERE p.model_id IS NULL OR mlops_private.may(p.model_id, 'read');
COMMENT ON VIEW mlops.policies
  IS 'policies of models you may read; the one with a null model is for all models without one';

CREATE VIEW mlops.promotions WITH (security_barrier) AS
SELECT r.request_id AS request,
       m.name::text AS model,
       r.version,
       r.alias::text AS alias,
       s.state,
       r.requester,
       r.reason,
       s.approvals,
       s.required,
       s.missing,
       ARRAY(SELECT d.decider::text
               FROM mlops_private.promotion_decision d
              WHERE d.request_id = r.request_id AND d.decision = 'approve'
              ORDER BY d.decision_id) AS approved_by,
       r.requested_at,
       r.expires_at,
       r.closed_by,
       r.closed_at
  FROM mlops_private.promotion_request r
  JOIN mlops_private.model m ON m.model_id = r.model_id
 CROSS JOIN LATERAL mlops_private.promotion_status(r.request_id) s
 WHERE mlops_private.may(r.model_id, 'read');
COMMENT ON VIEW mlops.promotions
  IS 'requests for promotion of models you may read, how they stand and what is missing';
