/*-------------------------------------------------------------------------
 *
 * test_split.c
 *	  The best split of a node against every split tried one by one.
 *
 * IDENTIFICATION
 *	  src/test/unit/test_split.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>
#include <stdlib.h>

#include "grow.h"

#include "unit.h"

#define MAX_BINS 65536
#define SET_WORDS (MAX_BINS / 32)

/* A random question. */
typedef struct Ask
{
	MlGrowRules rules;
	MlScale		scale;
	MlBinning	binning;
	MlNodeStats node;
	MlRefused	refused;
	int			monotone;
	int64	   *hist;			/* MAX_BINS */
} Ask;

static int64 histogram[MAX_BINS];
static uint32 set[SET_WORDS];

static int
random_int(int below)
{
	return (int) (unit_random() * below);
}

static bool
chance(double p)
{
	return unit_random() < p;
}

/* Bins with rows in "filled" of them; one unit of hessian a row where they are counts. */
static void
make_histogram(Ask *ask, double filled, int most)
{
	int			b;

	ask->node.gradient = 0;
	ask->node.hessian = 0;
	ask->node.count = 0;
	for (b = 0; b < ask->binning.nbins; b++)
	{
		uint32		hessian = 1 + random_int(most);
		int32		gradient = random_int(2 * most + 1) - most;

		ask->hist[b] = 0;
		if (!chance(filled))
			continue;
		if (b == ask->binning.missing_bin && !ask->binning.has_missing)
			continue;
		ask->hist[b] = mlops_entry_pack(gradient, hessian);
		ask->node.gradient += gradient;
		ask->node.hessian += hessian;
		ask->node.count += ask->scale.counts ? hessian : 1 + hessian / 2;
	}
}

static void
make_ask(Ask *ask, bool is_category)
{
	static const int width[] = {1, 2, 3, 5, 8, 17, 64, 255};
	MlGrowRules *rules = &ask->rules;

	memset(ask, 0, sizeof(*ask));
	ask->hist = histogram;
	ask->binning.is_category = is_category;
	ask->binning.has_missing = chance(0.5);
	ask->binning.nbins = width[random_int(lengthof(width))] + (is_category ? 2 : 1);
	ask->binning.missing_bin = ask->binning.nbins - (is_category ? 2 : 1);
	ask->binning.ncuts = is_category ? 0 : ask->binning.nbins - 2;
	ask->scale.counts = chance(0.4);
	ask->scale.gradient = chance(0.3) ? 1.0 : 0.001 + unit_random();
	ask->scale.hessian = ask->scale.counts ? 1.0 : 0.001 + unit_random();
	make_histogram(ask, chance(0.5) ? 0.95 : 0.3, chance(0.5) ? 5 : 10000);

	rules->min_rows = chance(0.3) ? 1 : random_int(1 + ask->node.count / 3);
	rules->min_hessian = chance(0.5) ? 1e-3 :
		ask->scale.hessian * random_int(1 + ask->node.hessian / 3);
	rules->min_gain = chance(0.8) ? 0.0 : 10 * unit_random();
	rules->l1 = chance(0.7) ? 0.0 : 10 * unit_random();
	rules->l2 = chance(0.3) ? 0.0 : 10 * unit_random();
	rules->cat_smooth = chance(0.3) ? 0.0 : 10 * unit_random();
	rules->cat_l2 = chance(0.3) ? 0.0 : 10 * unit_random();
	rules->max_cat_values = chance(0.5) ? 32 : 1 + random_int(4);
	rules->min_cat_rows = chance(0.5) ? 1 : 1 + random_int(20);
	ask->node.lower = -HUGE_VAL;
	ask->node.upper = HUGE_VAL;
	if (chance(0.3))
		ask->node.lower = unit_random() - 1;
	if (chance(0.3))
		ask->node.upper = unit_random();
	ask->monotone = chance(0.3) && !is_category ? 2 * random_int(2) - 1 : 0;
}

