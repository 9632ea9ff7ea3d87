# common.sh: what the benchmarks share.  Sourced, never run.
#
# The server is the one that PGHOST, PGPORT and PGUSER name; it runs on this
# machine, has mlops installed, and the role is a superuser.  Everything
# happens in a database of our own, made on first use.

set -euo pipefail
export LC_ALL=C.UTF-8 PGOPTIONS="${PGOPTIONS:-} -c client_min_messages=warning"
export PGDATABASE=${BENCH_DB:-mlops_bench}
export PGUSER=${PGUSER:-$(id -un)}
BENCH_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BENCH_ROWS=${BENCH_ROWS:-1000000}
BENCH_REPS=${BENCH_REPS:-5}
BENCH_SECONDS=${BENCH_SECONDS:-8}	# of one pgbench run
BENCH_TMP=$(mktemp -d)
PYTHON=${BENCH_PYTHON:-/usr/bin/python3}
export BENCH_ROWS
trap 'rm -rf "$BENCH_TMP"' EXIT

die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }
note() { printf '%s\n' "$*" >&2; }
sql() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }

# ---------------------------------------------------------------- numbers

# median of the numbers on standard input
median()
{
	sort -g | awk '{ v[NR] = $1 } END {
		if (NR == 0) exit 1
		print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# of two files of numbers: the median of the quotients, line by line
median_ratio() { paste "$1" "$2" | awk '{ print $1 / $2 }' | median; }

round() { awk -v x="$1" -v d="${2:-2}" 'BEGIN { printf "%.*f", d, x }'; }

# report WHAT OURS PEER RATIO '<=' REACH: one line of the table; '-' for a
# figure that has nothing to reach
report()
{
	awk -v what="$1" -v ours="$2" -v peer="$3" -v ratio="$4" -v op="$5" -v reach="${6:-}" 'BEGIN {
		if (op == "-") {
			printf "| %s | %s | %s | %s | | |\n", what, ours, peer, ratio
			exit
		}
		ok = op == "<=" ? ratio + 0 <= reach + 0 : ratio + 0 >= reach + 0
		printf "| %s | %s | %s | %s | %s %s | %s |\n", what, ours, peer, ratio,
			op == "<=" ? "at most" : "at least", reach, ok ? "yes" : "**no**" }'
}

table_head()
{
	echo '| what | ours | peer | figure | reach | reached |'
	echo '| --- | --- | --- | --- | --- | --- |'
}

# ---------------------------------------------------------------- timing

# time_sql SETTINGS STATEMENT: milliseconds of the statement in a new session,
# in which the settings ran before.  With BENCH_WARM=yes the statement, too, has
# run once, so that a session's first touch of shared buffers, libraries and
# memory is in neither side's figure.
time_sql()
{
	{
		printf '%s;\n\\o /dev/null\n' "$1"
		[ "${BENCH_WARM:-}" != yes ] || printf '%s\n' "$2"
		printf '\\timing on\n%s\n' "$2"
	} | psql -Xq -v ON_ERROR_STOP=1 | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | tail -n 1
}

