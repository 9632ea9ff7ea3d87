#!/bin/bash
# long_files.sh: a file that does too much.
#
#! No C file is longer than 800 lines.  Split it by purpose, so that a question
#! leads to a file name.

. "$(dirname "$0")/lib.sh"

for f in $(c_files); do
	n=$(wc -l <"$f")
	[ "$n" -le 800 ] || echo "$f: $n lines"
	grep -q "IDENTIFICATION" "$f" || [ "$(basename "$f")" = algo_list.h ] || echo "$f: no banner"
	if grep -q "IDENTIFICATION" "$f"; then
		grep -A1 "IDENTIFICATION" "$f" | grep -qF "$f" || echo "$f: the banner names another file"
	fi
done | verdict "long_files"
