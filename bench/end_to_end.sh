# end_to_end.sh: train, predict every row, write the predictions, by us and by
# way of Python.  Sourced after common.sh.

# ours MODEL TABLE TARGET ALGORITHM OPTIONS: one line: seconds from start to
# end, seconds of training alone, peak memory in MB, quality on the holdout.
#
# Memory is the backend's own: anonymous pages (RssAnon), sampled every 10 ms,
# the highest sample.  Shared buffers are left out, because they belong to the
# server and are there anyway; so are parallel workers of the predicting query,
# which only hold a row each.
ours()
{
	local model=$1 table=$2 target=$3 algorithm=$4 options=$5
	local dir=$BENCH_TMP/ours start end client pid sampler

	mkdir -p "$dir"
	rm -f "$dir"/*
	drop_model "$model"
	mkfifo "$dir/in"
	start=$(date +%s.%N)
	psql -XqAt -v ON_ERROR_STOP=1 <"$dir/in" >"$dir/out" &
	client=$!
	exec 9>"$dir/in"
	echo "SELECT pg_backend_pid();" >&9
	while [ ! -s "$dir/out" ]; do sleep 0.002; done
	pid=$(head -n 1 "$dir/out")
	sample_memory "$pid" 9>&- >"$dir/memory" &
	sampler=$!
	cat >&9 <<SQL
DROP TABLE IF EXISTS bench_out;
SELECT seconds, coalesce(metrics #>> '{holdout,r2}', metrics ->> 'r2', metrics #>> '{holdout,auc}', metrics ->> 'auc')
FROM mlops.train('$model', '$table', '$target', '$algorithm', options => '$options');
CREATE TABLE bench_out AS SELECT id, mlops.predict('$model', t) AS p FROM $table t;
SQL
	exec 9>&-
	wait "$client"
	end=$(date +%s.%N)
	wait "$sampler" || true
	[ "$(sql -c "SELECT count(*) FROM bench_out WHERE p IS NOT NULL")" = "$BENCH_ROWS" ] || die "rows are missing"
	awk -F '|' -v start="$start" -v end="$end" -v peak="$(sort -n "$dir/memory" | tail -n 1)" \
		'NR == 2 { printf "%.3f %.3f %.0f %.6f\n", end - start, $1, peak / 1024, $2 }' "$dir/out"
}

sample_memory()
{
	while [ -r "/proc/$1/status" ]; do
		sed -n 's/^RssAnon:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$1/status" 2>/dev/null || true
		sleep 0.01
	done
}

# run_rounds WHAT MODEL TABLE TARGET ALGORITHM OPTIONS: fills $BENCH_TMP/WHAT.{ours,csv,binary}
run_rounds()
{
	local what=$1 round reader

	shift
	for round in $(seq "$BENCH_REPS"); do
		ours "$@" >>"$BENCH_TMP/$what.ours"
		for reader in csv binary; do
			"$PYTHON" "$BENCH_DIR/peer.py" "$what" "$reader" >>"$BENCH_TMP/$what.$reader"
		done
	done
	drop_model "$1"
	sql -c "DROP TABLE bench_out"
}

column() { awk -v c="$3" '{ print $c }' "$BENCH_TMP/$1.$2"; }
column_median() { column "$@" | median; }

# end_ratio WHAT A COLUMN B COLUMN: median of A's column over B's, round by round
end_ratio()
{
	median_ratio <(column "$1" "$2" "$3") <(column "$1" "$4" "$5")
}
