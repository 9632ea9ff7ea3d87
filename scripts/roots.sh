# roots.sh: other versions of PostgreSQL, each in a folder that holds the Debian
# release that packages it.  No container and no daemon: debootstrap and chroot.
# Sourced by check.sh.

cache=${MLOPS_CACHE:-/var/cache/mlops}

# apt_mirror [SUFFIX]: where this machine gets its own packages from; with
# "-security", its security updates.
apt_mirror()
{
	local own
	own=$(. /etc/os-release 2>/dev/null && say "${VERSION_CODENAME:-}")
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
		awk -v own="$own${1:-}" '$2 == own && $3 == "main" { print $1; exit }'
}

# root_update ROOT SUITE: security updates, so that the minor version is of the same
# day as this machine's (pg_upgrade minds).  Without them the older one is tested.
root_update()
{
	local root=$1 suite=$2 mirror
	mirror=$(apt_mirror -security)
	[ "$suite" != sid ] && [ -n "$mirror" ] || return 0
	say "deb $mirror $suite-security main" >>"$root/etc/apt/sources.list"
	cp /etc/apt/apt.conf.d/*proxy* "$root/etc/apt/apt.conf.d/" 2>/dev/null
	cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null
	unshare -m bash -c 'mount -t proc proc "$1/proc"
		chroot "$1" sh -c "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get -y upgrade"' - "$root"
}

# root_of_version MAJOR: print the folder, made if need be; or fail and print why not.
root_of_version()
{
	local v=$1 suite root mirror recipe packages
	case $v in
		15) suite=bookworm ;;
		17) suite=trixie ;;
		18) suite=sid ;;
		*) say "no Debian release has it"; return 1 ;;
	esac
	packages=postgresql-$v,postgresql-server-dev-$v,make,gcc,libc6-dev,liblz4-dev,libopenblas0-pthread,libipc-run-perl
	recipe="2 $suite $packages"
	root=$cache/root-$v
	am_root || { say "its folder is made with debootstrap, which needs root"; return 1; }
	if [ "$(cat "$root/.recipe" 2>/dev/null)" != "$recipe" ]; then
		[ -n "$(packages_missing debootstrap)" ] && need_packages debootstrap >&2
		mirror=$(apt_mirror)
		[ -n "$mirror" ] || { say "apt's configuration names no Debian mirror"; return 1; }
		say "making $root with debootstrap ($suite, 1 to 3 minutes, once)" >&2
		mkdir -p "$cache" || { say "cannot make $cache"; return 1; }
		rm -rf "$root" "$root.tmp"
		if ! debootstrap --variant=minbase --include="$packages" "$suite" "$root.tmp" "$mirror" \
			>"$cache/root-$v.log" 2>&1 </dev/null; then
			rm -rf "$root.tmp"
			say "debootstrap failed: $(tail -n 1 "$cache/root-$v.log") ($cache/root-$v.log)"
			return 1
		fi
		root_update "$root.tmp" "$suite" >>"$cache/root-$v.log" 2>&1 </dev/null ||
			say "note: no security updates for PostgreSQL $v (see $cache/root-$v.log)" >&2
		chroot "$root.tmp" apt-get clean
		rm -rf "$root.tmp"/var/lib/apt/lists/* "$root.tmp"/var/lib/postgresql/"$v"/main
		chmod 1777 "$root.tmp/dev/shm"	# else initdb falls back to System V shared memory
		say "$recipe" >"$root.tmp/.recipe"
		mv "$root.tmp" "$root"
	fi
	say "$root"
}

root_work=/var/tmp/mlops

# old_into_root ROOT PG MAJOR: bring this machine's server, with mlops in it, into the
# folder, so that pg_upgrade can be tried.  Libraries that the newer release does
# not have under the same name go beside it.
old_into_root()
{
	local root=$1 pg=$2 v=$3 dest=$1$root_work/old lib
	rm -rf "$dest"
	mkdir -p "$dest"
	cp -a "$pg/lib" "$pg/share" "$dest/" || return 1
	rm -rf "$dest/lib/postgresql/$v/lib/bitcode" "$dest/lib/postgresql/$v/lib/pgxs"
	for lib in "$pg/lib/postgresql/$v"/bin/{postgres,pg_dump,pg_ctl,psql,initdb} "$pg/lib/postgresql/$v/lib/mlops.so"; do
		ldd "$lib" 2>/dev/null
	done | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u | while read -r lib; do
		ls "$root"/lib/*/"$(basename "$lib")" "$root"/usr/lib/*/"$(basename "$lib")" >/dev/null 2>&1 ||
			cp -L "$lib" "$dest/lib/postgresql/$v/lib/"
	done
}

# suite_in_root ROOT MAJOR TOP [OLD_PG OLD_MAJOR]: the suite as user postgres inside the folder.  /proc
# and the like are mounted where the machine allows it, in a name space of their own.
suite_in_root()
{
	local root=$1 v=$2 top=$3 old=${4:-} old_v=${5:-}
	(
		flock 8
		# one checkout at a time owns the folder: times of two would confuse make
		[ "$(cat "$root$root_work/owner" 2>/dev/null)" = "$top" ] || rm -rf "$root$root_work"
		mkdir -p "$root$root_work"
		say "$top" >"$root$root_work/owner"
		sync_source "$top" "$root$root_work/src"
		if [ -n "$old" ] && [ "$old_v" -lt "$v" ]; then
			old_into_root "$root" "$old" "$old_v" || say "note: the older server could not be brought over for pg_upgrade"
		fi
		chroot "$root" chown -R postgres "$root_work"
		# a name space of its own where that is allowed, so that nothing stays mounted
		own="unshare -m -p -f"
		$own true 2>/dev/null || own=""
		MLOPS_MAY_MOUNT=$own $own bash -c '
			root=$1 v=$2 w=$3 old=$4
			if [ -n "$MLOPS_MAY_MOUNT" ]; then
				mount -t proc proc "$root/proc" 2>/dev/null
				mount -t tmpfs -o mode=1777,size=1g tmpfs "$root/dev/shm" 2>/dev/null
			fi
			chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LC_ALL=C.UTF-8 MLOPS_OLD_INSTALL="$old" \
				MLOPS_SCHEDULES=3 MLOPS_KILL_SECONDS=8 MLOPS_DROP_SECONDS=3 \
				runuser -u postgres -- bash "$w/src/scripts/suite.sh" "$v" "$w/src" "$w" build regress isolation docs tap' \
			suite "$root" "$v" "$root_work" "$root_work/old/lib/postgresql/$old_v"
	) 8>"$cache/root-$v.lock"
}
