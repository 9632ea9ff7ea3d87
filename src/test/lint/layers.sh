#!/bin/bash
# layers.sh: who may include whom.
#
#! A folder may include only the headers that the table in layers.sh lists for
#! it, so that calls go down: api, worker > monitor > drift, lifecycle > catalog >
#! gov > store > model > profile > algo > tree > data > base > numeric.  Move the code to the layer that may know both
#! sides, or hand the thing needed down as an argument or a callback.  Widening
#! the table is a change of design: say why in docs/internals.md.

. "$(dirname "$0")/lib.sh"

# folder | our headers it may include | regular expression of other headers it must not include
table="
numeric|numeric|.*/.*
base|mlops compat base error params bytes jsonb_out progress_params numeric|executor/spi|lz4(?!\.h)
data|mlops compat base error params bytes jsonb_out numeric dataset fingerprint label chunk|lz4|cblas
tree|mlops compat base error params bytes jsonb_out numeric dataset tree|executor/|catalog/|fmgr|lz4|commands/
algo|mlops compat base error params bytes jsonb_out numeric dataset tree algo metrics|executor/|access/(?!tupdesc)|catalog/|fmgr|lz4|commands/
profile|mlops compat base error bytes jsonb_out numeric dataset profile reference|executor/|access/|catalog/|fmgr|lz4|commands/
model|mlops compat base error params bytes jsonb_out numeric dataset tree algo model metrics profile reference|executor/spi|lz4hc|commands/
store|mlops compat base error jsonb_out store|lz4|cblas
gov|mlops compat base error params bytes jsonb_out store gov audit retention|lz4|cblas
catalog|mlops compat base error params bytes jsonb_out numeric dataset model store gov audit retention catalog label fingerprint chunk snapshot|lz4|cblas
lifecycle|mlops compat base error params bytes jsonb_out dataset model store gov audit retention erasure catalog lifecycle card label snapshot|lz4|cblas
drift|mlops compat base error params bytes jsonb_out numeric dataset model store gov catalog profile reference metrics expect data_drift log window performance alert|lz4|cblas
monitor|mlops compat base error params bytes jsonb_out numeric dataset model store gov catalog lifecycle profile reference metrics log window performance alert monitor retrain snapshot|lz4|cblas
worker|mlops compat base error params bytes jsonb_out store gov audit retention erasure catalog lifecycle worker snapshot job log alert monitor retrain partition|lz4|cblas
api|mlops compat base error params bytes jsonb_out numeric dataset tree algo model store gov audit retention erasure catalog lifecycle card profile reference window performance alert monitor retrain partition worker expect data_drift metrics progress_params fingerprint label snapshot job log|lz4|cblas
"

check()
{
	local f folder line allowed forbidden inc name
	for f in $(c_files); do
		case $f in
			src/*/*) folder=${f#src/} folder=${folder%%/*} ;;
			include/mlops/numeric.h) folder=numeric ;;
			*) continue ;;
		esac
		line=$(printf '%s\n' "$table" | grep "^$folder|")
		if [ -z "$line" ]; then
			echo "$f: folder $folder is not in the table"
			continue
		fi
		allowed=" $(printf '%s' "$line" | cut -d'|' -f2) "
		forbidden=$(printf '%s' "$line" | cut -d'|' -f3-)
		grep -nE '^[[:space:]]*#[[:space:]]*include' "$f" |
			sed -E 's/^([0-9]+):[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]([^>"]+)[>"].*/\1 \2/' |
			while read -r no inc; do
				case $inc in
					mlops/*)
						name=${inc#mlops/} name=${name%.h}
						case $allowed in
							*" $name "*) ;;
							*) echo "$f:$no: $folder must not include $inc" ;;
						esac
						continue ;;
					../* | src/*)
						echo "$f:$no: $inc belongs to another folder; only include/mlops crosses one"
						continue ;;
				esac
				if [ "$folder" = numeric ]; then
					# standard C, the loader (blas.c), and headers of the folder itself
					case $inc in
						assert.h | float.h | limits.h | math.h | stdbool.h | stddef.h | stdint.h | stdlib.h | string.h | inttypes.h | stdarg.h | stdio.h) ;;
						dlfcn.h) [ "$f" = src/numeric/blas.c ] || echo "$f:$no: only blas.c opens libraries" ;;
						immintrin.h | x86intrin.h | cpuid.h) ;;
						*) [ -e "src/numeric/$inc" ] || echo "$f:$no: numeric is standard C only, not $inc" ;;
					esac
				elif printf '%s\n' "$inc" | grep -qP "^($forbidden)"; then
					echo "$f:$no: $folder must not include $inc"
				fi
				case $inc in
					# frames of models, and blocks for what is small
					lz4frame.h) [ "$f" = src/model/codec.c ] || echo "$f:$no: only model/codec.c knows LZ4 frames" ;;
					lz4*) [ "$f" = src/base/lz4.c ] || echo "$f:$no: only base/lz4.c knows LZ4 blocks" ;;
					cblas*) echo "$f:$no: OpenBLAS is opened at run time, in numeric/blas.c" ;;
				esac
			done
	done
	grep -nE 'PG_VERSION_NUM|PG_MAJORVERSION' $(c_files) | grep -v '^include/mlops/compat.h:' |
		sed 's/$/   (only compat.h tests the version)/'
	grep -n 'pg_attribute_noreturn' $(c_files) | grep -v '^include/mlops/compat.h:' |
		sed 's/$/   (gone in 18: pg_noreturn in front of the declaration)/'
}

check | verdict "layers"
