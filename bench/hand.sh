# hand.sh: trains the logistic model and builds its hand-written peers.
# Sourced after common.sh.

# The model of d1 (28 features of 30 columns), and the same arithmetic in C
# with its coefficients compiled in: functions bench_hand_predict,
# bench_hand_record and bench_hand_trigger of the database.
hand_setup()
{
	local dir=$BENCH_TMP/hand

	sql -c "SELECT count(*) FROM mlops.models WHERE model = 'bench_logistic'" | grep -qx 1 ||
		sql -c "SELECT mlops.train('bench_logistic', 'd1', 'label', 'logistic_regression')" >/dev/null
	cp -r "$BENCH_DIR/hand_c" "$dir"
	{
		echo '#define N_COEF 28'
		sql -c "SELECT format('static const double coef_intercept = %s;', estimate)
				FROM mlops.coefficients('bench_logistic') WHERE term = '(intercept)'"
		sql -c "SELECT format('static const double coef[] = {%s};', string_agg(estimate::text, ', ' ORDER BY substr(term, 2)::int))
				FROM mlops.coefficients('bench_logistic') WHERE term ~ '^x[0-9]+$'"
	} >"$dir/coef.h"
	make -s -C "$dir" with_llvm=no >"$BENCH_TMP/make.log" 2>&1 || { cat "$BENCH_TMP/make.log" >&2; die "cannot build hand_c"; }
	chmod 755 "$BENCH_TMP" "$dir" "$dir/bench_hand.so"
	sql <<SQL
CREATE OR REPLACE FUNCTION bench_hand_predict(text, record) RETURNS float8
AS '$dir/bench_hand' LANGUAGE C STABLE PARALLEL SAFE COST 100;
CREATE OR REPLACE FUNCTION bench_hand_record(text, record) RETURNS float8
AS '$dir/bench_hand' LANGUAGE C STABLE PARALLEL SAFE COST 100;
CREATE OR REPLACE FUNCTION bench_hand_trigger() RETURNS trigger
AS '$dir/bench_hand' LANGUAGE C;
SQL
	# the same numbers, or the comparison means nothing
	[ "$(sql -c "SELECT count(*) = 1000 AND max(abs(mlops.predict('bench_logistic', t) - bench_hand_predict('', t))) < 1e-12
				 FROM (SELECT * FROM d1 LIMIT 1000) t")" = t ] ||
		die "the hand-written function does not give the model's numbers"
}
