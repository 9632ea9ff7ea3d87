/*-------------------------------------------------------------------------
 *
 * test_reference.c
 *	  References of models: no small bins, distances, calibration, packing,
 *	  hostile bytes, counting.
 *
 * IDENTIFICATION
 *	  src/test/unit/test_reference.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include "mlops/reference.h"

#include "calibration_vectors.h"
#include "unit.h"

/* the C library's own */
#undef snprintf

#define ROWS	3000
#define WIDTH	9

static double
normal(void)
{
	return mlops_normal_quantile(unit_random() * 0.999998 + 1e-6);
}

/* Every bin has enough rows or none, those of PSI are unions, and the rows are all there. */
static void
check_frozen(const MlProfile *p, const double *x, int64 n)
{
	int64		bins[64];
	int64		rows = 0;

	mlops_profile_bins(p, p->counts, bins);
	for (int i = 0; i <= p->ncuts; i++)
	{
		CHECK(p->counts[i] == 0 || p->counts[i] >= MLOPS_FROZEN_LEAST || n < MLOPS_FROZEN_LEAST);
		rows += p->counts[i];
	}
	CHECK(rows == n);
	for (int i = 0; i < p->nbins - 1; i++)
		CHECK(bins[i] == 0 || bins[i] >= MLOPS_FROZEN_LEAST || n < MLOPS_FROZEN_LEAST);
	for (int i = 1; i < p->ncuts; i++)
		CHECK(p->cuts[i - 1].value < p->cuts[i].value ||
			  (p->cuts[i - 1].value == p->cuts[i].value && p->cuts[i - 1].before && !p->cuts[i].before));
	/* counted again they are where they were, but for the few that were put with others */
	if (n < MLOPS_FROZEN_ENOUGH)
	{
		int64		counts[1024] = {0};

		mlops_profile_count(p, x, n, counts);
		CHECK(memcmp(counts, p->counts, sizeof(int64) * (p->ncuts + 1)) == 0);
	}
}

/* What the values are like, by a number. */
static double
value_of(int kind, int i, int n)
{
	switch (kind)
	{
		case 0:
			return normal();
		case 1:
			return floor(unit_random() * 7);
		case 2:
			return 3;
		case 3:
			return i < 5 ? 1 : 0;
		case 4:
			return i < 5 ? (i < 3 ? -1 : 1) : 0;
		case 5:
			return unit_random() < 0.7 ? 0 : normal();
		case 6:
			return (normal() + 10) * 1e300 * 1e-7;
		case 7:
			return i % (n / 4 + 1) == 0 ? -1e9 : floor(normal() * 3);
		default:
			return i == 0 ? INFINITY : i == 1 ? -INFINITY : i < 15 ? -0.0 : exp(normal() * 5);
	}
}

static void
test_freezing(void)
{
	static const int sizes[] = {0, 1, 5, 9, 10, 19, 20, 21, 33, 50, 199, 500, 999, 1000, 2500, 5000};
	double	   *x = unit_alloc(sizeof(double) * 5000);
	double	   *scratch = unit_alloc(sizeof(double) * 5000);

	for (int kind = 0; kind < 9; kind++)
		for (size_t s = 0; s < lengthof(sizes); s++)
		{
			MlProfile  *p;

			for (int i = 0; i < sizes[s]; i++)
				x[i] = value_of(kind, i, sizes[s]);
			p = mlops_profile_freeze_numbers(x, sizes[s], scratch, 4);
			CHECK(p->counts[p->null_slot] == 4);
			check_frozen(p, x, sizes[s]);
			if (kind == 0 && sizes[s] >= 2500)
			{
				CHECK(p->ncuts > (sizes[s] == 5000 ? 195 : 150) && p->nbins == 11);
				/* the deciles are values, of rank n j / 10 */
				for (int j = 1; j < 10; j++)
					CHECK(p->psi_cuts[j - 1].value == x[sizes[s] * j / 10 - 1] && !p->psi_cuts[j - 1].before);
				/* the ends tell of nobody */
				CHECK(p->cuts[0].value != x[0] && p->cuts[p->ncuts - 1].value != x[sizes[s] - 1]);
			}
			/* what is rare keeps its place where there are rows enough */
			if (kind == 3 && sizes[s] >= MLOPS_FROZEN_ENOUGH)
				CHECK(p->ncuts == 2 && p->counts[1] == sizes[s] && p->counts[2] == 0);
			if (kind == 3 && sizes[s] == 500)
				CHECK(p->ncuts == 1 && p->counts[1] == 500);
			if (kind == 2 && sizes[s] >= 10)
				CHECK(p->ncuts == (sizes[s] >= 10 ? 2 : 0) && p->counts[1] == sizes[s]);
		}
	free(x);
	free(scratch);
}

