/*-------------------------------------------------------------------------
 *
 * design.c
 *	  From slots to the terms of a linear model.
 *
 *	term 0				the intercept, 1
 *	number				one term; a missing value becomes its fill
 *	category			one dummy per entry of the dictionary but the first (the
 *						reference level), then one for "missing" and one for
 *						"other" where training rows had them
 *
 * A category not seen in training has the code "other": it scores as "other"
 * where training knew such rows, else as the reference level, all dummies 0.
 * A missing category without a "missing" dummy is treated the same way.  The
 * reference is the first category in bytewise order, as R's treatment
 * contrasts take the first level.
 *
 * IDENTIFICATION
 *	  src/algo/design.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"

#include "mlops/algo.h"

#define MAX_NAMED 10			/* columns that a notice names */

/* One slot's place among the terms. */
typedef struct SlotPlan
{
	bool		is_category;
	int			term;			/* number: its term; category: term of code 1 */
	int			ncategories;
	int			missing_term;	/* category: term of "missing", or 0 */
	int			other_term;		/* category: term of "other", or 0 */
	double		fill;			/* number: replaces NaN (NaN where nothing does) */
	const MlFeature *feature;
} SlotPlan;

struct MlDesign
{
	int			nterms;
	int			nslots;
	bool		only_numbers;	/* term = slot + 1 throughout */
	bool		is_complete;	/* no training row misses a number */
	SlotPlan	slots[FLEXIBLE_ARRAY_MEMBER];
};

static int
plan_category(SlotPlan *slot, const MlFeature *feature, int term)
{
	slot->is_category = true;
	slot->ncategories = feature->ncategories;
	term += Max(feature->ncategories - 1, 0);
	if (feature->has_missing)
		slot->missing_term = term++;
	if (feature->has_other)
		slot->other_term = term++;
	return term;
}

MlDesign *
mlops_design_make(const MlSignature *sig)
{
	MlDesign   *design = palloc0(offsetof(MlDesign, slots) +
								 sizeof(SlotPlan) * sig->width);
	int			term = 1;

	design->nslots = sig->width;
	design->only_numbers = true;
	design->is_complete = true;
	for (int f = 0; f < sig->nfeatures; f++)
	{
		const MlFeature *feature = &sig->features[f];

		design->is_complete &= !feature->has_missing;
		for (int i = 0; i < feature->width; i++)
		{
			SlotPlan   *slot = &design->slots[feature->slot + i];

			slot->feature = feature;
			slot->term = term;
			slot->fill = feature->fill ? feature->fill[i] : NAN;
			if (feature->type == ML_COLUMN_TEXT)
			{
				design->only_numbers = false;
				term = plan_category(slot, feature, term);
			}
			else
				term++;
		}
	}
	design->nterms = term;
	return design;
}

int
mlops_design_nterms(const MlDesign *design)
{
	return design->nterms;
}

/* The term that is 1 for this code of a category, or 0 for none (the reference). */
static inline int
dummy_term(const SlotPlan *slot, double code)
{
	int			c = (int) code;

	if (c < slot->ncategories)
		return c > 0 ? slot->term + c - 1 : 0;
	if (c == slot->ncategories && slot->missing_term)
		return slot->missing_term;
	return slot->other_term;
}

/* The name of a term within one slot, or NULL if it is another slot's. */
static char *
slot_term_name(const SlotPlan *slot, int index, int term)
{
	const MlFeature *feature = slot->feature;

	if (!slot->is_category)
	{
		if (slot->term != term)
			return NULL;
		if (feature->type != ML_COLUMN_ARRAY)
			return pstrdup(feature->name);
		return psprintf("%s[%d]", feature->name, index + 1);
	}
	if (term == slot->missing_term)
		return psprintf("%s is missing", feature->name);
	if (term == slot->other_term)
		return psprintf("%s is other", feature->name);
	if (term >= slot->term && term < slot->term + slot->ncategories - 1)
	{
		const MlString *c = &feature->categories[term - slot->term + 1];

		return psprintf("%s=%.*s", feature->name, c->len, c->data);
	}
	return NULL;
}

