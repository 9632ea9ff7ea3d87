# stage.sh: run a stage of tests, count what its runner reports, show why it failed.
# Sourced by check.sh and suite.sh, which set LOGS, COUNTS and LABEL, and DIFFS
# where the runner writes one.

# "passed failed skipped" of a log.  Understands TAP ("ok 1 - x", so prove, our
# lint and pg_regress since 16) and pg_regress of 15 ("test x ... ok  12 ms").
count_log()
{
	awk '/^ok +[0-9]+.*# *[sS][kK][iI][pP]/		{ s++; next }
		 /^ok +[0-9]+/							{ p++; next }
		 /^not ok +[0-9]+/						{ f++; next }
		 / \.\.\. ok +[0-9]+ ms/				{ p++; next }
		 / \.\.\. FAILED/						{ f++; next }
		 /Parse errors: No plan found/			{ f++; next }
		 END { print p + 0, f + 0, s + 0 }' "$1"
}

# stage NAME COMMAND...: true when all went well.  A command that fails without
# a failed test counts as one, and one that says nothing but succeeds too.
stage()
{
	local name=$1 log=$LOGS/$1.log from=$SECONDS rc counts p f s
	shift
	"$@" >"$log" 2>&1 </dev/null
	rc=$?
	counts=($(count_log "$log"))
	p=${counts[0]} f=${counts[1]} s=${counts[2]}
	[ $rc != 0 ] && [ "$f" = 0 ] && f=1
	[ $rc = 0 ] && [ $((p + f + s)) = 0 ] && p=1
	say "$p $f $s" >>"$COUNTS"
	printf '%-16s %-10s %5d passed %4d failed %4d skipped %6d s\n' "$LABEL" "$name" "$p" "$f" "$s" $((SECONDS - from))
	[ "$f" = 0 ] && return 0
	say "----- $log"
	if [ -n "${DIFFS:-}" ] && [ -s "$DIFFS" ]; then
		grep -E '^not ok|FAILED' "$log"
		head -n 400 "$DIFFS"
	elif grep -qE '^not ok' "$log"; then
		grep -E -A 12 '^not ok|^#   Failed|^Dubious|warning:|error:' "$log" | head -n 200
	elif grep -qE ' (error|warning): ' "$log"; then
		grep -E -A 6 ' (fatal error|error|warning): ' "$log" | head -n 60
	else
		tail -n 60 "$log"
	fi
	say "-----"
	return 1
}

stage_sum()
{
	awk '{ p += $1; f += $2; s += $3 } END { print p + 0, f + 0, s + 0 }' "$@" /dev/null
}
