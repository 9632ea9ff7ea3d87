#!/bin/bash
# check.sh: every test of mlops, from a fresh Debian 12 with bash, git and apt.
#
#	bash scripts/check.sh [MAJOR...]		default: this machine's PostgreSQL, and 17 and 18
#
# This machine's version is tested in a private server under .server/.  The
# other versions are installed into folders of their own by debootstrap, which
# needs root; they are kept in $MLOPS_CACHE (/var/cache/mlops) for the next time.
# Where they cannot be had a line says so, and the rest counts.

. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/stage.sh"
. "$(dirname "$0")/roots.sh"

top=$(cd "$(dirname "$0")/.." && pwd)
began=$SECONDS
native=$(pick_pg_major)
versions=${*:-$native 17 18}

need_packages "postgresql-$native" "postgresql-server-dev-$native" gcc make libc6-dev liblz4-dev \
	libopenblas0-pthread libipc-run-perl perl
# the flavour with threads on purpose: with it a wrong order of loading shows
[ -e /usr/lib/"$(gcc -print-multiarch)"/openblas-pthread/libopenblas.so.0 ] ||
	say "note: OpenBLAS with threads is not installed; its tests mean less"

work=$(work_folder "$top" check) || exit 1
exec 9>"$work/lock"
flock -n 9 || die "another check of this checkout is running"
mkdir -p "$work/log"
LOGS=$work/log COUNTS=$work/counts LABEL=sources
: >"$COUNTS"
all_counts=$COUNTS

say "checking $top in $work"
stage lint bash "$top/src/test/lint/all.sh"

done_versions=" "
old=""		# this machine's server with mlops in it, for pg_upgrade
for v in $versions; do
	case $done_versions in *" $v "*) continue ;; esac
	done_versions="$done_versions$v "
	if [ "$v" = "$native" ]; then
		mkdir -p "$work/$v"
		sync_source "$top" "$work/$v/src"
		chown "$(server_user)" "$work/$v"
		as_server bash "$work/$v/src/scripts/suite.sh" "$v" "$work/$v/src" "$work/$v" 9>&-
		rc=$?
		suite_counts=$work/$v/counts
		[ -e "$work/$v/pg/lib/postgresql/$v/lib/mlops.so" ] && old="$work/$v/pg $v"
	elif root=$(root_of_version "$v"); then
		suite_in_root "$root" "$v" "$top" $old 9>&-
		rc=$?
		suite_counts=$work/$v.counts
		cp "$root$root_work/counts" "$suite_counts" 2>/dev/null
	else
		say "PostgreSQL $v     skipped: $root"
		continue
	fi
	[ -s "$suite_counts" ] || { say "PostgreSQL $v: no stage ran"; echo "0 1 0" >"$suite_counts"; }
	set -- $(stage_sum "$suite_counts")
	[ $rc != 0 ] && [ "$2" = 0 ] && echo "0 1 0" >>"$suite_counts"
	all_counts="$all_counts $suite_counts"
done

set -- $(stage_sum $all_counts)
say "seconds: $((SECONDS - began)); skipped: $3"
say "$1 passed, $2 failed"
[ "$2" = 0 ]