/* What a side saves; the value that it is given. */
static long double
side(const Ask *ask, double l2, int64 gradient, int64 hessian, long double *value)
{
	long double g = (long double) gradient * ask->scale.gradient;
	long double h = (long double) hessian * ask->scale.hessian;
	long double l1 = ask->rules.l1;
	long double v = 0;

	if (fabsl(g) > l1)
		v = (g > 0 ? l1 - g : -l1 - g) / (h + l2);
	v = Max(v, ask->node.lower);
	v = Min(v, ask->node.upper);
	*value = v;
	return -(g * v + (h + l2) / 2 * v * v + l1 * fabsl(v));
}

/* Is a side of so much hessian large enough? */
static bool
is_enough(const Ask *ask, int64 hessian)
{
	long double rows = hessian;

	if (!ask->scale.counts)
		rows = ceill(rows * ask->node.count / ask->node.hessian);
	return hessian >= 1 && rows >= ask->rules.min_rows &&
		hessian * ask->scale.hessian >= ask->rules.min_hessian;
}

/* A split by its left side: gain, or -1 where it is not allowed. */
static long double
gain_of(const Ask *ask, double l2, int64 gradient, int64 hessian, long double *scale)
{
	long double left;
	long double right;
	long double value;
	long double lsaved = side(ask, l2, gradient, hessian, &left);
	long double rsaved = side(ask, l2, ask->node.gradient - gradient,
							  ask->node.hessian - hessian, &right);
	long double psaved = side(ask, ask->rules.l2, ask->node.gradient, ask->node.hessian, &value);

	*scale = fabsl(lsaved) + fabsl(rsaved) + fabsl(psaved);
	if (!is_enough(ask, hessian) || !is_enough(ask, ask->node.hessian - hessian) ||
		2 * ask->rules.min_rows > ask->node.count || ask->node.count < 2)
		return -1;
	if (ask->monotone * (right - left) < 0)
		return -1;
	return lsaved + rsaved - psaved;
}

static bool
is_refused(const Ask *ask, int slot, int bin, bool missing_left)
{
	int			i;

	for (i = 0; i < ask->refused.n; i++)
		if (ask->refused.slot[i] == slot && ask->refused.bin[i] == bin &&
			ask->refused.missing_left[i] == missing_left)
			return true;
	return false;
}

/* The sums left of a border. */
static void
left_sums(const Ask *ask, int bin, bool missing_left, int64 *gradient, int64 *hessian)
{
	int			b;

	*gradient = 0;
	*hessian = 0;
	for (b = 0; b < ask->binning.nbins; b++)
	{
		if (b == ask->binning.missing_bin ? !missing_left : b > bin)
			continue;
		*gradient += mlops_entry_gradient(ask->hist[b]);
		*hessian += mlops_entry_hessian(ask->hist[b]);
	}
}

/* The best gain of all borders; refused ones left out, and those that part the rows as they do. */
static long double
best_number(const Ask *ask, long double *scale)
{
	bool		has_missing = ask->hist[ask->binning.missing_bin] != 0;
	long double best = 0;
	int			bin;
	int			way;

	*scale = 0;
	for (bin = 0; bin <= ask->binning.ncuts; bin++)
		for (way = 0; way <= (int) has_missing; way++)
		{
			int64		gradient;
			int64		hessian;
			long double gain;
			long double s;
			int			like = bin;

			left_sums(ask, bin, way, &gradient, &hessian);
			while (like > 0 && ask->hist[like] == 0)
				like--;			/* same sums down to here */
			for (; like <= bin; like++)
				if (is_refused(ask, 1, like, has_missing ? way :
							   2 * hessian > ask->node.hessian))
					break;
			if (like <= bin)
				continue;
			gain = gain_of(ask, ask->rules.l2, gradient, hessian, &s);
			if (gain > ask->rules.min_gain && gain > best)
				best = gain;
			*scale = Max(*scale, s);
		}
	return best;
}

static bool
is_close(long double a, long double b, long double scale)
{
	return fabsl(a - b) <= 1e-12L * scale;
}

static MlSplit
find(const Ask *ask, int slot, const MlSplit *before)
{
	/* exactly the documented size, so that a sanitizer sees what is beyond */
	void	   *scratch = unit_alloc(24 * ask->binning.nbins);
	MlSplit		best = *before;

	mlops_split_find(&ask->rules, &ask->scale, &ask->binning, slot, ask->monotone,
					 ask->hist, &ask->node, &ask->refused, scratch, &best, set);
	free(scratch);
	return best;
}

