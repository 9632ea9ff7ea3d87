#!/bin/bash
# words.sh: words that have no place in a commit.
#
#! No host name of a package registry (take the mirror from the machine's own
#! configuration), no reminder (finish it, or describe the limit as XXX with
#! its consequence), no path of the author's machine.

. "$(dirname "$0")/lib.sh"

# written with brackets so that this file does not find itself
{
	if [ -e .git ] && command -v git >/dev/null; then
		git -c safe.directory='*' ls-files -co --exclude-standard
	else
		find . -type f -not -path './.git/*' -not -path './.server/*' -not -name '*.o' -not -name '*.so' \
			-not -name '*.bc' | sed 's,^\./,,'
	fi
} | grep -vE '^(src/test/data/|LICENSE|results/|log/|tmp_check|output_iso)' | while read -r f; do [ -f "$f" ] && echo "$f"; done |
	xargs -r grep -nIE 'deb\.d[e]bian|p[y]pi\.org|p[y]thonhosted|s[e]curity\.debian|s[n]apshot\.debian|arch[i]ve\.ubuntu|registry\.n[p]mjs|\b(TO[D]O|FIX[M]E|X{2}X{2})\b|/wor[k]/|/tmp/w[t]/|/tmp/p[g]/|/home/[a-z]+/' |
	verdict "words"
