/*-------------------------------------------------------------------------
 *
 * split_number.c
 *	  The best split of one node by one slot: gains, and the borders of a
 *	  number.
 *
 * A side with the sums G and H of its rows' gradients and hessians changes the
 * loss by G v + (H + l2)/2 v^2 + l1 |v| when it is given the value v; the best
 * v is -soft(G, l1) / (H + l2), moved into the node's bounds if it is outside
 * [1].  A split's gain is what its sides save together beyond what the node
 * saves undivided.
 *
 * Numbers are searched in two steps, with prefix sums of the histogram as
 * integers between them: hessians are not negative, so the borders whose sides
 * are both large enough are one run of bins, and within it the gains are
 * worked out without a branch, several at a time.  Where the values are free (no
 * bounds, no monotone constraint) borders are compared by the closed form
 * 1/2 soft(G, l1)^2 / (H + l2), in the histogram's units and with one division
 * each; the winner's gain is then worked out as documented.
 *
 * A side must have at least one unit of hessian: one without rows never has.
 * An empty bin's border has the sums of the one before, hence the same gain,
 * and the lower bin wins.
 *
 * [1] Chen, Guestrin: XGBoost: A Scalable Tree Boosting System, 2016
 *
 * IDENTIFICATION
 *	  src/tree/split_number.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "split_private.h"

/*
 * Soft threshold.  (x + |x|) / 2 is what of x is above 0, exactly, and can be
 * vectorised where a comparison cannot.
 */
static inline double
shrink(double gradient, double l1)
{
	double		above = gradient - l1;
	double		below = gradient + l1;

	return 0.5 * (above + fabs(above)) + 0.5 * (below - fabs(below));
}

double
mlops_split_value(const MlGrowRules *rules, double l2, double gradient,
				  double hessian, double lower, double upper)
{
	double		weight = hessian + l2;
	double		value = weight > 0 ? (0.0 - shrink(gradient, rules->l1)) / weight : 0.0;

	if (value < lower)
		return lower;
	if (value > upper)
		return upper;
	return value;
}

/* What a value saves, whether or not it is the best. */
static inline double
saved(double l1, double l2, double gradient, double hessian, double value)
{
	return -(gradient * value + 0.5 * (hessian + l2) * value * value + l1 * fabs(value));
}

/* The loss's decrease by giving rows with these sums (real units) their best value */
static double
split_side(const MlSplitAsk *ask, double l2, double gradient, double hessian)
{
	double		l1 = ask->rules->l1;
	double		weight = hessian + l2;
	double		value;

	if (ask->bounded)
	{
		value = mlops_split_value(ask->rules, l2, gradient, hessian,
								  ask->node->lower, ask->node->upper);
		return saved(l1, l2, gradient, hessian, value);
	}
	gradient = shrink(gradient, l1);
	return weight > 0 ? 0.5 * gradient * gradient / weight : 0.0;
}

/* Equal gains: the lower slot, the lower bin, missing to the right. */
static bool
comes_first(const MlSplitAsk *ask, int bin, bool missing_left)
{
	const MlSplit *best = ask->best;

	if (ask->slot != best->slot)
		return ask->slot < best->slot;
	if (bin != best->bin)
		return bin < best->bin;
	return !missing_left && best->missing_left;
}

bool
mlops_split_take(const MlSplitAsk *ask, double l2, int bin, bool missing_left,
				 int32 left_gradient, uint32 left_hessian)
{
	const MlNodeStats *node = ask->node;
	MlSplit    *best = ask->best;
	double		lg = left_gradient * ask->scale->gradient;
	double		lh = left_hessian * ask->scale->hessian;
	double		rg = ((int64) node->gradient - left_gradient) * ask->scale->gradient;
	double		rh = (node->hessian - left_hessian) * ask->scale->hessian;
	double		gain;

	gain = split_side(ask, l2, lg, lh) + split_side(ask, l2, rg, rh) -
		ask->parent_gain;
	if (!(gain > ask->floor) || gain < best->gain)
		return false;
	if (gain == best->gain && !comes_first(ask, bin, missing_left))
		return false;
	best->gain = gain;
	best->slot = ask->slot;
	best->bin = bin;
	best->is_category = ask->binning->is_category;
	best->missing_left = missing_left;
	best->left_gradient = left_gradient;
	best->left_hessian = left_hessian;
	best->left_value = mlops_split_value(ask->rules, l2, lg, lh, node->lower, node->upper);
	best->right_value = mlops_split_value(ask->rules, l2, rg, rh, node->lower, node->upper);
	return true;
}

