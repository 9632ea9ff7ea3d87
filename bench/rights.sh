#!/bin/bash
# What does the check of a privilege cost?  predict('m', row) of one row, a
# query each, by the model's owner and by a role that was granted "predict"
# among 10, 100 and 1,000 grants on the model; and a query over
# many rows, where it is paid once.
source "$(dirname "$0")/common.sh"
bench_rights_rows=${BENCH_RIGHTS_ROWS:-1000000}

sql -d postgres -c "SELECT 1 FROM pg_database WHERE datname = '$PGDATABASE'" | grep -q 1 || createdb "$PGDATABASE"
sql >/dev/null <<'SQL'
CREATE EXTENSION IF NOT EXISTS mlops;
DO $$
DECLARE
	p text;
BEGIN
	FOR n IN 0 .. 111 LOOP
		IF to_regrole('bench_role_' || n) IS NULL THEN
			EXECUTE format('CREATE ROLE bench_role_%s', n);
		END IF;
	END LOOP;
	IF EXISTS (SELECT FROM mlops.models WHERE model = 'bench_rights') THEN
		PERFORM mlops.drop_model('bench_rights');
	END IF;
	SET LOCAL ROLE bench_role_0;
	PERFORM mlops.train('bench_rights', 'SELECT x, 2 * x AS y FROM generate_series(1, 100) x', 'y', 'linear_regression');
END $$;
SQL

# grants NUMBER: so many on the model, the last one is bench_role_111's "predict"
grants()
{
	sql >/dev/null <<SQL
SET ROLE bench_role_0;
SELECT count(mlops.revoke_model('bench_rights', role, privilege)) FROM mlops.grants WHERE model = 'bench_rights';
SELECT count(mlops.grant_model('bench_rights', ('bench_role_' || 1 + n / 9)::name, (ARRAY['read', 'predict', 'artifact', 'logs', 'train', 'deploy', 'approve', 'unmask', 'manage'])[1 + n % 9]))
  FROM generate_series(0, $1 - 2) n;
SELECT changed FROM mlops.grant_model('bench_rights', 'bench_role_111', 'predict');
RESET ROLE;
VACUUM ANALYZE mlops_private.model_grant;
SQL
}

# latency ROLE: microseconds of one query, one row
latency()
{
	printf 'SELECT mlops.predict($$bench_rights$$, ARRAY[7::float8]);\n' >"$BENCH_TMP/one.sql"
	PGOPTIONS="$PGOPTIONS ${1:+-c role=$1}" pgbench -n -M prepared -T "$BENCH_SECONDS" -f "$BENCH_TMP/one.sql" 2>/dev/null |
		sed -n 's/^latency average = \([0-9.]*\) ms/\1/p' | awk '{ printf "%.1f\n", $1 * 1000 }'
}

# against ROLE: median of its latency, of the owner's, and of the differences, turn about
against()
{
	local i
	rm -f "$BENCH_TMP"/rights.*
	for i in $(seq 1 "$BENCH_REPS"); do
		latency "$1" >>"$BENCH_TMP/rights.1"
		latency bench_role_0 >>"$BENCH_TMP/rights.2"
	done
	ours=$(round "$(times rights 1)" 1) owner=$(round "$(times rights 2)" 1)
	above=$(round "$(paste "$BENCH_TMP/rights.1" "$BENCH_TMP/rights.2" | awk '{ print $1 - $2 }' | median)" 1)
}

[ -n "${BENCH_QUIET_HEAD:-}" ] || table_head
for n in 10 100 1000; do
	grants "$n"
	against bench_role_111
	report "one query, one row, by a role with a grant, among $n grants, above the owner" "$ours us" "$owner us" "$above us" '<=' 50
done
many="SELECT count(mlops.predict('bench_rights', ARRAY[n::float8])) FROM generate_series(1, $bench_rights_rows) n;"
serial="SET max_parallel_workers_per_gather = 0; SET jit = off"
BENCH_WARM=yes compare many "$serial; SET ROLE bench_role_111" "$many" "$serial; SET ROLE bench_role_0" "$many"
report "one query, $bench_rights_rows rows, by the role with a grant, a row" "$(round "$(times many 1)" 0) ms" "$(round "$(times many 2)" 0) ms (owner)" \
	"$(paste "$BENCH_TMP/many.1" "$BENCH_TMP/many.2" | awk -v n="$bench_rights_rows" '{ print ($1 - $2) * 1e6 / n }' | median) ns" '-'
sql >/dev/null <<'SQL'
SELECT mlops.drop_model('bench_rights');
SELECT format('DROP ROLE bench_role_%s', n) FROM generate_series(0, 111) n \gexec
SQL
