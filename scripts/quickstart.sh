#!/bin/bash
# quickstart.sh: see mlops work, from a fresh Debian 12 with bash, git and apt.
#
#	bash scripts/quickstart.sh
#	bash scripts/quickstart.sh stop | start | remove
#
# Installs what is missing, builds, starts a PostgreSQL of its own under
# .server/ (Unix socket only; clusters that exist are not touched), loads 4,454
# real credit applications and runs scripts/quickstart.sql on them.  Run it again
# whenever you like: it starts over from a fresh demo database.

. "$(dirname "$0")/common.sh"

top=$(cd "$(dirname "$0")/.." && pwd)
major=$(pick_pg_major)
action=${1:-run}

# first of all: with the packages comes the user that the server runs as
case $action in run | start)
	need_packages "postgresql-$major" "postgresql-server-dev-$major" gcc make libc6-dev liblz4-dev
	have_openblas || need_packages libopenblas0-pthread
esac

work=$(work_folder "$top" quickstart) || exit 1
bin=$work/pg/lib/postgresql/$major/bin

case $action in
	stop)
		as_server bash -c '. "$1/common.sh"; server_down "$2" "$3"' - "$work/src/scripts" "$bin" "$work" &&
			say "stopped" || say "it was not running"
		exit ;;
	remove)
		[ -d "$work/data" ] &&
			as_server bash -c '. "$1/common.sh"; server_down "$2" "$3"' - "$work/src/scripts" "$bin" "$work"
		rm -rf "$work" && say "removed $work"
		exit ;;
	run | start) ;;
	*) die "usage: $0 [start|stop|remove]" ;;
esac

exec 9>"$work/lock"
flock -n 9 || die "another quickstart of this checkout is running"

say "building mlops for PostgreSQL $major (in $work)"
sync_source "$top" "$work/src" || die "cannot copy the sources to $work/src"
as_server bash -c '
	. "$1/src/scripts/common.sh"
	copy_server "$2" "$1/pg"
	export PATH=$3:$PATH PG_CONFIG=$3/pg_config
	cd "$1/src" || exit 1
	{ make -j"$(nproc)" with_llvm=no && make install with_llvm=no; } >"$1/build.log" 2>&1 ||
		{ tail -n 30 "$1/build.log"; exit 1; }
	# a server that runs keeps the library it has loaded; new connections must meet the new one
	server_up "$3" "$1" "shared_buffers = 256MB"
' - "$work" "$major" "$bin" 9>&- || die "the build or the start of the server failed (see above)"

if [ "$action" = run ]; then
	say "the server listens on a socket in $work/run"
	say ""
	as_server env PGHOST="$work/run" PGPORT=5432 PGUSER=postgres PG_ABS_SRCDIR="$work/src" PATH="$bin:$PATH" PAGER= \
		bash -c '
		psql -qX -v ON_ERROR_STOP=1 -d postgres -c "DROP DATABASE IF EXISTS mlops_demo WITH (FORCE)" \
			-c "CREATE DATABASE mlops_demo" 2>&1 | grep -v "does not exist, skipping"
		psql -qX -v ON_ERROR_STOP=1 -d mlops_demo -f "$PG_ABS_SRCDIR/src/test/data/load.sql" &&
			psql -X -v ON_ERROR_STOP=1 -d mlops_demo <"$PG_ABS_SRCDIR/scripts/quickstart.sql" 2>&1' ||
		die "the demo stopped at an error (see above)"
fi

psql=psql
command -v psql >/dev/null || psql=$bin/psql
say "--------------------------------------------------------------------------------------------------"
say "connect   $psql -h $work/run -U postgres mlops_demo"
say "stop      bash scripts/quickstart.sh stop         (start: the same with start)"
say "remove    bash scripts/quickstart.sh remove"