uint32
mlops_split_units(const MlSplitAsk *ask, int64 rows)
{
	const MlNodeStats *node = ask->node;

	if (rows <= 1)
		return 1;
	if (rows > node->count)
		return PG_UINT32_MAX;
	if (ask->scale->counts)
		return (uint32) rows;
	/* h units are h * count / hessian rows, rounded up: at least "rows" where that exceeds rows - 1 */
	return (uint32) ((uint64) (rows - 1) * node->hessian / (uint64) node->count) + 1;
}

/* Least hessian of a side in units, or 0 where the node cannot be split. */
static uint32
least_units(const MlSplitAsk *ask)
{
	const MlGrowRules *rules = ask->rules;
	const MlNodeStats *node = ask->node;
	double		wanted = ceil(rules->min_hessian / ask->scale->hessian);
	uint64		units = 1;

	if (wanted > node->hessian || node->count < 2 || rules->min_rows > node->count / 2)
		return 0;
	if (wanted > 1)
	{
		units = (uint64) wanted;
		if ((units - 1) * ask->scale->hessian >= rules->min_hessian)
			units--;			/* the quotient had been rounded up, */
		else if (units * ask->scale->hessian < rules->min_hessian)
			units++;			/* or down */
	}
	units = Max(units, mlops_split_units(ask, rules->min_rows));
	return 2 * units <= node->hessian ? (uint32) units : 0;
}

/*
 * The halves of a prefix sum as doubles.  2^52 + x has x in its low bits, which
 * vector units can make where they cannot convert.
 */
static inline double
double_of_bits(uint64 bits)
{
	union
	{
		uint64		bits;
		double		value;
	}			u;

	u.bits = bits;
	return u.value;
}

static inline double
hessian_as_double(uint64 entry)
{
	return double_of_bits(UINT64CONST(0x4330000000000000) | (entry & 0xffffffff)) - 0x1p52;
}

static inline double
gradient_as_double(uint64 entry)
{
	return double_of_bits(UINT64CONST(0x4330000000000000) | ((entry >> 32) ^ 0x80000000)) -
		(0x1p52 + 0x1p31);
}

/* Twice the sides' savings in units (gradient^2 / hessian), by the closed form. */
static inline void
score_free(const MlSplitAsk *ask, bool has_l1, const int64 *sum, int n, double *score)
{
	double		gradient = ask->node->gradient;
	double		hessian = ask->node->hessian;
	double		l1 = ask->rules->l1 / ask->scale->gradient;
	double		l2 = ask->rules->l2 / ask->scale->hessian;
	int			i;

	for (i = 0; i < n; i++)
	{
		double		lg = gradient_as_double(sum[i]);
		double		lh = hessian_as_double(sum[i]);
		double		rg = gradient - lg;
		double		rh = hessian - lh;

		lh += l2;
		rh += l2;
		if (has_l1)
		{
			lg = shrink(lg, l1);
			rg = shrink(rg, l1);
		}
		score[i] = (lg * lg * rh + rg * rg * lh) / (lh * rh);
	}
}

/* The sides' savings in real units, -inf where the values are in the wrong order. */
static void
score_bound(const MlSplitAsk *ask, const int64 *sum, int n, double *score)
{
	const MlGrowRules rules = *ask->rules;
	const MlScale scale = *ask->scale;
	double		gradient = ask->node->gradient;
	double		hessian = ask->node->hessian;
	double		lower = ask->node->lower;
	double		upper = ask->node->upper;
	double		monotone = ask->monotone;
	int			i;

	for (i = 0; i < n; i++)
	{
		double		lg = gradient_as_double(sum[i]);
		double		lh = hessian_as_double(sum[i]);
		double		rg = (gradient - lg) * scale.gradient;
		double		rh = (hessian - lh) * scale.hessian;
		double		lv;
		double		rv;
		double		both;

		lg *= scale.gradient;
		lh *= scale.hessian;
		lv = -shrink(lg, rules.l1) / (lh + rules.l2);
		rv = -shrink(rg, rules.l1) / (rh + rules.l2);
		lv = lv < lower ? lower : lv;
		rv = rv < lower ? lower : rv;
		lv = lv > upper ? upper : lv;
		rv = rv > upper ? upper : rv;
		both = saved(rules.l1, rules.l2, lg, lh, lv) + saved(rules.l1, rules.l2, rg, rh, rv);
		score[i] = monotone * (rv - lv) < 0 ? -HUGE_VAL : both;
	}
}

