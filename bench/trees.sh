# trees.sh: what the benchmarks of tree algorithms share.  Sourced after
# common.sh.

# LightGBM is not in Debian 12: a python with lightgbm, scikit-learn, pandas
# and psycopg2
LIGHTGBM_PYTHON=${BENCH_LIGHTGBM_PYTHON:-$PYTHON}

# one worker and this backend: two processes
TWO="SET max_parallel_maintenance_workers = 1; SET mlops.training_memory = '8GB'"

need_lightgbm()
{
	"$LIGHTGBM_PYTHON" -c 'import lightgbm, sklearn, pandas, psycopg2' 2>/dev/null ||
		die "BENCH_LIGHTGBM_PYTHON must name a python with lightgbm, scikit-learn, pandas and psycopg2"
}

column() { awk -v c="$3" '{ print $c }' "$BENCH_TMP/$1.$2"; }
column_median() { column "$@" | median; }

# end_ratio WHAT A COLUMN B COLUMN: median of A's column over B's, round by round
end_ratio() { median_ratio <(column "$1" "$2" "$3") <(column "$1" "$4" "$5"); }

# train_seconds MODEL TABLE ALGORITHM OPTIONS: one line: seconds of the whole
# statement, AUC of the first 100,000 rows (by id).  All rows are trained on.
train_seconds()
{
	local ms

	drop_model "$1"
	ms=$(time_sql "$TWO" "SELECT * FROM mlops.train('$1', '$2', 'label', '$3', options => '$4', validation => '{\"method\": \"none\"}');")
	printf '%s %s\n' "$(awk -v ms="$ms" 'BEGIN { printf "%.3f", ms / 1000 }')" \
		"$(sql -c "SELECT value FROM mlops.evaluate('$1', 'SELECT * FROM $2 ORDER BY id LIMIT 100000') WHERE metric = 'auc'")"
}

# artifact_size MODEL: bytes of the newest artifact as stored
artifact_size()
{
	sql -c "SELECT pg_column_size(v.artifact) FROM mlops_private.version v JOIN mlops_private.model m USING (model_id) WHERE m.name = '$1' ORDER BY v.version DESC LIMIT 1"
}

# histogram_updates TABLE OPTIONS: what the engine counted, from its DEBUG2 message
histogram_updates()
{
	drop_model bench_count
	psql -XqAt -v ON_ERROR_STOP=1 -c "SET client_min_messages = debug2" -c "$TWO" \
		-c "SELECT 1 FROM mlops.train('bench_count', '$1', 'label', 'gradient_boosting', options => '$2', validation => '{\"method\": \"none\"}')" 2>&1 |
		sed -n 's/.*histogram updates: \([0-9]*\) needed.*/\1/p' | tail -n 1
	drop_model bench_count
}

# a category of a column: of "count" values, the first ones more often
category() # COLUMN COUNT
{
	local u="((hashint8extended(i, $1 + 200) >> 11) / 4503599627370496.0::float8 + 1) / 2"

	printf "'c' || floor(%s * (%s) * (%s))::int" "$2" "$u" "$u"
}

# what a category adds to the logit: a fixed number in (-1, 1) from its name
effect() { printf "((hashtextextended(c%s, %s) >> 11) / 4503599627370496.0::float8)" "$1" "$1"; }

# 500,000 rows: 8 numbers, 6 categories of 7 to 2,000 values, 3 % NULL in each of ten columns
bench_setup_d2()
{
	local counts=(7 20 60 200 700 2000) columns="" logit="-0.2" k null
	local seed_u="((hashint8extended(i, 98) >> 11) / 4503599627370496.0::float8 + 1) / 2"
	local BENCH_ROWS=$((BENCH_ROWS / 2))

	have_table d2 && return
	for k in $(seq 1 8); do
		columns="$columns, $(normal $((k + 100)))::float8 AS x$k"
	done
	for k in $(seq 1 6); do
		columns="$columns, $(category "$k" "${counts[k - 1]}") AS c$k"
		logit="$logit + 0.9 * $(effect "$k")"
	done
	logit="$logit + 0.6 * x1 - 0.4 * x2 + 0.5 * x3 * x4 + 0.5 * (x5 > 0)::int * $(effect 3) + 0.3 * sin(3 * x6)"
	null="CASE WHEN hashint8extended(i, %d + 300) & 1023 < 31 THEN NULL ELSE"
	make_table d2 "id bigint, $(list 1 8 'x%d float8'), $(list 1 6 'c%d text'), label int" \
		"$(for k in $(seq 1 5); do printf "${null} x%d END, " "$k" "$k"; done) x6, x7, x8,
		$(for k in $(seq 1 5); do printf "${null} c%d END, " $((k + 8)) "$k"; done) c6,
		($seed_u < 1 / (1 + exp(-($logit))))::int" "$columns"
}