static void
check_values(const Ask *ask, double l2, const MlSplit *got)
{
	long double left;
	long double right;

	(void) side(ask, l2, got->left_gradient, got->left_hessian, &left);
	(void) side(ask, l2, (int64) ask->node.gradient - got->left_gradient,
				(int64) ask->node.hessian - got->left_hessian, &right);
	CHECK(is_close(got->left_value, left, fabsl(left) + 1e-3));
	CHECK(is_close(got->right_value, right, fabsl(right) + 1e-3));
}

/* One question about a number, and the next after the answer is refused. */
static void
try_number(Ask *ask)
{
	MlSplit		none = {0};
	int			round;

	for (round = 0; round <= ML_MAX_REFUSED; round++)
	{
		MlSplit		got = find(ask, 1, &none);
		long double scale;
		long double best = best_number(ask, &scale);
		int64		gradient;
		int64		hessian;

		/* where all is lost to rounding, either answer will do */
		if (best <= 1e-12L * scale)
			CHECK(got.gain <= 1e-12 * scale);
		else if (fabsl(best - ask->rules.min_gain) > 1e-12L * scale)
			CHECK(is_close(got.gain, best, scale));
		if (got.gain <= 0)
			break;
		CHECK(got.slot == 1 && !got.is_category);
		left_sums(ask, got.bin, got.missing_left, &gradient, &hessian);
		CHECK(gradient == got.left_gradient && hessian == got.left_hessian);
		CHECK(is_close(gain_of(ask, ask->rules.l2, gradient, hessian, &scale), got.gain, scale));
		CHECK(got.bin == 0 || ask->hist[got.bin] != 0);	/* the lowest of equal borders */
		if (ask->hist[ask->binning.missing_bin] == 0)
			CHECK(got.missing_left == (2 * hessian > ask->node.hessian));
		CHECK(!is_refused(ask, 1, got.bin, got.missing_left));
		check_values(ask, ask->rules.l2, &got);
		if (round < ML_MAX_REFUSED)
		{
			ask->refused.slot[round] = got.slot;
			ask->refused.bin[round] = got.bin;
			ask->refused.missing_left[round] = got.missing_left;
			ask->refused.n = round + 1;
		}
	}
}

/* Equal gains: the lower slot, the lower bin, missing to the right. */
static void
test_ties(void)
{
	Ask			ask;
	MlSplit		none = {0};
	MlSplit		first;
	MlSplit		second;

	memset(&ask, 0, sizeof(ask));
	memset(histogram, 0, sizeof(histogram));
	ask.hist = histogram;
	ask.rules.min_rows = 1;
	ask.scale.gradient = 1;
	ask.scale.hessian = 1;
	ask.scale.counts = true;
	ask.binning.nbins = 6;
	ask.binning.ncuts = 4;
	ask.binning.missing_bin = 5;
	ask.node.lower = -HUGE_VAL;
	ask.node.upper = HUGE_VAL;
	ask.hist[0] = mlops_entry_pack(-1, 1);
	ask.hist[2] = mlops_entry_pack(1, 2);	/* in the middle: to either side alike */
	ask.hist[4] = mlops_entry_pack(-1, 1);
	ask.node.gradient = -1;
	ask.node.hessian = 4;
	ask.node.count = 4;

	/* 1/2 (1/1 + 0/3 - 1/4), by the bins 0, 1 (empty), 2 and 3 (empty) */
	first = find(&ask, 3, &none);
	CHECK(first.bin == 0 && first.slot == 3 && first.gain == 0.375);
	CHECK(!first.missing_left);
	second = find(&ask, 4, &first);
	CHECK(second.slot == 3);
	second = find(&ask, 2, &first);
	CHECK(second.slot == 2);

	/* the middle rows missing, and as good on either side */
	ask.hist[2] = 0;
	ask.hist[4] = mlops_entry_pack(1, 1);
	ask.hist[5] = mlops_entry_pack(0, 2);
	ask.node.gradient = 0;
	first = find(&ask, 0, &none);
	CHECK(first.bin == 0 && !first.missing_left);
	CHECK_NEAR(first.gain, 0.5 * (1.0 + 1.0 / 3), 1e-15);

	/* values that say nothing, and missing that does */
	ask.hist[0] = mlops_entry_pack(-1, 3);
	ask.hist[4] = 0;
	ask.hist[5] = mlops_entry_pack(5, 1);
	ask.node.gradient = 4;
	first = find(&ask, 0, &none);
	CHECK(first.bin == 0 && !first.missing_left && first.left_hessian == 3);
	ask.rules.min_rows = 2;
	CHECK(find(&ask, 0, &none).gain == 0);
}

