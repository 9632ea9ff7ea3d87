/*-------------------------------------------------------------------------
 *
 * tree_words.c
 *	  What a split asks and a leaf answers, for people.
 *
 * IDENTIFICATION
 *	  src/tree/tree_words.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "mlops/jsonb_out.h"
#include "tree_words.h"

#define MAX_NAMES 20			/* categories named in one question */

const MlFeature *
mlops_tree_feature(const MlSignature *sig, int slot, int *element)
{
	for (int i = 0; i < sig->nfeatures; i++)
	{
		const MlFeature *feature = &sig->features[i];

		*element = slot - feature->slot;
		if (*element >= 0 && *element < feature->width)
			return feature;
	}
	elog(ERROR, "slot %d belongs to no feature", slot);
}

bool
mlops_tree_missing_left(const MlFeature *feature, int element,
						const MlEnsemble *e, const MlNode *node)
{
	if ((node->flags & ML_NODE_CATEGORY) != 0)
		return feature->missing == ML_MISSING_CATEGORY &&
			mlops_set_has(e->words + node->u.set.first, feature->ncategories);
	if (feature->missing == ML_MISSING_MEAN || feature->missing == ML_MISSING_MEDIAN)
		return feature->fill[element] <= node->u.threshold;
	return (node->flags & ML_NODE_MISSING_LEFT) != 0;
}

/* The categories on one side, the shorter list or the one without "other". */
static void
put_categories(const MlEnsemble *e, const MlFeature *feature, const MlNode *node,
			   bool left, StringInfo buf)
{
	const uint32 *words = e->words + node->u.set.first;
	bool		others_left = mlops_set_has(words, feature->ncategories + 1);
	int			n = 0;

	/* the side that unseen categories do not go to is listed */
	appendStringInfoString(buf, left == others_left ? " not in (" : " in (");
	for (int i = 0; i < feature->ncategories; i++)
	{
		if (mlops_set_has(words, i) == others_left)
			continue;
		if (n < MAX_NAMES)
		{
			appendStringInfoString(buf, n > 0 ? ", " : "");
			appendBinaryStringInfo(buf, feature->categories[i].data, feature->categories[i].len);
		}
		n++;
	}
	if (n > MAX_NAMES)
		appendStringInfo(buf, ", and %d more", n - MAX_NAMES);
	appendStringInfoChar(buf, ')');
}

void
mlops_tree_question(const MlEnsemble *e, const MlSignature *sig,
					const MlNode *node, bool left, StringInfo buf)
{
	int			element;
	const MlFeature *feature = mlops_tree_feature(sig, node->slot, &element);
	bool		with_missing = mlops_tree_missing_left(feature, element, e, node) == left &&
		feature->missing != ML_MISSING_ERROR && feature->missing != ML_MISSING_SKIP;

	appendStringInfoString(buf, feature->name);
	if (feature->type == ML_COLUMN_ARRAY)
		appendStringInfo(buf, "[%d]", element + 1);
	if ((node->flags & ML_NODE_CATEGORY) != 0)
		put_categories(e, feature, node, left, buf);
	else if (node->u.threshold == DBL_MAX)
	{
		appendStringInfoString(buf, left ? " is not missing" : " is missing");
		return;
	}
	else if (feature->type == ML_COLUMN_BOOL && node->u.threshold >= 0 && node->u.threshold < 1)
		appendStringInfoString(buf, left ? " is false" : " is true");
	else
		appendStringInfo(buf, " %s %s", left ? "<=" : ">", mlops_double_text(node->u.threshold));
	if (with_missing)
		appendStringInfoString(buf, " or missing");
}

void
mlops_tree_answer(const MlEnsemble *e, const MlSignature *sig,
				  const MlNode *leaf, StringInfo buf)
{
	if (e->leaf_outputs == 1)
	{
		appendStringInfo(buf, "value %s", mlops_double_text(leaf->u.value));
		return;
	}
	for (int j = 0; j < e->leaf_outputs; j++)
	{
		appendStringInfoString(buf, j > 0 ? ", " : "");
		appendBinaryStringInfo(buf, sig->classes[j].data, sig->classes[j].len);
		appendStringInfo(buf, " %s",
						 mlops_double_text(e->values[(Size) leaf->right * e->leaf_outputs + j]));
	}
}