static void
test_codes(void)
{
	MlCategory	few[] = {{"a", 1, 500}, {"b", 1, 5}, {"c", 1, 20}, {"d", 1, 0}};
	int			top[MLOPS_DRIFT_TOP];
	MlProfile  *p = mlops_profile_freeze_codes(few, 4, 0, false, 3, top);

	/* five others are too few, so the least frequent category joins them */
	CHECK(p->ntop == 1 && top[0] == 0 && p->counts[p->other_slot] == 25 && p->counts[p->null_slot] == 3);
	CHECK(mlops_profile_slot(p, "a", 1) == 0 && mlops_profile_slot(p, "d", 1) == p->other_slot &&
		  mlops_profile_slot(p, "e", 1) == p->new_slot);
	few[0].count = 5000;
	p = mlops_profile_freeze_codes(few, 4, 2, true, 0, top);
	CHECK(p->ntop == 2 && top[1] == 2 && p->counts[1] == 27 && p->counts[p->other_slot] == 0);
	CHECK(mlops_profile_slot(p, "e", 1) == p->other_slot);
	p = mlops_profile_freeze_codes(few, 0, 0, false, 7, top);
	CHECK(p->ntop == 0 && p->nslots == 3 && p->counts[p->null_slot] == 7);
}

static void
test_calibration(void)
{
	for (size_t v = 0; v < lengthof(calibrations); v++)
	{
		const CalibrationVector *c = &calibrations[v];
		double		p[128];
		double		y[128];
		MlCalibration fit;

		memcpy(p, c->p, sizeof(p));
		memcpy(y, c->y, sizeof(y));
		mlops_calibration_fit(p, y, c->n, 1, &fit);
		for (int i = 0; i < c->n; i++)
			CHECK_NEAR(mlops_calibrated(&fit, c->p[i]), c->fitted[i], 1e-12);
		for (int i = 1; i < c->n; i++)
			CHECK(p[i - 1] < p[i] || (p[i - 1] == p[i] && y[i - 1] >= y[i]));
		CHECK_NEAR(fit.error, c->error, 1e-12);
		CHECK(fit.nrows == c->n);
		mlops_calibration_fit(p, y, c->n, 10, &fit);
		CHECK(fit.nsteps <= Max(c->n / 10, 1) && (c->n < 60 || fit.nsteps > 1));
		for (int i = 1; i < fit.nsteps; i++)
			CHECK(fit.rate[i - 1] <= fit.rate[i] && fit.score[i - 1] < fit.score[i]);
	}
}

/* Two numbers that go together, one that does not, a constant, a copy, one that is often missing. */
static MlFeature features[6];
static MlString names[] = {{1, "u"}, {1, "v"}, {1, "w"}};
static MlSignature sig = {.task = ML_TASK_CLASSIFICATION, .nclasses = 2, .nfeatures = 6,
	.features = features, .width = WIDTH};

static void
make_signature(void)
{
	static char letters[] = "abcdef";

	for (int i = 0; i < 6; i++)
	{
		features[i].name = psprintf("%c", letters[i]);
		features[i].type = i == 4 ? ML_COLUMN_TEXT : i == 5 ? ML_COLUMN_ARRAY : ML_COLUMN_NUMBER;
		features[i].slot = i;
		features[i].width = i == 5 ? 4 : 1;
	}
	features[4].ncategories = 3;
	features[4].categories = names;
}

static void
make_row(double *x, double *answer, double *actual, bool torn)
{
	double		p = unit_random();

	x[0] = normal();
	x[1] = (torn ? normal() : x[0]) * 5 + normal() * 0.1 + 1e6;
	x[2] = unit_random() < 0.3 ? NAN : unit_random();
	x[3] = 42;
	x[4] = floor(unit_random() * 4);	/* 3 is missing */
	for (int i = 5; i < WIDTH; i++)
		x[i] = i == 8 ? x[0] : floor(unit_random() * 3);
	*answer = p;
	*actual = unit_random() < p * p;
}

static MlReference *
make_reference(MlSeen *rows, bool torn)
{
	double	   *x = unit_alloc(sizeof(double) * ROWS * WIDTH);
	double	   *answer = unit_alloc(sizeof(double) * ROWS);
	double	   *actual = unit_alloc(sizeof(double) * ROWS);
	bool		tracked[] = {true, true, true, true, true, true};
	MlReference *ref;

	for (int i = 0; i < ROWS; i++)
		make_row(x + i * WIDTH, answer + i, actual + i, torn);
	*rows = (MlSeen) {ROWS, WIDTH, x, answer, actual};
	ref = mlops_reference_make(&sig, tracked, rows, 12345);
	mlops_reference_answers(ref, &sig, rows, true);
	return ref;
}

