/*-------------------------------------------------------------------------
 *
 * test_bins.c
 *	  Where bins end, and every value found in its bin, against plain loops.
 *
 * IDENTIFICATION
 *	  src/test/unit/test_bins.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "mlops/tree.h"

#include "unit.h"

#undef qsort						/* the server's is not here */

#define MAX_SLOTS 64
#define ROWS 5000

static MlFeature features[MAX_SLOTS];

static int
random_int(int below)
{
	return (int) (unit_random() * below);
}

static double
normal(void)
{
	return sqrt(-2 * log(1 - unit_random())) * cos(2 * M_PI * unit_random());
}

/* Values of many shapes: smooth, tied, heavy, skewed, missing, of all sizes, denormal, constant. */
static double
draw(int shape)
{
	switch (shape % 10)
	{
		case 0:
			return normal();
		case 1:
			return exp(3 * normal());
		case 2:
			return normal() / (unit_random() + 1e-9);
		case 3:
			return random_int(10) - 5;
		case 4:
			return unit_random() < 0.4 ? -0.0 : normal();
		case 5:
			return unit_random() < 0.1 ? NAN : floor(normal() * 100);
		case 6:
			return (unit_random() - 0.5) * 2 * DBL_MAX;
		case 7:
			return ldexp(normal(), random_int(2000) - 1000);
		case 8:
			return ldexp(floor(normal() * 1000), -1074);
		default:
			return 7;
	}
}

static MlSignature
make_signature(int nslots)
{
	MlSignature sig;
	int			i;

	memset(&sig, 0, sizeof(sig));
	memset(features, 0, sizeof(features));
	sig.nfeatures = sig.width = nslots;
	sig.features = features;
	for (i = 0; i < nslots; i++)
	{
		features[i].name = "a";
		features[i].type = ML_COLUMN_NUMBER;
		features[i].slot = i;
		features[i].width = 1;
	}
	return sig;
}

/* One slot of these values. */
static const MlBinning *
learn(int n, double *x, int max_bins)
{
	static MlSignature sig;
	MlBlock		block;

	sig = make_signature(1);
	memset(&block, 0, sizeof(block));
	block.nrows = n;
	block.width = 1;
	block.x = x;
	return mlops_bins_learn(&sig, &block, max_bins)->binning;
}

