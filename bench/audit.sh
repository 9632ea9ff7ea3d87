#!/bin/bash
# audit.sh: what does an audited act cost above the act, how fast is the trail
# sealed, and how fast is it verified?
#
# The events are put into the tables directly, as mlops_audit_add() would, with
# a salt of zeros, under which HMAC-SHA-256 can be written in SQL.

. "$(dirname "$0")/common.sh"

EVENTS=${BENCH_EVENTS:-1000000}
ACTS=${BENCH_ACTS:-5000}
export PGDATABASE=mlops_bench_audit

hmac()
{
	printf "sha256(decode(repeat('5c', 64), 'hex') || sha256(decode(repeat('36', 64), 'hex') || %s))" "$1"
}

psql -Xq -d postgres -c "DROP DATABASE IF EXISTS $PGDATABASE" -c "CREATE DATABASE $PGDATABASE"
trap 'rm -rf "$BENCH_TMP"; psql -Xq -d postgres -c "DROP DATABASE IF EXISTS $PGDATABASE"' EXIT
sql -c "CREATE EXTENSION mlops"

# ---------------------------------------------------------------- an act

sql <<'SQL' >/dev/null
CREATE TABLE r AS SELECT i AS id, i::float8 AS x, 2.0 * i AS y FROM generate_series(1, 100) i;
SELECT mlops.train('m', 'r', 'y', algorithm => 'linear_regression');
SELECT mlops.train('m', 'r', 'y', algorithm => 'linear_regression');
SQL

# the statement that an act's record is, on tables of the same shape
act()
{
	time_sql "SET synchronous_commit = off" "DO \$\$ BEGIN FOR i IN 1 .. $ACTS LOOP PERFORM $1; END LOOP; END \$\$"
}
sql <<'SQL'
CREATE TABLE pending (LIKE mlops_private.audit_pending INCLUDING ALL);
CREATE TABLE payload (LIKE mlops_private.audit_payload INCLUDING ALL);
CREATE FUNCTION record() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	WITH e AS (
	INSERT INTO pending (system, at, started, actor_oid, actor, session_role, action, kind, object, outcome, commitment)
	VALUES (1, clock_timestamp(), now(), 10, current_user, session_user, 'alias.set', 'alias', 'm@champion', 'ok', sha256('x'))
	RETURNING event_id)
	INSERT INTO payload SELECT event_id, sha256('y'), '{"version": 1, "previous_version": 2}' FROM e;
END $$;
SQL
for i in $(seq "$BENCH_REPS"); do
	act "mlops.set_alias('m', 'champion', 1 + i % 2)" >>"$BENCH_TMP/act"
	act "record()" >>"$BENCH_TMP/record"
done
whole=$(median <"$BENCH_TMP/act" | awk -v n="$ACTS" '{ print $1 / n }')
record=$(median <"$BENCH_TMP/record" | awk -v n="$ACTS" '{ print $1 / n }')

# ---------------------------------------------------------------- the chain

note "making $EVENTS events"
sql <<SQL >/dev/null
SELECT mlops.audit_seal();
BEGIN;
SET LOCAL synchronous_commit = off;
INSERT INTO mlops_private.audit_payload
SELECT nextval('mlops_private.audit_event_id_seq'), decode(repeat('00', 32), 'hex'),
       convert_to('{"version": ' || i || ', "previous_version": ' || i - 1 || '}', 'UTF8'), NULL
  FROM generate_series(1, $EVENTS) i;
INSERT INTO mlops_private.audit_pending
    (event_id, system, at, started, actor_oid, actor, session_role, action, kind, object, outcome, commitment)
SELECT p.event_id, s.system_identifier, clock_timestamp(), now(), 10, 'scientist', 'application',
       'alias.set', 'alias', 'credit@champion', 'ok', $(hmac p.payload)
  FROM mlops_private.audit_payload p, pg_control_system() s
 WHERE p.salt = decode(repeat('00', 32), 'hex');
COMMIT;
VACUUM ANALYZE mlops_private.audit_pending;
VACUUM ANALYZE mlops_private.audit_payload;
SQL
started=$(date +%s.%N)
sql -c "CALL mlops.run_due_jobs(3600)"
seal=$(date +%s.%N | awk -v a="$started" -v n="$EVENTS" '{ print n / ($1 - a) }')
sql -c "VACUUM ANALYZE mlops_private.audit_event"
for i in $(seq "$BENCH_REPS"); do
	time_sql "SELECT 1" "SELECT mlops.audit_verify()" >>"$BENCH_TMP/verify"
done
[ "$(sql -c "SELECT ok AND rows >= $EVENTS FROM mlops.audit_verify()")" = t ] || die "the chain does not verify"
verify=$(median <"$BENCH_TMP/verify" | awk -v n="$EVENTS" '{ print 1000 * n / $1 }')

[ -n "${BENCH_QUIET_HEAD:-}" ] || table_head
report "the record of an act (its statement, in PL/pgSQL), next to a whole set_alias" \
	"$(round "$record" 3) ms" "$(round "$whole" 3) ms" "$(round "$record" 3)" '<=' 0.5
report "sealing, events a second" "" "" "$(round "$seal" 0)" '-'
report "audit_verify of $EVENTS events, rows a second" "" "" "$(round "$verify" 0)" '>=' 200000