/* min_hessian is met by exactly as much and missed by the least bit more. */
static void
test_least_hessian(void)
{
	Ask			ask;
	MlSplit		none = {0};
	int			i;

	memset(&ask, 0, sizeof(ask));
	ask.hist = histogram;
	ask.binning.nbins = 3;
	ask.binning.ncuts = 1;
	ask.binning.missing_bin = 2;
	ask.node.lower = -HUGE_VAL;
	ask.node.upper = HUGE_VAL;
	for (i = 0; i < 2000; i++)
	{
		int			units = 1 + random_int(1000);

		ask.scale.gradient = 1;
		ask.scale.hessian = unit_random() + 1e-6;
		histogram[0] = mlops_entry_pack(-1, units);
		histogram[1] = mlops_entry_pack(1, units);
		histogram[2] = 0;
		ask.node.hessian = 2 * units;
		ask.node.count = 2;
		ask.rules.min_hessian = units * ask.scale.hessian;
		CHECK(find(&ask, 0, &none).gain > 0);
		ask.rules.min_hessian = nextafter(ask.rules.min_hessian, HUGE_VAL);
		CHECK(find(&ask, 0, &none).gain == 0);
	}
}

/* Sums at the ends of their ranges. */
static void
test_extremes(void)
{
	Ask			ask;
	MlSplit		none = {0};
	MlSplit		got;

	memset(&ask, 0, sizeof(ask));
	memset(histogram, 0, sizeof(histogram));
	ask.hist = histogram;
	ask.scale.gradient = 1;
	ask.scale.hessian = 1;
	ask.rules.min_rows = 20;
	ask.binning.nbins = 4;
	ask.binning.ncuts = 2;
	ask.binning.missing_bin = 3;
	ask.node.lower = -HUGE_VAL;
	ask.node.upper = HUGE_VAL;
	ask.hist[0] = mlops_entry_pack(-1073741823, 2147483647);
	ask.hist[1] = mlops_entry_pack(-1, 1);
	ask.hist[2] = mlops_entry_pack(1073741823, 2147483647);
	ask.node.gradient = -1;
	ask.node.hessian = 4294967295U;
	ask.node.count = INT64CONST(4294967295);
	got = find(&ask, 0, &none);
	CHECK(got.bin == 1 && got.left_hessian == 2147483648U && got.left_gradient == -1073741824);
	CHECK_NEAR(got.gain, 0.5 * (536870912.0 + 1073741823.0 * 1073741823.0 / 2147483647.0), 1e-9);

	ask.rules.min_rows = INT64CONST(2147483647);
	CHECK(find(&ask, 0, &none).bin == 1);
	ask.rules.min_rows = INT64CONST(2147483648);
	CHECK(find(&ask, 0, &none).gain == 0);
	ask.rules.min_rows = PG_INT64_MAX;
	CHECK(find(&ask, 0, &none).gain == 0);
	ask.rules.min_rows = 0;
	ask.rules.min_hessian = 1e300;
	CHECK(find(&ask, 0, &none).gain == 0);
	ask.rules.min_hessian = 0;
	ask.rules.min_gain = 1e300;
	CHECK(find(&ask, 0, &none).gain == 0);

	/* no row has a hessian */
	memset(histogram, 0, sizeof(histogram));
	ask.node.hessian = 0;
	ask.rules.min_gain = 0;
	CHECK(find(&ask, 0, &none).gain == 0);
}

/* Is a before b in the order of a category's values? */
static bool
is_before(const Ask *ask, int a, int b)
{
	double		smooth = ask->rules.cat_smooth;
	double		ka = mlops_entry_gradient(ask->hist[a]) * ask->scale.gradient /
		(mlops_entry_hessian(ask->hist[a]) * ask->scale.hessian + smooth);
	double		kb = mlops_entry_gradient(ask->hist[b]) * ask->scale.gradient /
		(mlops_entry_hessian(ask->hist[b]) * ask->scale.hessian + smooth);

	return ka < kb || (ka == kb && a < b);
}

