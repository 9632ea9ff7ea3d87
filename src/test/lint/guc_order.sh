#!/bin/bash
# guc_order.sh: settings are defined in alphabetical order, in one file.
#
#! All DefineCustom*Variable calls stand in src/base/guc.c, sorted by name, so
#! that a setting is found and never defined twice.

. "$(dirname "$0")/lib.sh"

{
	grep -ln 'DefineCustom[A-Za-z]*Variable' $(c_files) | grep -v '^src/base/guc.c$'
	names=$(grep -oE '^[[:space:]]*(DefineCustom[A-Za-z]+Variable\()?"mlops\.[a-z_]+"' src/base/guc.c |
		grep -oE 'mlops\.[a-z_]+')
	[ "$names" = "$(printf '%s\n' "$names" | sort -u)" ] || echo "order in src/base/guc.c:" $names
	grep -q 'MarkGUCPrefixReserved("mlops")' src/base/guc.c || echo "src/base/guc.c: the prefix is not reserved"
} | verdict "guc_order"
