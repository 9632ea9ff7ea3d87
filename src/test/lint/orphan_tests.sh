#!/bin/bash
# orphan_tests.sh: a test without its expected output, or the other way round.
#
#! sql/X.sql needs expected/X.out, and src/test/isolation/specs/X.spec needs
#! src/test/isolation/expected/X.out.  Delete what is left over, or run the
#! test, look at its output with care and add it.

. "$(dirname "$0")/lib.sh"

pairs()		# folder, extension, folder of expected output
{
	local f n
	for f in "$1"/*."$2"; do
		[ -e "$f" ] || continue
		n=$(basename "$f" ".$2")
		case $n in mlops--*) continue ;; esac
		[ -e "$3/$n.out" ] || echo "$f: no $3/$n.out"
	done
	for f in "$3"/*.out; do
		[ -e "$f" ] || continue
		n=$(basename "$f" .out)
		n=${n%_[0-9]}
		[ -e "$1/$n.$2" ] || echo "$f: no $1/$n.$2"
	done
}

{
	pairs sql sql expected
	pairs src/test/isolation/specs spec src/test/isolation/expected
} | verdict "orphan_tests"
