#!/usr/bin/env python3
"""Makes calibration_vectors.h with scikit-learn's IsotonicRegression and numpy.

    src/test/unit/calibration_vectors.py > src/test/unit/calibration_vectors.h
"""
import numpy
import sklearn
from sklearn.isotonic import IsotonicRegression

random = numpy.random.RandomState(7)


def cases():
    yield "falling", [0.1, 0.2, 0.3, 0.4], [1, 1, 0, 0]
    yield "rising", [0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1]
    yield "one value", [0.5, 0.5, 0.5, 0.5], [1, 0, 0, 1]
    yield "ties", [0.9, 0.1, 0.1, 0.5, 0.5, 0.5, 0.9, 0.2], [1, 0, 1, 0, 1, 0, 1, 0]
    yield "ends", [0.0, 1.0, 0.0, 1.0, 0.3], [0, 1, 1, 0, 1]
    p = numpy.round(random.uniform(size=60), 2)
    yield "rounded", list(p), list((random.uniform(size=60) < p ** 2).astype(int))
    p = random.beta(0.6, 2, size=120)
    yield "skewed", list(p), list((random.uniform(size=120) < numpy.sqrt(p)).astype(int))


def error(p, y):
    """Expected calibration error: 10 bins of equal width, closed on the right, the first on both sides."""
    bins = numpy.maximum(numpy.ceil(p * 10).astype(int) - 1, 0)
    return sum(abs(p[bins == b].mean() - y[bins == b].mean()) * (bins == b).mean()
               for b in range(10) if (bins == b).any())


def numbers(values):
    return "{" + ", ".join(repr(float(v)) for v in values) + "}"


print(f"""/*-------------------------------------------------------------------------
 *
 * calibration_vectors.h
 *	  Isotonic regressions and calibration errors: made by
 *	  calibration_vectors.py, do not edit.
 *
 * The numbers are those of scikit-learn {sklearn.__version__} and numpy {numpy.__version__}.
 *
 * IDENTIFICATION
 *	  src/test/unit/calibration_vectors.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALIBRATION_VECTORS_H
#define CALIBRATION_VECTORS_H

typedef struct CalibrationVector
{{
	const char *name;
	int			n;
	double		p[128];
	double		y[128];
	double		fitted[128];	/* at p */
	double		error;
}} CalibrationVector;

static const CalibrationVector calibrations[] = {{""")
for name, p, y in cases():
    fitted = IsotonicRegression().fit(p, y).predict(p)
    print(f"""	{{.name = "{name}", .n = {len(p)}, .p = {numbers(p)},
		.y = {numbers(y)},
		.fitted = {numbers(fitted)},
	.error = {error(numpy.array(p), numpy.array(y))!r}}},""".replace("np.float64(", "").replace(")}", "}"))
print("""};

#endif							/* CALIBRATION_VECTORS_H */""")
