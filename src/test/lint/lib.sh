# lib.sh: sourced by every check of this folder.  A check prints one line
# "ok - NAME" or "not ok - NAME" and, below the latter, what it found; all.sh
# numbers them.

set -u
export LC_ALL=C
self=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
cd "$(dirname "${BASH_SOURCE[0]}")/../../.." || exit 1

# C files of ours, without tests
c_files() { find src include -name '*.[ch]' -not -path 'src/test/*' | sort; }

# verdict NAME < findings: no findings, no failure
verdict()
{
	local found
	found=$(cat)
	if [ -z "$found" ]; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		printf '%s\n' "$found" | sed 's/^/# /'
		sed -n '2,$s/^#! \{0,1\}/#   /p' "$self"
		exit 1
	fi
}
