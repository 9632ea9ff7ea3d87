#!/bin/bash
# Random forest of 100 trees on 200,000 x 28 numbers, fully grown with the
# square root of the features at each node, in two processes, against
# scikit-learn with two jobs; AUC of both on 200,000 other rows.
source "$(dirname "$0")/common.sh"
source "$BENCH_DIR/trees.sh"
BENCH_REPS=${BENCH_FOREST_REPS:-2}	# scikit-learn takes a minute
bench_setup

rows=$((BENCH_ROWS / 5))
have_table d1_forest || sql <<SQL
CREATE TABLE d1_forest AS SELECT * FROM d1 ORDER BY id LIMIT $rows;
CREATE TABLE d1_unseen AS SELECT * FROM d1 ORDER BY id OFFSET $rows LIMIT $rows;
ALTER TABLE d1_forest ADD PRIMARY KEY (id);
ALTER TABLE d1_unseen ADD PRIMARY KEY (id);
SQL
sql -c "VACUUM (FREEZE, ANALYZE) d1_forest" -c "VACUUM (FREEZE, ANALYZE) d1_unseen"
for round in $(seq "$BENCH_REPS"); do
	train_seconds bench_forest d1_forest random_forest '{"n_estimators": 100, "min_samples_leaf": 1}' >>"$BENCH_TMP/forest.ours"
	"$PYTHON" "$BENCH_DIR/peer_trees.py" fit sklearn_forest d1_forest test=d1_unseen >>"$BENCH_TMP/forest.sklearn"
done
auc=$(sql -c "SELECT value FROM mlops.evaluate('bench_forest', 'd1_unseen') WHERE metric = 'auc'")
peer_auc=$(column_median forest sklearn 2)
drop_model bench_forest

[ -n "${BENCH_QUIET_HEAD:-}" ] || table_head
report "train random_forest, $rows x 28, 100 trees, fully grown, against scikit-learn" \
	"$(round "$(column_median forest ours 1)") s" "$(round "$(column_median forest sklearn 1)") s" \
	"$(round "$(end_ratio forest ours 1 sklearn 1)")" '<=' 0.5
report "AUC of the same on $rows other rows: scikit-learn's less ours" "$(round "$auc" 4)" "$(round "$peer_auc" 4)" \
	"$(awk -v a="$auc" -v b="$peer_auc" 'BEGIN { printf "%.4f", b - a }')" '<=' 0.002