static int
compare(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

/* Sort, missing values left out, and keep each value once; returns how many. */
static int
distinct(int n, double *x)
{
	int			kept = 0;
	int			ndistinct = 0;
	int			i;

	for (i = 0; i < n; i++)
		if (!isnan(x[i]))
			x[kept++] = x[i];
	qsort(x, kept, sizeof(double), compare);
	for (i = 0; i < kept; i++)
		if (i == 0 || x[i] != x[ndistinct - 1])
			x[ndistinct++] = x[i];
	return ndistinct;
}

/* Cuts ascend, stand between neighbours, and tell all values apart where there are bins enough. */
static void
test_between(void)
{
	int			round;

	for (round = 0; round < 400; round++)
	{
		int			n = 1 + random_int(round % 4 == 0 ? 5 : 2000);
		int			max_bins = 2 + random_int(round % 3 == 0 ? 10 : 300);
		double	   *x = unit_alloc(sizeof(double) * n);
		const MlBinning *binning;
		bool		good = true;
		int			ndistinct;
		int			at = 0;
		int			i;

		for (i = 0; i < n; i++)
			x[i] = draw(round);
		binning = learn(n, x, max_bins);
		ndistinct = distinct(n, x);
		CHECK(binning->ncuts <= max_bins - 1);
		CHECK(binning->nbins == binning->ncuts + 2 && binning->missing_bin == binning->ncuts + 1);
		if (ndistinct <= max_bins)
			CHECK(binning->ncuts == (ndistinct > 0 ? ndistinct - 1 : 0));
		for (i = 0; i < binning->ncuts; i++)
		{
			if (i > 0)
				good = good && binning->cuts[i - 1] < binning->cuts[i];
			while (at < ndistinct && x[at] <= binning->cuts[i])
				at++;
			good = good && at > 0 && at < ndistinct && binning->cuts[i] < x[at] &&
				(i == 0 || x[at - 1] > binning->cuts[i - 1]);
		}
		CHECK(good);
		free(x);
	}
}

static void
test_edges(void)
{
	double		denormal[] = {-4.9406564584124654e-324, 0, 4.9406564584124654e-324};
	double		wide[] = {-DBL_MAX, DBL_MAX};
	double		close[] = {1, 1 + DBL_EPSILON};
	double		zeros[] = {-0.0, 0.0, -0.0};
	double		missing[] = {NAN, NAN};
	double		two[] = {1, NAN, 2, 1};

	CHECK(learn(3, denormal, 255)->ncuts == 2);
	CHECK(learn(2, wide, 255)->ncuts == 1 && learn(2, wide, 255)->cuts[0] == 0);
	CHECK(learn(2, close, 255)->ncuts == 1 && learn(2, close, 255)->cuts[0] == 1);
	CHECK(learn(3, zeros, 255)->ncuts == 0);
	CHECK(learn(2, missing, 255)->ncuts == 0 && learn(2, missing, 255)->nbins == 2);
	CHECK(learn(4, two, 255)->ncuts == 1 && learn(4, two, 255)->cuts[0] == 1.5);
	CHECK(learn(0, two, 255)->nbins == 2);
}

/* Equal shares of what can be told apart; a heavy value alone. */
static void
test_shares(void)
{
	double	   *x = unit_alloc(sizeof(double) * ROWS);
	const MlBinning *binning;
	int			i;
	int			b;

	for (i = 0; i < ROWS; i++)
		x[i] = normal();
	binning = learn(ROWS, x, 100);
	CHECK(binning->ncuts == 99);
	for (b = 0; b < 99; b++)
	{
		int			below = 0;

		for (i = 0; i < ROWS; i++)
			below += x[i] <= binning->cuts[b];
		CHECK(abs(below - (b + 1) * ROWS / 100) <= 1);
	}

	/* zero has 40 % of the rows, and a bin of nothing else; the other bins share the rest */
	for (i = 0; i < ROWS; i++)
		x[i] = i % 10 < 4 ? 0 : normal();
	binning = learn(ROWS, x, 16);
	CHECK(binning->ncuts == 15);
	for (b = 0; b <= 15; b++)
	{
		double		lower = b > 0 ? binning->cuts[b - 1] : -INFINITY;
		double		upper = b < 15 ? binning->cuts[b] : INFINITY;
		int			zeros = 0;
		int			others = 0;

		for (i = 0; i < ROWS; i++)
			if (x[i] > lower && x[i] <= upper)
				*(x[i] == 0 ? &zeros : &others) += 1;
		CHECK(zeros == 0 || others == 0);
		CHECK(others <= 1.6 * ROWS * 0.6 / 15);
	}
	free(x);
}

/* Bytes of a row: whole lines or simple parts of one where that costs little. */
static void
test_stride(void)
{
	static const int stride[][2] = {{1, 4}, {4, 4}, {5, 8}, {28, 32}, {40, 48}, {50, 64}, {64, 64}};
	double		x[MAX_SLOTS] = {0};
	size_t		i;

	for (i = 0; i < sizeof(stride) / sizeof(stride[0]); i++)
	{
		MlSignature sig = make_signature(stride[i][0]);
		MlBlock		block;

		memset(&block, 0, sizeof(block));
		block.nrows = 1;
		block.width = stride[i][0];
		block.x = x;
		CHECK(mlops_bins_learn(&sig, &block, 255)->stride == stride[i][1]);
	}
}

/* The bin that tree.h promises, by trying one after the other. */
static int
plain_bin(const MlBinning *binning, double x)
{
	int			b = 0;

	if (binning->is_category)
		return (int) x;
	if (isnan(x))
		return binning->missing_bin;
	while (b < binning->ncuts && x > binning->cuts[b])
		b++;
	return b;
}

/* All rows of a block, at shuffled positions, in memory that another process maps elsewhere. */
static void
put_and_look(int nslots, int max_bins)
{
	MlSignature sig = make_signature(nslots);
	double	   *x = unit_alloc(sizeof(double) * ROWS * nslots);
	double	   *y = unit_alloc(sizeof(double) * ROWS);
	uint32	   *position = unit_alloc(sizeof(uint32) * ROWS);
	MlBlock		block = {ROWS, nslots, x, y, NULL};
	MlBlock		sample = {ROWS / 2, nslots, x, NULL, NULL};
	MlBinned   *bins;
	MlBinned	other;
	Size		size;
	char	   *memory;
	char	   *elsewhere;
	int			i;
	int			slot;

	features[0].type = features[nslots - 1].type = ML_COLUMN_TEXT;
	features[0].ncategories = 3;
	features[nslots - 1].ncategories = 700;
	for (i = 0; i < ROWS; i++)
	{
		int			swap = random_int(i + 1);

		for (slot = 0; slot < nslots; slot++)
			x[i * nslots + slot] = features[slot].type == ML_COLUMN_TEXT ?
				random_int(features[slot].ncategories + 2) : draw(slot);
		y[i] = i;
		position[i] = position[swap];
		position[swap] = i;
	}

	/* missing in the last slot but one: in no training row */
	for (i = 0; i < ROWS; i++)
		x[i * nslots + nslots - 2] = position[i] < ROWS / 2 ? i : NAN;

	bins = mlops_bins_learn(&sig, &sample, max_bins);
	size = mlops_bins_size(bins, ROWS, true);
	memory = aligned_alloc(64, size);
	memset(memory, 0, size);
	mlops_bins_place(bins, memory, ROWS / 2, ROWS / 4, ROWS / 4, true);
	mlops_bins_put(bins, &block, position);
	elsewhere = aligned_alloc(64, size);
	memcpy(elsewhere, memory, size);
	memset(memory, 0x55, size);
	mlops_bins_attach(&other, elsewhere);

	CHECK(other.nslots == nslots && other.ntrain == ROWS / 2 && other.stride == bins->stride);
	CHECK(other.rows == (uint8 *) elsewhere + (bins->rows - (uint8 *) memory));
	for (slot = 0; slot < nslots; slot++)
	{
		const MlBinning *binning = &other.binning[slot];
		bool		has_missing = false;
		int			wrong = 0;

		CHECK(binning->is_wide == (binning->nbins > 256));
		CHECK(binning->is_wide || binning->offset < other.nnarrow);
		for (i = 0; i < ROWS; i++)
		{
			int			bin = plain_bin(&bins->binning[slot], x[i * nslots + slot]);

			wrong += mlops_bin_of(binning, other.rows + (Size) position[i] * other.stride) != (uint32) bin;
			wrong += plain_bin(binning, x[i * nslots + slot]) != bin;
			wrong += other.y[position[i]] != i || other.w[position[i]] != 1;
			if (position[i] < ROWS / 2 && bin == binning->missing_bin)
				has_missing = true;
		}
		CHECK(wrong == 0);
		CHECK(binning->has_missing == has_missing && bins->binning[slot].has_missing == has_missing);
	}
	free(elsewhere);
	free(memory);
	free(position);
	free(y);
	free(x);
}

void
test_bins(void)
{
	test_edges();
	test_between();
	test_shares();
	test_stride();
	put_and_look(32, 255);
	put_and_look(13, 2);
	put_and_look(13, 3000);
	put_and_look(5, 65534);
}
