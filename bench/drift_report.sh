#!/bin/bash
# How long does a drift report over 28 features and 30 daily windows take: to read
# it, and to make it from windows that were counted?  And does that depend on how
# many rows were logged?
source "$(dirname "$0")/common.sh"
bench_setup
features=$(list 1 28 'x%d')

# model rows_a_day: trained, watched, 30 days of rows logged and judged
make_watched()
{
	drop_model "$1"
	sql >/dev/null <<SQL
SET synchronous_commit = off;
SELECT mlops.train('$1', 'SELECT $features, label FROM d1 WHERE id <= 50000', 'label', 'logistic_regression');
SELECT mlops.monitor('$1');
SELECT count(mlops.score('$1', d, at => '2020-01-01 UTC'::timestamptz + (d.id % 30) * interval '1 day' + interval '1 hour'))
  FROM d1 d WHERE d.id BETWEEN 100001 AND 100000 + 30 * $2;
SELECT mlops.run_monitor('$1', '2020-02-01 UTC');
VACUUM (ANALYZE) mlops_private.drift_result, mlops_private.monitor_window, mlops_private.log_window, mlops_private.prediction;
SQL
}

read_report() { printf "SELECT * FROM mlops.drift_report WHERE model = '%s' AND window_start >= '2020-01-01 UTC' AND window_start < '2020-01-31 UTC';" "$1"; }

# as if the windows had just been counted
forget_verdicts()
{
	printf "DELETE FROM mlops_private.monitor_window USING mlops_private.model m, mlops_private.monitor o
	 WHERE m.name = '%s' AND o.model_id = m.model_id AND monitor_window.monitor_id = o.monitor_id;
	UPDATE mlops_private.monitor SET published_until = '-infinity' WHERE model_id = (SELECT model_id FROM mlops_private.model WHERE name = '%s')" "$1" "$1"
}

[ -n "${BENCH_QUIET_HEAD:-}" ] || table_head
make_watched bench_watched_few "${BENCH_FEW:-500}"
make_watched bench_watched_many "${BENCH_MANY:-10000}"
compare read "SET jit = off" "$(read_report bench_watched_few)" "SET jit = off" "$(read_report bench_watched_many)"
rows=$(sql -c "SELECT count(*) FROM ($(read_report bench_watched_many | tr -d ';')) r")
report "drift report, 28 features x 30 daily windows (2 baselines, output and joint track: $rows rows): reading it, ms" \
	"$(round "$(times read 2)" 1)" - "$(round "$(times read 2)" 1)" '<=' 50
report "the same: ${BENCH_MANY:-10000} rows logged a day against ${BENCH_FEW:-500}" \
	"$(round "$(times read 2)" 1) ms" "$(round "$(times read 1)" 1) ms" "$(round "$(ratio read 2 1)")" '<=' 1.2
compare judge "$(forget_verdicts bench_watched_few)" "SELECT * FROM mlops.run_monitor('bench_watched_few', '2020-02-01 UTC');" \
	"$(forget_verdicts bench_watched_many)" "SELECT * FROM mlops.run_monitor('bench_watched_many', '2020-02-01 UTC');"
report "the same: making it (windows read, compared, judged, stored), ms" \
	"$(round "$(times judge 2)" 1)" - "$(round "$(times judge 2)" 1)" - ''
drop_model bench_watched_few
drop_model bench_watched_many