# compare NAME SETTINGS_A STATEMENT_A SETTINGS_B STATEMENT_B [...]: rounds of
# all statements in turn; times in $BENCH_TMP/NAME.1, NAME.2, ...
compare()
{
	local name=$1 round i
	local -a args
	shift
	args=("$@")
	rm -f "$BENCH_TMP/$name".*
	for round in $(seq 0 "$BENCH_REPS"); do
		for ((i = 0; i < ${#args[@]}; i += 2)); do
			if [ "$round" = 0 ]; then	# warm-up
				time_sql "${args[i]}" "${args[i + 1]}" >/dev/null
			else
				time_sql "${args[i]}" "${args[i + 1]}" >>"$BENCH_TMP/$name.$((i / 2 + 1))"
			fi
		done
	done
}

times() { median <"$BENCH_TMP/$1.$2"; }
ratio() { median_ratio "$BENCH_TMP/$1.$2" "$BENCH_TMP/$1.$3"; }

# ---------------------------------------------------------------- data

# A number in (-3, 3), of mean 0 and variance 1, from a hash of the row number
# and a column number: the sum of three uniform numbers of 21 bits each.
normal()
{
	local h="hashint8extended(i, $1)"

	printf '(((%s & 2097151) + ((%s >> 21) & 2097151) + ((%s >> 42) & 2097151)) / 1048575.5::float8 - 3)' "$h" "$h" "$h"
}

# list FIRST LAST FORMAT [SEPARATOR]: the format with every number put in for %d
list()
{
	local i out="" separator=${4:-, }

	for i in $(seq "$1" "$2"); do
		out="$out${out:+$separator}${3//%d/$i}"
	done
	printf '%s' "$out"
}

columns() # FIRST LAST TYPE
{
	local i out=""

	for i in $(seq "$1" "$2"); do
		out="$out, $(normal "$i")::$3 AS x$i"
	done
	printf '%s' "$out"
}

# The model that d1 is drawn from: most of it linear, a little not.
logit_d1()
{
	local i out="0.2 + 0.5 * x1 * x2 + 0.3 * (x3 * x3 - 1)"

	for i in $(seq 1 28); do
		out="$out + $(awk -v i="$i" 'BEGIN { printf "%.2f", ((i * 7) % 11 - 5) / 12 }') * x$i"
	done
	printf '%s' "$out"
}

linear_d3()
{
	local i out="3"

	for i in $(seq 1 50); do
		out="$out + $(awk -v i="$i" 'BEGIN { printf "%.2f", ((i * 7) % 11 - 5) / 10 }') * x$i"
	done
	printf '%s' "$out"
}

make_table()
{
	note "making table $1 ($BENCH_ROWS rows)"
	sql <<SQL
BEGIN;
SET LOCAL synchronous_commit = off;
CREATE TABLE $1 ($2);
INSERT INTO $1
SELECT i, $3 FROM (SELECT i$4 FROM generate_series(1, $BENCH_ROWS) i OFFSET 0) r;
ALTER TABLE $1 ADD PRIMARY KEY (id);
COMMIT;
VACUUM (FREEZE, ANALYZE) $1;
SQL
}

have_table() { [ "$(sql -c "SELECT count(*) FROM pg_class WHERE oid = to_regclass('public.$1')")" = 1 ]; }

bench_setup()
{
	local seed_u="((hashint8extended(i, 99) >> 11) / 4503599627370496.0::float8 + 1) / 2"
	local t

	psql -XqAt -d postgres -c "SELECT 1 FROM pg_database WHERE datname = '$PGDATABASE'" | grep -q 1 ||
		psql -Xq -d postgres -c "CREATE DATABASE \"$PGDATABASE\""
	sql -c "CREATE EXTENSION IF NOT EXISTS mlops"
	have_table d1 ||
		make_table d1 "id bigint, $(list 1 28 'x%d float4'), label int" \
			"$(list 1 28 'x%d'), ($seed_u < 1 / (1 + exp(-($(logit_d1)))))::int" \
			"$(columns 1 28 float4)"
	have_table d3 ||
		make_table d3 "id bigint, $(list 1 50 'x%d float8'), y float8" \
			"$(list 1 50 'x%d'), $(linear_d3) + 1.1 * $(normal 98)" \
			"$(columns 1 50 float8)"
	# into memory, as far as it goes
	for t in d1 d3; do
		sql -c "SELECT count(*) FROM $t" >/dev/null
	done
}

drop_model()
{
	sql -c "SELECT mlops.drop_model(model) FROM mlops.models WHERE model = '$1'" >/dev/null
}

machine()
{
	printf '%s cores, %s, %s' "$(nproc)" \
		"$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" \
		"$(sql -c "SELECT 'PostgreSQL ' || current_setting('server_version') || ', shared_buffers ' || current_setting('shared_buffers')")"
}
