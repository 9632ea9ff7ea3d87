#!/bin/bash
# From the table to a table of predictions of all of its rows: gradient
# boosting, 1,000,000 x 28, 100 trees x 63 leaves, against COPY csv, pandas,
# LightGBM, COPY back.
source "$(dirname "$0")/common.sh"
source "$BENCH_DIR/trees.sh"
bench_setup
need_lightgbm

ours()
{
	local start end
	drop_model bench_boost_end
	start=$(date +%s.%N)
	psql -Xq -v ON_ERROR_STOP=1 >/dev/null <<SQL
$TWO;
DROP TABLE IF EXISTS bench_out;
SELECT * FROM mlops.train('bench_boost_end', 'd1', 'label', 'gradient_boosting',
	options => '{"n_estimators": 100, "max_leaves": 63}', validation => '{"method": "none"}');
SET max_parallel_workers_per_gather = 1; SET parallel_tuple_cost = 0; SET parallel_setup_cost = 0;
CREATE TABLE bench_out AS SELECT id, mlops.predict('bench_boost_end', t) AS p FROM d1 t;
SQL
	end=$(date +%s.%N)
	sql -c "SELECT $end - $start || ' 0 ' || mlops.auc(label::int::bool, p) FROM d1 JOIN bench_out USING (id)"
}

for round in $(seq "$BENCH_REPS"); do
	ours >>"$BENCH_TMP/end.ours"
	"$LIGHTGBM_PYTHON" "$BENCH_DIR/peer_trees.py" end_to_end lightgbm d1 >>"$BENCH_TMP/end.lightgbm"
done
sql -c "DROP TABLE bench_out"
drop_model bench_boost_end
[ -n "${BENCH_QUIET_HEAD:-}" ] || table_head
report "gradient_boosting end to end, $BENCH_ROWS x 28, against csv, pandas and LightGBM (AUC $(round "$(column_median end ours 3)" 4) / $(round "$(column_median end lightgbm 3)" 4))" \
	"$(round "$(column_median end ours 1)") s" "$(round "$(column_median end lightgbm 1)") s" \
	"$(round "$(end_ratio end lightgbm 1 ours 1)") x faster" '>=' 2.5