/* Is a value told apart? */
static bool
is_told_apart(const Ask *ask, int bin)
{
	int64		hessian = mlops_entry_hessian(ask->hist[bin]);
	long double rows = hessian;

	if (!ask->scale.counts)
		rows = ceill(rows * ask->node.count / ask->node.hessian);
	return hessian >= 1 && rows >= ask->rules.min_cat_rows;
}

/* The best gain of groups from one end of the order, by looking for the next value again and again. */
static long double
best_group(const Ask *ask, bool from_end, long double *scale)
{
	long double best = 0;
	int64		gradient = 0;
	int64		hessian = 0;
	int			last = -1;
	int			n = 0;
	int			limit;
	int			i;
	int			b;

	for (b = 0; b < ask->binning.nbins; b++)
		n += is_told_apart(ask, b);
	limit = Min(ask->rules.max_cat_values, (n + 1) / 2);
	for (i = 0; i < limit; i++)
	{
		int			next = -1;
		long double gain;
		long double s;

		for (b = 0; b < ask->binning.nbins; b++)
		{
			if (!is_told_apart(ask, b) || b == last)
				continue;
			if (last >= 0 && is_before(ask, b, last) != from_end)
				continue;
			if (next < 0 || is_before(ask, b, next) != from_end)
				next = b;
		}
		last = next;
		gradient += mlops_entry_gradient(ask->hist[next]);
		hessian += mlops_entry_hessian(ask->hist[next]);
		gain = gain_of(ask, ask->rules.l2 + ask->rules.cat_l2, gradient, hessian, &s);
		if (gain > ask->rules.min_gain && gain > best)
			best = gain;
		*scale = Max(*scale, s);
	}
	return best;
}

/* The best gain of one value against the rest. */
static long double
best_value(const Ask *ask, long double *scale)
{
	long double best = 0;
	int			b;

	for (b = 0; b < ask->binning.nbins; b++)
	{
		long double s;
		long double gain = gain_of(ask, ask->rules.l2, mlops_entry_gradient(ask->hist[b]),
								   mlops_entry_hessian(ask->hist[b]), &s);

		if (is_told_apart(ask, b) && gain > ask->rules.min_gain && gain > best)
			best = gain;
		*scale = Max(*scale, s);
	}
	return best;
}

/* The sums of the set's bins, which must be values with rows. */
static void
set_sums(const Ask *ask, int64 *gradient, int64 *hessian)
{
	int			b;

	*gradient = 0;
	*hessian = 0;
	for (b = 0; b < (ask->binning.nbins + 31) / 32 * 32; b++)
	{
		if ((set[b / 32] >> (b % 32) & 1) == 0)
			continue;
		CHECK(b < ask->binning.nbins && ask->hist[b] != 0);
		*gradient += mlops_entry_gradient(ask->hist[b]);
		*hessian += mlops_entry_hessian(ask->hist[b]);
	}
}

/* Are the set's values the first of the order (or the last), and do they stay within the limit? */
static bool
is_end_of_order(const Ask *ask, bool from_end)
{
	int			edge = -1;
	int			n = 0;
	int			b;

	for (b = 0; b < ask->binning.nbins; b++)
		if (set[b / 32] >> (b % 32) & 1)
		{
			if (edge < 0 || is_before(ask, edge, b) != from_end)
				edge = b;
			n++;
		}
	for (b = 0; b < ask->binning.nbins; b++)
		if ((set[b / 32] >> (b % 32) & 1) == 0 && is_told_apart(ask, b) &&
			is_before(ask, b, edge) != from_end)
			return false;
	return n <= ask->rules.max_cat_values;
}

