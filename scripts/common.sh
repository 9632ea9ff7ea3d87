# common.sh: what quickstart.sh, check.sh and suite.sh share.  Sourced, never run.
#
# Nothing here touches a cluster that exists, or installs a file into the
# system's PostgreSQL: a server of our own is a copy of the installed one
# (about 50 MB) in a folder of ours.  PostgreSQL finds its files relative to
# its own binary, so the copy is complete and "make install" into it needs no
# root.

set -u
export LC_ALL=C.UTF-8
umask 022

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }
am_root() { [ "$(id -u)" = 0 ]; }

# ---------------------------------------------------------------- packages

# The PostgreSQL to use: $MLOPS_PG, else the newest supported one that is
# installed with its headers, else the distribution's own.
pick_pg_major()
{
	local v
	if [ -n "${MLOPS_PG:-}" ]; then
		say "$MLOPS_PG"
		return
	fi
	for v in 18 17 16 15; do
		if [ -x /usr/lib/postgresql/$v/bin/postgres ] &&
			[ -e /usr/lib/postgresql/$v/lib/pgxs/src/makefiles/pgxs.mk ]; then
			say $v
			return
		fi
	done
	apt_refresh
	v=$(apt-cache show postgresql 2>/dev/null |
		sed -n 's/^Depends:.*postgresql-\([0-9][0-9]*\).*/\1/p' | head -n 1)
	say "${v:-15}"
}

# Package lists are needed once, and only when something is missing.
apt_refresh()
{
	[ -n "${apt_refreshed:-}" ] && return
	apt_refreshed=yes
	am_root || return 0
	apt-get -qq update >&2 || die "apt-get update failed"
}

packages_missing()
{
	local p missing=""
	for p in "$@"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] ||
			missing="$missing $p"
	done
	say $missing
}

# Quiet, unless it fails.
apt_install()
{
	local log
	log=$(mktemp)
	DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends install "$@" >"$log" 2>&1 </dev/null || {
		tail -n 20 "$log" >&2
		rm -f "$log"
		return 1
	}
	rm -f "$log"
}

# need_packages PACKAGE...: install those that are missing, or say how to.
need_packages()
{
	local missing rc conf=/etc/postgresql-common/createcluster.conf saved=""
	command -v dpkg-query >/dev/null ||
		die "this script installs Debian packages; elsewhere see README.md, \"Build\""
	missing=$(packages_missing "$@")
	[ -z "$missing" ] && return 0
	if ! am_root; then
		die "packages are missing; run this, then start again:
    sudo apt-get install $missing"
	fi
	say "installing: $missing"
	apt_refresh
	# Debian's packages start a cluster "main" when they are first installed; nobody asked for one.
	case " $missing" in
		*" postgresql-"[1-9]*)
			if [ ! -e $conf ]; then
				apt_install postgresql-common || die "apt-get could not install postgresql-common"
			fi
			saved=$(mktemp)
			cp $conf "$saved"
			sed -i '/^ *create_main_cluster/d' $conf
			say 'create_main_cluster = false' >>$conf
			;;
	esac
	apt_install $missing
	rc=$?
	if [ -n "$saved" ]; then
		cat "$saved" >$conf
		rm -f "$saved"
	fi
	[ $rc = 0 ] || die "apt-get could not install $missing"
}

# Any flavour of OpenBLAS will do.
have_openblas() { ldconfig -p 2>/dev/null | grep -q 'libopenblas\.so\.0 '; }

# ---------------------------------------------------------------- users and folders

# PostgreSQL refuses to run as root: then everything of the server's is done by "postgres".
server_user() { if am_root; then say postgres; else id -un; fi; }

# Run a command as the server's user, with nothing of root's surroundings.
as_server()
{
	if am_root; then
		(cd / && HOME=/ exec runuser -u postgres -- "$@")
	else
		"$@"
	fi
}