/* As it is defined: by solving, one row at a time. */
static void
test_distances(const MlReference *ref, const MlSeen *rows)
{
	const MlJoint *joint = &ref->joint;
	double		d[ROWS];
	double		sum = 0;

	/* the constant is left out */
	CHECK(joint->n == 7);
	mlops_joint_distances(joint, rows->x, WIDTH, ROWS, d);
	for (int r = 0; r < ROWS; r++)
	{
		double		expected = 0;

		for (int i = 0; i < joint->n; i++)
		{
			double		y = 0;

			for (int j = 0; j <= i; j++)
			{
				double		v = rows->x[r * WIDTH + joint->slot[j]];

				if (!isnan(v))
					y += joint->whiten[i * (i + 1) / 2 + j] * (v - joint->mean[j]) / joint->scale[j];
			}
			expected += y * y;
		}
		CHECK_NEAR(d[r], expected, 1e-9);
		sum += d[r];
	}
	/* the mean of the distances is the trace of the identity, were it not for shrinkage and missing values */
	CHECK(sum / ROWS > 0.7 * joint->n && sum / ROWS < 1.02 * joint->n);
}

/* Rows one by one and together give the same counts, those of the reference itself are its own. */
static void
test_counting(const MlReference *ref, const MlSeen *rows)
{
	int64	   *all = unit_alloc(sizeof(int64) * ref->ncounts);
	int64	   *single = unit_alloc(sizeof(int64) * ref->ncounts);
	int64	   *own = mlops_reference_counts(ref);
	bool		withheld[6] = {true};

	mlops_reference_count(ref, rows, NULL, all);
	for (int i = 0; i < ROWS; i++)
	{
		MlSeen		row = {1, WIDTH, rows->x + i * WIDTH, rows->answer + i, NULL};

		mlops_reference_count(ref, &row, NULL, single);
	}
	CHECK(memcmp(all, single, sizeof(int64) * ref->ncounts) == 0);
	CHECK(memcmp(all, own, sizeof(int64) * ref->ncounts) == 0);
	memset(all, 0, sizeof(int64) * ref->ncounts);
	mlops_reference_count(ref, &(MlSeen) {ROWS, WIDTH, rows->x, NULL, NULL}, withheld, all);
	for (int t = 0; t < ref->ntracks; t++)
	{
		const MlTrack *track = &ref->tracks[t];
		bool		left_out = track->kind == ML_TRACK_OUTPUT ||
			(track->kind == ML_TRACK_FEATURE && track->feature == 0);
		int64		sum = 0;

		for (int i = 0; i < track->profile->nslots; i++)
			sum += all[track->offset + i];
		CHECK(sum == (left_out ? 0 : ROWS));
	}
	free(all);
	free(single);
}

/* Numbers that no longer go together are seen by the distance alone. */
static void
test_torn(const MlReference *ref)
{
	MlSeen		torn;
	int64	   *counts = unit_alloc(sizeof(int64) * ref->ncounts);

	(void) make_reference(&torn, true);
	mlops_reference_count(ref, &torn, NULL, counts);
	for (int t = 0; t < ref->ntracks; t++)
	{
		const MlTrack *track = &ref->tracks[t];
		MlDrift		d;

		mlops_drift_compare(track->profile, track->profile->counts, counts + track->offset,
							&mlops_drift_defaults, &d);
		CHECK(d.severity == (track->kind == ML_TRACK_JOINT ? ML_DRIFT_MAJOR : ML_DRIFT_NONE));
		CHECK(d.missing_cur == d.missing_ref || (track->slot == 2 && d.missing_ref > 0.2) || track->slot == 4);
	}
	free(counts);
}

static void
pack(const MlReference *ref, StringInfo buf)
{
	initStringInfo(buf);
	mlops_reference_put(buf, ref);
}

