#!/bin/bash
# run_all.sh [GROUP ...]: runs the benchmarks of the groups (linear, trees,
# governance, watching; all by default) and writes each group's table into README.md, between its two
# markers.  Takes about 15 minutes a group on a quiet machine with 2 cores.
source "$(dirname "$0")/common.sh"
bench_setup

group_linear="train_linear fit_parallel end_to_end_linear end_to_end_logistic predict_row first_predict trigger create_extension"
group_trees="boost_fit boost_end_to_end boost_score forest_fit boost_quality boost_growth"
group_governance="rights audit fingerprint snapshot"
group_watching="windows drift_report false_alarms data_drift log performance"

run_group()
{
	local group=$1 script scripts="group_$1" out=$BENCH_TMP/table

	{
		echo
		echo "$(machine). Medians of $BENCH_REPS interleaved rounds; ratios are medians of the rounds' ratios."
		echo
		table_head
		for script in ${!scripts}; do
			note "== $script"
			BENCH_QUIET_HEAD=yes bash "$BENCH_DIR/$script.sh"
		done | awk '{ print > "/dev/stderr"; print }'
		echo
	} >"$out"
	awk -v table="$out" -v group="$group" '
		$0 == "<!-- end of figures: " group " -->" { inside = 0 }
		!inside
		$0 == "<!-- figures: " group ", written by run_all.sh -->" {
			inside = 1
			while ((getline line < table) > 0) print line
		}' "$BENCH_DIR/README.md" >"$BENCH_TMP/README.md"
	cat "$BENCH_TMP/README.md" >"$BENCH_DIR/README.md"
}

[ $# -gt 0 ] || set -- linear trees governance watching
for group in "$@"; do
	case $group in
		linear | trees | governance | watching) ;;
		*) die "no group $group: there are linear, trees, governance and watching" ;;
	esac
	run_group "$group"
done