/* One question about a category. */
static void
try_category(Ask *ask)
{
	bool		is_few = ask->binning.nbins <= 6;
	double		l2 = ask->rules.l2 + (is_few ? 0 : ask->rules.cat_l2);
	int			words = (ask->binning.nbins + 31) / 32;
	MlSplit		none = {0};
	MlSplit		got;
	long double scale = 0;
	long double best;
	int64		gradient;
	int64		hessian;

	memset(set, 0x5a, sizeof(set));
	got = find(ask, 1, &none);
	if (is_few)
		best = best_value(ask, &scale);
	else
	{
		best = best_group(ask, false, &scale);
		best = Max(best, best_group(ask, true, &scale));
	}
	if (best <= 1e-12L * scale)
		CHECK(got.gain <= 1e-12 * scale);
	else if (fabsl(best - ask->rules.min_gain) > 1e-12L * scale)
		CHECK(is_close(got.gain, best, scale));
	CHECK(words == SET_WORDS || set[words] == 0x5a5a5a5a);
	if (got.gain <= 0)
	{
		CHECK(set[0] == 0x5a5a5a5a);
		return;
	}
	CHECK(got.slot == 1 && got.is_category && !got.missing_left);
	set_sums(ask, &gradient, &hessian);
	CHECK(gradient == got.left_gradient && hessian == got.left_hessian);
	CHECK(is_few || is_end_of_order(ask, false) || is_end_of_order(ask, true));
	check_values(ask, l2, &got);

	/* a slot that does as well comes later; one that is refused not at all */
	memset(set, 0x5a, sizeof(set));
	CHECK(find(ask, 2, &got).slot == 1 && set[0] == 0x5a5a5a5a);
	ask->refused.n = 1;
	ask->refused.slot[0] = 1;
	ask->refused.bin[0] = -1;
	CHECK(find(ask, 1, &none).gain == 0);
	CHECK(find(ask, 0, &none).gain == got.gain);
}

/* The best border of the order is the best of all groupings (Fisher 1958). */
static void
test_fisher(void)
{
	Ask			ask;
	int			i;

	for (i = 0; i < 200; i++)
	{
		MlSplit		none = {0};
		MlSplit		got;
		double		best = 0;
		int			subset;
		int			b;

		make_ask(&ask, true);
		memset(&ask.rules, 0, sizeof(ask.rules));
		ask.rules.max_cat_values = 100;
		ask.node.lower = -HUGE_VAL;
		ask.node.upper = HUGE_VAL;
		ask.binning.nbins = 7 + random_int(4);
		ask.binning.missing_bin = ask.binning.nbins - 2;
		make_histogram(&ask, 1.0, 1000);
		got = find(&ask, 1, &none);
		for (subset = 1; subset < (1 << ask.binning.nbins) - 1; subset++)
		{
			double		g = 0;
			double		h = 0;
			double		gain;

			for (b = 0; b < ask.binning.nbins; b++)
				if (subset >> b & 1)
				{
					g += mlops_entry_gradient(ask.hist[b]);
					h += mlops_entry_hessian(ask.hist[b]);
				}
			gain = g * g / h + (ask.node.gradient - g) * (ask.node.gradient - g) /
				(ask.node.hessian - h);
			best = Max(best, gain);
		}
		best -= (double) ask.node.gradient * ask.node.gradient / ask.node.hessian;
		best *= 0.5 * ask.scale.gradient * ask.scale.gradient / ask.scale.hessian;
		CHECK_NEAR(got.gain, best, 1e-9);
	}
}

/* As many values as there can be, with few and with many of them in a group. */
static void
test_many_values(void)
{
	Ask			ask;
	int			i;

	for (i = 0; i < 4; i++)
	{
		make_ask(&ask, true);
		ask.rules.min_rows = 1;
		ask.rules.min_hessian = 0;
		ask.rules.min_gain = 0;
		ask.rules.min_cat_rows = i;
		ask.rules.max_cat_values = i % 2 ? 32 : 100000;
		ask.binning.nbins = i < 2 ? MAX_BINS : 2000;
		ask.binning.missing_bin = ask.binning.nbins - 2;
		make_histogram(&ask, i == 0 ? 0.02 : 1.0, 1000);
		try_category(&ask);
	}
}

void
test_split(void)
{
	Ask			ask;
	int			i;

	for (i = 0; i < 3000; i++)
	{
		make_ask(&ask, false);
		try_number(&ask);
		make_ask(&ask, true);
		try_category(&ask);
	}
	test_fisher();
	test_many_values();
	test_ties();
	test_least_hessian();
	test_extremes();
}
