#!/bin/bash
# suite.sh: build and test against one PostgreSQL, as an ordinary user.
#
#	suite.sh MAJOR SOURCE WORK [STAGE...]
#
# check.sh runs it, on the machine and inside the other versions' roots.  SOURCE
# is a copy that this user owns.  Stages: build unit regress isolation docs fuzz
# tap (all).  Appends "passed failed skipped" per stage to WORK/counts.

. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/stage.sh"

major=$1 src=$2 work=$3
shift 3
stages=${*:-build unit regress isolation docs fuzz tap}
cd "$src" || exit 1
LOGS=$work/log COUNTS=$work/counts LABEL="PostgreSQL $major"
mkdir -p "$LOGS"
: >"$COUNTS"

copy_server "$major" "$work/pg"
bin=$work/pg/lib/postgresql/$major/bin
export PATH=$bin:$PATH PG_CONFIG=$bin/pg_config
export PGHOST=$work/run PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
unset PGOPTIONS PGSERVICE PGPASSFILE

build()
{
	make -j"$(nproc)" COPT="-Werror -DUSE_ASSERT_CHECKING" && make install && bash src/test/lint/symbols.sh
}
regress() { rm -f regression.diffs; make installcheck ISOLATION= TAP_TESTS=; }
isolation() { rm -f output_iso/regression.diffs; make installcheck REGRESS= TAP_TESTS=; }
docs() { bash src/test/docs/run.sh; }
fuzz()
{
	dropdb --if-exists --force fuzz && createdb fuzz &&
		psql -Xqc "CREATE EXTENSION mlops" fuzz && PGDATABASE=fuzz make fuzz &&
		! grep -qE 'terminated by signal|PANIC' "$work/server.log"
}
# most of a test of servers is waiting, so they run side by side; those with times in them run alone
tap()
{
	local alone="src/test/tap/005_cancel.pl src/test/tap/009_trees.pl" test others="" rc=0

	for test in src/test/tap/*.pl; do
		case " $alone " in *" $test "*) ;; *) others="$others $test" ;; esac
	done
	make installcheck REGRESS= ISOLATION= PROVE_TESTS="$alone" PROVE_FLAGS=--verbose || rc=1
	make installcheck REGRESS= ISOLATION= PROVE_TESTS="$others" \
		PROVE_FLAGS="--verbose --timer --jobs=4 --formatter=TAP::Formatter::File" || rc=1
	return $rc
}

wanted() { case " $stages " in *" $1 "*) return 0 ;; esac; return 1; }
trap 'server_down "$bin" "$work"' EXIT

if wanted build; then
	stage build build || { stage_sum "$COUNTS"; exit 1; }
fi
wanted unit && [ -e src/test/unit/Makefile ] && stage unit make unit
if wanted regress || wanted isolation || wanted docs || wanted fuzz; then
	server_down "$bin" "$work"
	rm -f "$work/server.log"
	server_up "$bin" "$work" "fsync = off" "shared_buffers = 256MB" "max_wal_size = 2GB" "max_prepared_transactions = 10"
	DIFFS=$src/regression.diffs
	wanted regress && stage regress regress
	DIFFS=$src/output_iso/regression.diffs
	wanted isolation && ls src/test/isolation/specs/*.spec >/dev/null 2>&1 && stage isolation isolation
	DIFFS=
	wanted docs && stage docs docs
	wanted fuzz && [ -e src/test/fuzz/Makefile ] && stage fuzz fuzz
fi
wanted tap && ls src/test/tap/*.pl >/dev/null 2>&1 && stage tap tap
set -- $(stage_sum "$COUNTS")
[ "$2" = 0 ]
