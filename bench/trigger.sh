#!/bin/bash
# What does a scoring trigger cost?  mlops.score_trigger against a
# hand-written C trigger with the same arithmetic, and against no trigger: in
# bulk, and one row per transaction.  And what does it cost to look whether rows
# are unlike those of training?
source "$(dirname "$0")/common.sh"
source "$BENCH_DIR/hand.sh"
bench_setup
hand_setup

rows=$((BENCH_ROWS / 10))
kinds="mlops hand none"
for kind in $kinds outside; do
	sql <<SQL
DROP TABLE IF EXISTS ins_$kind;
CREATE TABLE ins_$kind (id bigint, $(list 1 28 'x%d float4'), score float8);
SQL
done
sql -c "CREATE TRIGGER score BEFORE INSERT ON ins_mlops FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('bench_logistic', 'score')" \
	-c "CREATE TRIGGER score BEFORE INSERT ON ins_outside FOR EACH ROW EXECUTE FUNCTION mlops.score_trigger('bench_logistic', 'score', 'on_outside=null')" \
	-c "CREATE TRIGGER score BEFORE INSERT ON ins_hand FOR EACH ROW EXECUTE FUNCTION bench_hand_trigger()"

bulk() { echo "INSERT INTO ins_$1 SELECT id, $(list 1 28 'x%d') FROM d1 WHERE id <= $rows;"; }
before() { echo "SET synchronous_commit = off; SET jit = off; TRUNCATE ins_$1;"; }
compare bulk "$(before mlops)" "$(bulk mlops)" "$(before hand)" "$(bulk hand)" "$(before none)" "$(bulk none)" \
	"$(before outside)" "$(bulk outside)"
[ "$(sql -c "SELECT count(*) = $rows AND max(abs(a.score - b.score)) < 1e-12 FROM ins_mlops a JOIN ins_hand b USING (id)")" = t ] ||
	die "the triggers do not agree"

# one row per transaction, interleaved
for kind in $kinds; do
	sql -c "TRUNCATE ins_$kind"
	echo "\\set id random(1, 1000000)
INSERT INTO ins_$kind (id, $(list 1 28 'x%d')) VALUES (:id, $(list 1 28 '%d.5'));" >"$BENCH_TMP/$kind.sql"
done
# tps KIND SECONDS
tps()
{
	PGOPTIONS="$PGOPTIONS -c synchronous_commit=off" \
		pgbench -n -c 1 -T "$2" -f "$BENCH_TMP/$1.sql" 2>/dev/null |
		sed -n 's/^tps = \([0-9.]*\) .*without.*/\1/p'
}
for kind in $kinds; do tps "$kind" 1 >/dev/null; done
for round in $(seq "$BENCH_REPS"); do
	for kind in $kinds; do
		tps "$kind" "$BENCH_SECONDS" >>"$BENCH_TMP/tps.$kind"
	done
done
outside=$(paste "$BENCH_TMP/bulk.4" "$BENCH_TMP/bulk.1" | awk -v n="$rows" '{ print ($1 - $2) * 1e6 / n }' | median)
[ -n "${BENCH_QUIET_HEAD:-}" ] || table_head
report "INSERT ... SELECT of $rows rows with score_trigger, against a hand-written C trigger" \
	"$(round "$(times bulk 1)" 0) ms" "$(round "$(times bulk 2)" 0) ms" "$(round "$(ratio bulk 1 2)")" '<=' 1.15
report "the same, against no trigger" \
	"$(round "$(times bulk 1)" 0) ms" "$(round "$(times bulk 3)" 0) ms" "$(round "$(ratio bulk 1 3)")" '<=' 1.8
report "the same with on_outside=null, above the trigger without" \
	"$(round "$(times bulk 4)" 0) ms" "$(round "$(times bulk 1)" 0) ms" "$(round "$outside" 0) ns a row" '<=' 300
report "pgbench, one row per transaction, 1 client, against the hand-written C trigger" \
	"$(round "$(times tps mlops)" 0) tps" "$(round "$(times tps hand)" 0) tps" "$(round "$(ratio tps mlops hand)" 3)" '>=' 0.95
report "the same, against no trigger" \
	"$(round "$(times tps mlops)" 0) tps" "$(round "$(times tps none)" 0) tps" "$(round "$(ratio tps mlops none)" 3)" '>=' 0.95
for kind in $kinds outside; do sql -c "DROP TABLE ins_$kind"; done
