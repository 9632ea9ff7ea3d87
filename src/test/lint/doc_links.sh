#!/bin/bash
# doc_links.sh: a link in README.md or docs/ leads to a file, and to a heading, that exists.
#
#! Name the file as seen from the page with the link, and the heading as GitHub
#! does: in lower case, without punctuation, with a "-" for each blank.

. "$(dirname "$0")/lib.sh"

anchors() { awk '/^```/{ code = !code } !code && /^#+ /' "$1" | sed 's/^#* //; s/.*/\L&/; s/[^a-z0-9 _-]//g; s/ /-/g'; }

{
	for page in README.md docs/*.md bench/README.md; do
		awk '/^```/{ code = !code } !code' "$page" | grep -o '](\([a-z_A-Z0-9./-]*\(#[^)]*\)\?\))' | sed 's/^](//; s/)$//' | sort -u |
			while IFS= read -r link; do
				file=$(dirname "$page")/${link%%#*}
				[ "${link%%#*}" ] || file=$page
				if [ ! -e "$file" ]; then
					echo "$page: $link: no such file"
				elif [ "$link" != "${link#*#}" ] && ! anchors "$file" | grep -qxF -- "${link#*#}"; then
					echo "$page: $link: no such heading"
				fi
			done
	done
} | verdict "doc_links"