static void
test_packing(const MlReference *ref)
{
	StringInfoData a;
	StringInfoData b;
	MlReference *read;

	pack(ref, &a);
	read = mlops_reference_get(&a, &sig);
	pack(read, &b);
	CHECK(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
	CHECK(read->ncounts == ref->ncounts && read->ntracks == ref->ntracks && read->nrows == 12345 &&
		  read->nsample == ROWS && read->held_out && read->calibration.nsteps == ref->calibration.nsteps);
	CHECK(memcmp(mlops_reference_counts(read), mlops_reference_counts(ref), sizeof(int64) * ref->ncounts) == 0);
	for (int t = 0; t < ref->ntracks; t++)
		CHECK(strcmp(mlops_track_name(&read->tracks[t], &sig), mlops_track_name(&ref->tracks[t], &sig)) == 0);
	CHECK(strcmp(mlops_track_name(&ref->tracks[5], &sig), "f[1]") == 0);
	/* another format is another release's */
	a.cursor = 0;
	a.data[0] = 2;
	CHECK(mlops_reference_get(&a, &sig) == NULL && a.cursor == a.len);
}

/* Any bytes are a reference that can be used, or an error. */
static void
test_hostile(const MlReference *ref, const MlSeen *rows)
{
	sigjmp_buf	refused;
	volatile int read = 0;
	volatile int nrefused = 0;
	StringInfoData good;

	pack(ref, &good);
	for (volatile int i = 0; i < 4000; i++)
	{
		StringInfoData bad;
		int			n = 1 + (int) (unit_random() * 3);

		initStringInfo(&bad);
		appendBinaryStringInfo(&bad, good.data, good.len);
		for (int k = 0; k < n; k++)
			bad.data[1 + (int) (unit_random() * (bad.len - 1))] = (char) (unit_random() < 0.5 ? unit_random() * 256 : 0xff);
		if (unit_random() < 0.3)
			bad.len = 1 + (int) (unit_random() * (bad.len - 1));
		unit_error = &refused;
		if (sigsetjmp(refused, 0) == 0)
		{
			MlReference *other = mlops_reference_get(&bad, &sig);
			int64	   *counts = unit_alloc(sizeof(int64) * Max(other->ncounts, 1));
			MlSeen		some = *rows;

			some.nrows = 100;
			mlops_reference_count(other, &some, NULL, counts);
			CHECK(mlops_envelope_find(mlops_envelope_make(other), rows->x) < sig.nfeatures);
			free(counts);
			read++;
		}
		else
			nrefused++;
		unit_error = NULL;
		free(bad.data);
	}
	CHECK(read > 100);
	CHECK(nrefused > 500);
}

/* Numbers far beyond the ends, and beyond ends that ten rows have. */
static void
test_envelope(const MlReference *ref, const MlSeen *rows)
{
	MlEnvelope *envelope = mlops_envelope_make(ref);
	double	   *row = unit_alloc(sizeof(double) * rows->width);
	int			found = 0;

	CHECK(envelope->n > 3);
	for (int64 i = 0; i < rows->nrows; i++)
		found += mlops_envelope_find(envelope, rows->x + i * rows->width) >= 0;
	CHECK(found <= rows->nrows / 100);
	for (int i = 0; i < envelope->n; i++)
	{
		const MlLimits *limits = &envelope->limits[i];
		const MlTrack *track = NULL;
		const MlProfile *p;

		for (int t = 0; t < ref->ntracks; t++)
			if (ref->tracks[t].kind == ML_TRACK_FEATURE && ref->tracks[t].slot == limits->slot)
				track = &ref->tracks[t];
		p = track->profile;
		CHECK(p->kind == ML_PROFILE_NUMBER && limits->feature == track->feature);
		CHECK(p->counts[0] > 0 ? limits->low <= p->cuts[0].value - 3 * p->sd : limits->low <= p->cuts[0].value);
		CHECK(p->counts[p->ncuts] > 0 ? limits->high >= p->cuts[p->ncuts - 1].value + 3 * p->sd :
			  limits->high >= p->cuts[p->ncuts - 1].value);
		for (int k = 0; k < rows->width; k++)
			row[k] = NAN;
		CHECK(mlops_envelope_find(envelope, row) == -1);
		row[limits->slot] = limits->low;
		CHECK(mlops_envelope_find(envelope, row) == -1);
		row[limits->slot] = limits->high;
		CHECK(mlops_envelope_find(envelope, row) == -1);
		row[limits->slot] = nextafter(limits->high, HUGE_VAL);
		CHECK(mlops_envelope_find(envelope, row) == (isfinite(limits->high) ? limits->feature : -1));
		row[limits->slot] = nextafter(limits->low, -HUGE_VAL);
		CHECK(mlops_envelope_find(envelope, row) == (isfinite(limits->low) ? limits->feature : -1));
	}
	CHECK(mlops_envelope_make(NULL)->n == 0);
	free(row);
}

void
test_reference(void)
{
	MlReference *ref;
	MlSeen		rows;

	test_freezing();
	test_codes();
	test_calibration();
	make_signature();
	ref = make_reference(&rows, false);
	/* 9 slots, answer and distance */
	CHECK(ref->ntracks == 11 && ref->calibration.nsteps > 3 && ref->calibration.error > 0.05);
	test_distances(ref, &rows);
	test_counting(ref, &rows);
	test_torn(ref);
	test_packing(ref);
	test_envelope(ref, &rows);
	test_hostile(ref, &rows);
}
