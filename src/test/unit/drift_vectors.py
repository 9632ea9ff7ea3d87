#!/usr/bin/env python3
"""Makes drift_vectors.h from src/test/data/drift_vectors.json.

    src/test/unit/drift_vectors.py > src/test/unit/drift_vectors.h

A number that the vector does not give is NOT_GIVEN, one that must not be there NAN.
"""
import json
import os

here = os.path.dirname(os.path.abspath(__file__))
vectors = json.load(open(os.path.join(here, "../data/drift_vectors.json")))["vectors"]

SPECIAL = {"NaN": "NAN", "Infinity": "INFINITY", "-Infinity": "-INFINITY"}
VALUES = ["psi", "psi_no_missing", "ks_d", "ks_p_exact", "ks_p_kolmogorov", "ks_p_stephens",
          "js_distance_base2", "hellinger", "tvd", "l_infinity", "ks_binned_low", "ks_binned_high",
          "wasserstein", "ref_std_pop", "wasserstein_norm", "chi2", "chi2_p"]

print("""/*-------------------------------------------------------------------------
 *
 * drift_vectors.h
 *	  Drift metrics and what they are: made by drift_vectors.py, do not edit.
 *
 * The numbers are numpy's and scipy's (1.24.2, 1.10.1), computed from the
 * definitions without any of our code.
 *
 * IDENTIFICATION
 *	  src/test/unit/drift_vectors.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef DRIFT_VECTORS_H
#define DRIFT_VECTORS_H

#include "mlops/numeric.h"

#define NOT_GIVEN	(-1.0)

/* Rows without NULLs, which are counted apart. */
typedef struct DriftSample
{
	int			n;
	int			nulls;
	const double *numbers;
	const char *const *categories;
} DriftSample;

typedef struct DriftVector
{
	const char *name;
	DriftSample ref;
	DriftSample cur;
	int			ncuts;
	const MlCut *cuts;
	int			nbins;			/* missing last, but none where there are only counts */
	const int64_t *ref_counts;
	const int64_t *cur_counts;
	const double *parts;		/* of psi; may be NULL */
	bool		no_data;
	bool		low_n;
	int			chi2_df;""")
for v in VALUES:
    print(f"	double		{v};")
print("} DriftVector;\n")


def number(x):
    return "NAN" if x is None else SPECIAL.get(x) or repr(float(x))


def array(kind, name, items):
    print(f"static {kind} {name}[] = {{")
    line = "	"
    for k, item in enumerate(items):
        item += "," if k < len(items) - 1 else ""
        if len(line) + len(item) > 100:
            print(line.rstrip())
            line = "	"
        line += item + " "
    print(line.rstrip() + "\n};")


def sample(name, rows):
    kept = [r for r in rows if r is not None]
    text = any(isinstance(r, str) and r not in SPECIAL for r in kept)
    if not kept:
        return f"{{0, {len(rows)}, NULL, NULL}}"
    if text:
        array("const char *const", name, [json.dumps(r) for r in kept])
        return f"{{{len(kept)}, {len(rows) - len(kept)}, NULL, {name}}}"
    array("const double", name, [number(r) for r in kept])
    return f"{{{len(kept)}, {len(rows) - len(kept)}, {name}, NULL}}"


def whole(vs, table):
    rows = []
    for v in vs:
        e = v["expected"]
        n = v["name"]
        none = "{0, 0, NULL, NULL}"
        ref = sample(n + "_ref", v["reference"]) if "reference" in v else none
        cur = sample(n + "_cur", v["current"]) if "current" in v else none
        missing = "ref_missing" in e
        rc = (e["ref_counts"] + ([e["ref_missing"]] if missing else [])) if "ref_counts" in e else v["ref_counts"]
        cc = (e["cur_counts"] + ([e["cur_missing"]] if missing else [])) if "cur_counts" in e else v["cur_counts"]
        array("const int64_t", n + "_r", [str(x) for x in rc])
        array("const int64_t", n + "_c", [str(x) for x in cc])
        cuts = "NULL"
        if e.get("cuts"):
            cuts = n + "_cuts"
            array("const MlCut", cuts,
                  ["{%r, %s}" % (float(x), "true" if side == "before" else "false") for x, side in e["cuts"]])
        parts = "NULL"
        if e.get("psi_parts"):
            parts = n + "_parts"
            array("const double", parts, [number(x) for x in e["psi_parts"]])
        rows.append('	{"%s",\n		%s, %s,\n		%d, %s, %d, %s, %s, %s,\n		%s, %s, %d,\n		%s}' % (
            n, ref, cur, len(e.get("cuts") or []), cuts, len(rc), n + "_r", n + "_c", parts,
            "true" if e.get("status") == "no_data" else "false", "true" if e.get("low_n") else "false",
            e.get("chi2_df", -1),
            ",\n		".join(number(e[k]) if k in e else "NOT_GIVEN" for k in VALUES)))
    print(f"static const DriftVector {table}[] = {{")
    print(",\n".join(rows) + "\n};\n")


def of(kind):
    return [v for v in vectors if v["kind"] == kind]


whole(of("numeric"), "drift_numbers")
whole(of("categorical"), "drift_categories")
whole(of("counts"), "drift_counts")

m = of("merge")[0]
array("const int64_t", "merge_ref", [str(x) for x in m["ref_counts"]])
array("const int64_t", "merge_1", [str(x) for x in m["cur_counts_1"]])
array("const int64_t", "merge_2", [str(x) for x in m["cur_counts_2"]])
e = m["expected"]
array("const double", "merge_psi", [number(e[k]) for k in ("psi_1", "psi_2", "psi_merged")])
a = of("p_adjust")[0]
array("const double", "adjust_p", [number(x) for x in a["p"]])
array("const double", "adjust_bonferroni", [number(x) for x in a["expected"]["bonferroni"]])
array("const double", "adjust_bh", [number(x) for x in a["expected"]["bh"]])
print("\n/* bins, rows of both; 95 % and 99 % quantile of PSI */")
array("const double", "psi_noise",
      [number(x) for c in of("psi_noise")[0]["cases"]
       for x in (c["bins"], c["n_ref"], c["n_cur"], c["expected"]["q95"], c["expected"]["q99"])])
c = of("cbpe")[0]
e = c["expected"]
array("const double", "cbpe_p", [number(x) for x in c["p"]])
array("const int", "cbpe_label", [str(x) for x in c["y_hat"]])
array("const double", "cbpe_expected",
      [number(e[k]) for k in ("tp", "fp", "fn", "tn", "accuracy", "precision", "recall", "f1", "specificity",
                              "roc_auc")])
print("\n#endif							/* DRIFT_VECTORS_H */")