/* Strike out what was refused, and the borders behind it that part the rows alike. */
static void
strike_refused(const MlSplitAsk *ask, bool check_side, bool missing_left,
			   const int64 *sum, int from, int n, double *score)
{
	const MlRefused *refused = ask->refused;
	int			i;
	int			at;
	int			first;

	for (i = 0; i < refused->n; i++)
	{
		if (refused->slot[i] != ask->slot)
			continue;
		if (check_side && refused->missing_left[i] != missing_left)
			continue;
		first = refused->bin[i] - from;
		if (first < 0 || first >= n)
			continue;
		for (at = first; at < n && sum[at] == sum[first]; at++)
			score[at] = -HUGE_VAL;
	}
}

/* The first of the greatest. */
static int
find_greatest(const double *score, int n)
{
	double		a = -HUGE_VAL;
	double		b = -HUGE_VAL;
	double		c = -HUGE_VAL;
	double		d = -HUGE_VAL;
	int			i;

	for (i = 0; i + 4 <= n; i += 4)
	{
		a = score[i] > a ? score[i] : a;
		b = score[i + 1] > b ? score[i + 1] : b;
		c = score[i + 2] > c ? score[i + 2] : c;
		d = score[i + 3] > d ? score[i + 3] : d;
	}
	for (; i < n; i++)
		a = score[i] > a ? score[i] : a;
	a = b > a ? b : a;
	c = d > c ? d : c;
	a = c > a ? c : a;
	if (a == -HUGE_VAL)
		return -1;
	for (i = 0; score[i] != a; i++)
		;
	return i;
}

/*
 * All borders, with "start" on the left side from the beginning: the missing
 * rows, or nothing.  Where none are missing their side follows from the border.
 */
static void
scan_borders(const MlSplitAsk *ask, int64 start, bool has_missing, bool missing_left)
{
	const MlGrowRules *rules = ask->rules;
	const MlNodeStats *node = ask->node;
	int64	   *sum = ask->scratch;
	double	   *score = (double *) (sum + ask->binning->nbins);
	int			to = ask->binning->missing_bin;
	int			from = 0;
	int			b;
	uint32		left;

	for (b = 0; b < to; b++)
	{
		start += ask->hist[b];
		sum[b] = start;
	}
	while (to > from && node->hessian - mlops_entry_hessian(sum[to - 1]) < ask->min_units)
		to--;
	while (from < to && mlops_entry_hessian(sum[from]) < ask->min_units)
		from++;
	if (from == to)
		return;

	if (ask->monotone != 0 || ask->bounded)
		score_bound(ask, sum + from, to - from, score);
	else if (rules->l1 > 0)
		score_free(ask, true, sum + from, to - from, score);
	else
		score_free(ask, false, sum + from, to - from, score);
	if (ask->refused && ask->refused->n > 0)
		strike_refused(ask, has_missing, missing_left, sum + from, from, to - from, score);
	b = find_greatest(score, to - from);
	if (b < 0)
		return;
	b += from;
	left = mlops_entry_hessian(sum[b]);
	if (!has_missing)
		missing_left = left > node->hessian - left;
	(void) mlops_split_take(ask, rules->l2, b, missing_left,
							mlops_entry_gradient(sum[b]), left);
}

void
mlops_split_find(const MlGrowRules *rules, const MlScale *scale,
				 const MlBinning *binning, int slot, int monotone,
				 const int64 *hist, const MlNodeStats *node,
				 const MlRefused *refused, void *scratch,
				 MlSplit *best, uint32 *set)
{
	MlSplitAsk	ask;
	int64		missing;

	ask.rules = rules;
	ask.scale = scale;
	ask.binning = binning;
	ask.slot = slot;
	ask.monotone = monotone;
	ask.hist = hist;
	ask.node = node;
	ask.refused = refused;
	ask.bounded = node->lower > -HUGE_VAL || node->upper < HUGE_VAL;
	ask.min_units = least_units(&ask);
	if (ask.min_units == 0)
		return;
	ask.floor = Max(rules->min_gain, 0.0);
	ask.scratch = scratch;
	ask.best = best;
	ask.set = set;
	ask.parent_gain = split_side(&ask, rules->l2, node->gradient * scale->gradient,
									   node->hessian * scale->hessian);

	if (binning->is_category)
	{
		mlops_split_category(&ask);
		return;
	}
	missing = hist[binning->missing_bin];
	scan_borders(&ask, 0, missing != 0, false);
	if (missing != 0)
		scan_borders(&ask, missing, true, true);
}
