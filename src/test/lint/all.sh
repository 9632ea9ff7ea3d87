#!/bin/bash
# all.sh: every check of this folder ("make lint").  What a failure means and
# how to mend it is said by the check itself, below its findings.

cd "$(dirname "$0")" || exit 1
n=0 failed=0
for check in *.sh; do
	case $check in all.sh | lib.sh) continue ;; esac
	n=$((n + 1))
	out=$(bash "$check" 2>&1) || failed=$((failed + 1))
	case $out in
		"ok - "* | "not ok - "*) ;;
		*) out="not ok - $check printed no verdict
$out" ;;
	esac
	printf '%s\n' "$out" | sed "s/^ok - /ok $n - lint: /; s/^not ok - /not ok $n - lint: /"
done
echo "1..$n"
[ $failed = 0 ]