# work_folder TOP NAME: print a folder for NAME that the server's user can write:
# TOP/.server/NAME, or one in /var/tmp where that user cannot reach TOP or the
# path is too long for a socket (107 bytes).
work_folder()
{
	local top=$1 name=$2 base
	base=$top/.server
	mkdir -p "$base" 2>/dev/null
	if [ ${#base} -gt 70 ] || ! as_server test -x "$base" || [ ! -w "$base" ]; then
		base=/var/tmp/mlops-$(id -u)-$(printf %s "$top" | cksum | cut -d' ' -f1)
		mkdir -p -m 755 "$base" || die "cannot make $base"
		[ -O "$base" ] && [ ! -L "$base" ] || die "$base belongs to somebody else"
	fi
	mkdir -p "$base/$name" && chown "$(server_user)" "$base/$name" || die "cannot make $base/$name"
	say "$base/$name"
}

# sync_source TOP DEST: bring DEST to the state of TOP's sources, keeping what
# was built there, so that the second build is quick.
sync_source()
{
	local top=$1 dest=$2 list
	list=$(mktemp)
	mkdir -p "$dest"
	(cd "$top" && if [ -e .git ] && command -v git >/dev/null; then
		git -c safe.directory='*' ls-files -co --exclude-standard
	else
		find . -type f -not -path './.git/*' -not -path './.server/*' \
			-not -name '*.o' -not -name '*.bc' -not -name '*.so' | sed 's,^\./,,'
	fi) | while read -r f; do [ -f "$top/$f" ] && say "$f"; done | sort >"$list"
	# what is no longer a source goes, or it would still be compiled and tested
	(cd "$dest" && find . -type f \( -name '*.[ch]' -o -name '*.sql' -o -name '*.out' -o -name '*.pl' \
		-o -name '*.spec' -o -name '*.sh' \) -not -path './results/*' -not -path './output_iso/*' \
		-not -path './tmp_check*/*' | sed 's,^\./,,' | grep -v '^sql/mlops--' | sort |
		comm -23 - "$list" | xargs -r rm -f)
	tar -C "$top" -cf - -T "$list" | tar -C "$dest" -xf - --no-same-owner
	rm -f "$list"
	chown -R "$(server_user)" "$dest"
}

# ---------------------------------------------------------------- a server of our own

# copy_server MAJOR DEST: a private copy of the installed PostgreSQL.
copy_server()
{
	local v=$1 dest=$2 stamp
	stamp=$(dpkg-query -W -f '${Version}' "postgresql-$v")
	[ "$(cat "$dest/.version" 2>/dev/null)" = "$stamp" ] && return 0
	rm -rf "$dest"
	mkdir -p "$dest/lib/postgresql" "$dest/share/postgresql" "$dest/include" &&
		cp -a "/usr/lib/postgresql/$v" "$dest/lib/postgresql/" &&
		cp -aL "/usr/share/postgresql/$v" "$dest/share/postgresql/" 2>/dev/null
	ln -sfn /usr/include/postgresql "$dest/include/postgresql"
	say "$stamp" >"$dest/.version"
	"$dest/lib/postgresql/$v/bin/pg_config" --version >/dev/null || die "the copy of PostgreSQL $v does not work"
}

# server_up BIN WORK [SETTING...]: init once, start if it is not running.  Unix
# socket only, in a folder that only the server's user (and root) can enter.
server_up()
{
	local bin=$1 work=$2 s
	shift 2
	if [ ! -s "$work/data/PG_VERSION" ] ||
		[ "$(cat "$work/data/PG_VERSION")" != "$("$bin/pg_config" --version | sed 's/PostgreSQL \([0-9]*\).*/\1/')" ]; then
		rm -rf "$work/data"
		"$bin/initdb" -D "$work/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync \
			>"$work/initdb.log" 2>&1 || { cat "$work/initdb.log"; die "initdb failed"; }
	fi
	mkdir -p -m 700 "$work/run"
	{
		say "listen_addresses = ''"
		say "unix_socket_directories = '$work/run'"
		say "port = 5432"
		for s in "$@"; do say "$s"; done
	} >"$work/data/mlops.conf"
	grep -q "include = 'mlops.conf'" "$work/data/postgresql.conf" ||
		say "include = 'mlops.conf'" >>"$work/data/postgresql.conf"
	if ! "$bin/pg_ctl" -D "$work/data" status >/dev/null 2>&1; then
		"$bin/pg_ctl" -D "$work/data" -l "$work/server.log" -w start >/dev/null ||
			{ tail -n 20 "$work/server.log"; die "the server did not start"; }
	fi
}

server_down()
{
	"$1/pg_ctl" -D "$2/data" -m fast -w stop >/dev/null 2>&1
}
