#!/bin/bash
# idle_launcher.sh: what the launcher costs when there is nothing to do, and whether it grows.
#
#	bench/idle_launcher.sh [SECONDS [WAKES [DATABASES]]]	default: 60 5000 10
#
# A private server with mlops preloaded and DATABASES databases with the extension.  Prints the
# launcher's share of a core over SECONDS of idleness (default poll), and its private memory before
# and after WAKES times a job was planned and removed, each of which wakes it and starts a worker.

seconds=${1:-60} wakes=${2:-5000} databases=${3:-10}
dir=$(mktemp -d)
bin=$(${PG_CONFIG:-pg_config} --bindir)
user=
[ "$(id -u)" = 0 ] && { user="runuser -u postgres --"; chown postgres "$dir"; }
trap '$user "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1; rm -rf "$dir"' EXIT

$user "$bin/initdb" -D "$dir/data" -U postgres -A trust -N >/dev/null || exit 1
cat >>"$dir/data/postgresql.conf" <<CONF
shared_preload_libraries = 'mlops'
unix_socket_directories = '$dir'
listen_addresses = ''
fsync = off
CONF
$user "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w start >/dev/null || { cat "$dir/log"; exit 1; }
export PGHOST=$dir PGUSER=postgres PGPORT=5432 PGDATABASE=postgres
for i in $(seq "$databases"); do
	"$bin/psql" -Xqc "CREATE DATABASE d$i" && "$bin/psql" -Xqd "d$i" -c "CREATE EXTENSION mlops"
done
pid=$("$bin/psql" -XAtc "SELECT pid FROM pg_stat_activity WHERE backend_type = 'mlops launcher'")
ticks() { awk '{ print $14 + $15 }' "/proc/$pid/stat"; }
private() { awk '/^RssAnon/ { print $2 }' "/proc/$pid/status"; }

sleep 80	# the databases have been looked at, and tended once
from=$(ticks)
sleep "$seconds"
awk -v t=$(($(ticks) - from)) -v hz="$(getconf CLK_TCK)" -v s="$seconds" -v d="$databases" \
	'BEGIN { printf "launcher, %d databases, idle: %.4f %% of a core\n", d, 100 * t / hz / s }'

for part in 1 2 3 4 5; do
	printf 'launcher after %d wakes: %d kB private\n' $(((part - 1) * wakes / 5)) "$(private)"
	for i in $(seq $((wakes / 5))); do
		echo "SELECT count(*) FROM mlops.schedule('j', 'audit', '1 hour', start => now() + interval '1 hour');"
		echo "SELECT count(*) FROM mlops.unschedule('j');"
	done | "$bin/psql" -Xqd d1 >/dev/null
done
printf 'launcher after %d wakes: %d kB private\n' "$wakes" "$(private)"
grep -cE 'ERROR|FATAL|PANIC' "$dir/log" | sed 's/^/errors in the log: /'
