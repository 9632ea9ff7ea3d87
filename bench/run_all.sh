#!/bin/bash
# Runs every benchmark and writes the table into README.md, between its two
# markers.  Takes about 15 minutes on a quiet machine with 2 cores.
source "$(dirname "$0")/common.sh"
bench_setup

scripts="train_linear fit_parallel end_to_end_linear end_to_end_logistic predict_row trigger create_extension"
out=$BENCH_TMP/table
{
	echo
	echo "$(machine). Medians of $BENCH_REPS interleaved rounds; ratios are medians of the rounds' ratios."
	echo
	table_head
	for script in $scripts; do
		note "== $script"
		BENCH_QUIET_HEAD=yes bash "$BENCH_DIR/$script.sh"
	done | awk '{ print > "/dev/stderr"; print }'
	echo
} >"$out"
awk -v table="$out" '
	/^<!-- end of figures -->/ { inside = 0 }
	!inside
	/^<!-- figures, written by run_all.sh -->/ {
		inside = 1
		while ((getline line < table) > 0) print line
	}' "$BENCH_DIR/README.md" >"$BENCH_TMP/README.md"
cat "$BENCH_TMP/README.md" >"$BENCH_DIR/README.md"