char *
mlops_design_term_name(const MlDesign *design, int term)
{
	if (term == 0)
		return pstrdup("(intercept)");
	for (int s = 0; s < design->nslots; s++)
	{
		const SlotPlan *slot = &design->slots[s];
		char	   *name = slot_term_name(slot, s - slot->feature->slot, term);

		if (name)
			return name;
	}
	elog(ERROR, "the design has no term %d", term);
}

/* The column that a term comes from; NULL for the intercept. */
static const MlFeature *
term_feature(const MlDesign *design, int term)
{
	const MlFeature *found = NULL;

	for (int s = 0; s < design->nslots && term > 0; s++)
	{
		/* slots are in order of their terms */
		if (design->slots[s].term > term)
			break;
		found = design->slots[s].feature;
	}
	return found;
}

char *
mlops_design_aliased_notice(const MlDesign *design, const bool *aliased)
{
	StringInfoData columns;
	const MlFeature *last = NULL;
	int			nterms = 0;
	int			ncolumns = 0;

	initStringInfo(&columns);
	for (int j = 0; j < design->nterms; j++)
	{
		const MlFeature *feature;

		if (!aliased[j])
			continue;
		nterms++;
		feature = term_feature(design, j);
		if (feature == NULL || feature == last)
			continue;
		last = feature;
		if (++ncolumns <= MAX_NAMED)
			appendStringInfo(&columns, "%s\"%s\"", ncolumns > 1 ? ", " : "", feature->name);
	}
	if (nterms == 0)
		return NULL;
	if (ncolumns > MAX_NAMED)
		appendStringInfo(&columns, " and %d more", ncolumns - MAX_NAMED);
	/* columns, not categories: those are values of the data */
	return psprintf("terms that depend on earlier ones have no coefficient: %d, of %s",
					nterms, ncolumns > 0 ? columns.data : "the intercept");
}

static void
expand_row(const MlDesign *design, const double *x, double *t)
{
	t[0] = 1.0;
	if (design->only_numbers && design->is_complete)
	{
		memcpy(t + 1, x, sizeof(double) * design->nslots);
		return;
	}
	if (design->only_numbers)
	{
		for (int s = 0; s < design->nslots; s++)
			t[s + 1] = likely(x[s] == x[s]) ? x[s] : design->slots[s].fill;
		return;
	}
	memset(t + 1, 0, sizeof(double) * (design->nterms - 1));
	for (int s = 0; s < design->nslots; s++)
	{
		const SlotPlan *slot = &design->slots[s];

		if (!slot->is_category)
			t[slot->term] = likely(x[s] == x[s]) ? x[s] : slot->fill;
		else
		{
			int			dummy = dummy_term(slot, x[s]);

			if (dummy)
				t[dummy] = 1.0;
		}
	}
}

void
mlops_design_expand(const MlDesign *design, const MlBlock *src,
					const uint8 *part, uint8 want, MlBlock *dst)
{
	int			n = 0;

	Assert(src->width == design->nslots && dst->width == design->nterms);
	for (int i = 0; i < src->nrows; i++)
	{
		if (part && part[i] != want)
			continue;
		expand_row(design, src->x + (Size) i * src->width,
				   dst->x + (Size) n * dst->width);
		if (dst->y)
			dst->y[n] = src->y[i];
		if (dst->w)
			dst->w[n] = src->w ? src->w[i] : 1.0;
		n++;
	}
	dst->nrows = n;
}

double
mlops_design_dot(const MlDesign *design, const double *coef, const double *x)
{
	double		sum = coef[0];

	for (int s = 0; s < design->nslots; s++)
	{
		const SlotPlan *slot = &design->slots[s];

		if (!slot->is_category)
			sum += coef[slot->term] * (likely(x[s] == x[s]) ? x[s] : slot->fill);
		else
		{
			int			dummy = dummy_term(slot, x[s]);

			if (dummy)
				sum += coef[dummy];
		}
	}
	return sum;
}
