/*-------------------------------------------------------------------------
 *
 * signature.c
 *	  Which column of a source plays which part in a training.
 *
 * Every column whose bytes are cheap to hash enters the row hash, a feature
 * or not, so that the holdout of a table does not depend on the features
 * chosen.  Columns that the current user may not read and that nobody asked
 * for are left alone.
 *
 * IDENTIFICATION
 *	  src/data/signature.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/attnum.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "data.h"

static void
init_column(MlColumn *column, TupleDesc desc, int index)
{
	Form_pg_attribute att = TupleDescAttr(desc, index);

	memset(column, 0, sizeof(MlColumn));
	column->name = pstrdup(NameStr(att->attname));
	column->source = index;
	column->slot = -1;
	mlops_converter_init(&column->conv, att->atttypid, column->name);
	column->family = mlops_converter_family(&column->conv);
}

void
mlops_plan_exclude(MlPlan *plan, const char *column, const char *reason)
{
	appendStringInfo(plan->excluded, "%s\"%s\" (%s)",
					 plan->excluded->len > 0 ? ", " : "", column, reason);
}

static bool
may_read(MlSource *source, const char *column)
{
	AttrNumber	attnum = get_attnum(source->relid, column);

	if (pg_class_aclcheck(source->relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK)
		return true;
	return pg_attribute_aclcheck(source->relid, attnum, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
}

/*
 * The word that labels a column of the source as personal data; NULL: it is
 * not, or may be used nevertheless, which is noted.
 */
static const char *
forbidding_label(MlPlan *plan, const MlWish *wish, const char *column, const char *text, bool asked)
{
	MlLabel		label;
	MlLabelled *labelled;

	if (text == NULL)
		return NULL;
	(void) mlops_label_parse(text, &label);
	if (!label.is_pii)
		return NULL;
	if (!asked || !wish->allow_labelled)
		return label.pii;
	labelled = palloc(sizeof(MlLabelled));
	labelled->column = pstrdup(column);
	labelled->label = pstrdup(text);
	plan->labelled = lappend(plan->labelled, labelled);
	return NULL;
}

/* A column that is named must not be personal data, unless that is allowed. */
static void
check_label(MlPlan *plan, const MlWish *wish, const char *column, const char *text, const char *what)
{
	const char *word = forbidding_label(plan, wish, column, text, true);

	if (word != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("%s \"%s\" is labelled \"%s\"", what, column, word),
				 errdetail("A column counts as labelled when any column beneath it is, through views and expressions."),
				 errhint("Leave it out, or have a policy of the model allow personal data.")));
}

/* Add a feature unless its part is taken; "asked" makes that an error. */
static void
consider_feature(MlPlan *plan, MlSource *source, const MlWish *wish,
				 const char *label, int index, bool asked)
{
	MlColumn   *column = &plan->features[plan->nfeatures];
	const char *word;
	char	   *type;

	init_column(column, source->desc, index);
	column->asked = asked;
	if (strcmp(column->name, wish->target) == 0 ||
		(wish->weight && strcmp(column->name, wish->weight) == 0))
	{
		if (asked)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("column \"%s\" cannot be a feature and the %s at the same time",
							column->name,
							strcmp(column->name, wish->target) == 0 ? "target" : "weight")));
		return;
	}
	if (!asked && source->is_key[index])
	{
		mlops_plan_exclude(plan, column->name, "primary key");
		return;
	}
	word = asked ? NULL : forbidding_label(plan, wish, column->name, label, false);
	if (word != NULL)
	{
		mlops_plan_exclude(plan, column->name, psprintf("labelled \"%s\"", word));
		return;
	}
	if (column->family == 0)
	{
		type = format_type_be(TupleDescAttr(source->desc, index)->atttypid);
		if (asked)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of type %s cannot be a feature",
							column->name, type)));
		mlops_plan_exclude(plan, column->name, psprintf("type %s", type));
		return;
	}
	if (asked)
		check_label(plan, wish, column->name, label, "feature");
	column->missing = column->family == ML_COLUMN_TEXT ?
		wish->missing_category : wish->missing_number;
	column->width = column->family == ML_COLUMN_ARRAY ? 0 : 1;
	plan->nfeatures++;
}

static void
choose_features(MlPlan *plan, MlSource *source, const MlWish *wish, const char *const *labels)
{
	TupleDesc	desc = source->desc;

	plan->features = palloc0(sizeof(MlColumn) * Max(desc->natts + wish->nfeatures, 1));
	if (wish->nfeatures > 0)
	{
		for (int i = 0; i < wish->nfeatures; i++)
		{
			int			index;

			for (int j = 0; j < i; j++)
			{
				if (strcmp(wish->features[i], wish->features[j]) == 0)
					ereport(ERROR,
							(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							 errmsg("feature \"%s\" is listed more than once",
									wish->features[i])));
			}
			index = mlops_column_require(desc, wish->features[i]);
			consider_feature(plan, source, wish, labels[index], index, true);
		}
		return;
	}
	for (int i = 0; i < desc->natts; i++)
	{
		const char *name = NameStr(TupleDescAttr(desc, i)->attname);

		(void) mlops_column_require(desc, name);
		consider_feature(plan, source, wish, labels[i], i, false);
	}
}

/*
 * Reduce a relation to the columns that are used or hashed, and renumber.
 * "hashed" holds for each column whether it enters the row hash.
 */
static void
narrow_plan(MlPlan *plan, MlSource *source)
{
	int			natts = source->desc->natts;
	bool	   *wanted = palloc0(sizeof(bool) * Max(natts, 1));
	int		   *number = palloc0(sizeof(int) * Max(natts, 1));
	int			n = 0;

	for (int i = 0; i < plan->nfeatures; i++)
		wanted[plan->features[i].source] = true;
	wanted[plan->target.source] = true;
	if (plan->has_weight)
		wanted[plan->weight.source] = true;
	plan->hashed = palloc0(sizeof(MlColumn) * Max(natts, 1));
	for (int i = 0; i < natts; i++)
	{
		MlColumn   *column = &plan->hashed[plan->nhashed];

		init_column(column, source->desc, i);
		if (column->conv.kind == CONVERT_NONE)
			continue;
		if (!wanted[i] && OidIsValid(source->relid) && !may_read(source, column->name))
			continue;
		wanted[i] = true;
		plan->nhashed++;
	}
	plan->source = mlops_source_narrow(source, wanted);
	if (plan->source == source)
		return;
	for (int i = 0; i < natts; i++)
	{
		number[i] = n;
		n += wanted[i];
	}
	for (int i = 0; i < plan->nfeatures; i++)
		plan->features[i].source = number[plan->features[i].source];
	for (int i = 0; i < plan->nhashed; i++)
		plan->hashed[i].source = number[plan->hashed[i].source];
	plan->target.source = number[plan->target.source];
	plan->weight.source = number[plan->weight.source];
}

MlPlan *
mlops_plan_make(MlSource *source, const MlWish *wish)
{
	MlPlan	   *plan = palloc0(sizeof(MlPlan));
	const char *const *labels = mlops_source_labels(source);

	plan->excluded = makeStringInfo();
	plan->quiet = wish->quiet;
	init_column(&plan->target, source->desc,
				mlops_column_require(source->desc, wish->target));
	check_label(plan, wish, plan->target.name, labels[plan->target.source], "target");
	if (wish->weight)
	{
		plan->has_weight = true;
		init_column(&plan->weight, source->desc,
					mlops_column_require(source->desc, wish->weight));
		mlops_require_number(&plan->weight.conv, "weight");
		check_label(plan, wish, plan->weight.name, labels[plan->weight.source], "weight");
		if (strcmp(wish->weight, wish->target) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("column \"%s\" cannot be the target and the weight at the same time",
							wish->target)));
	}
	choose_features(plan, source, wish, labels);
	if (plan->nfeatures == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("source has no column that can be a feature"),
				 plan->excluded->len > 0 ? errdetail("Excluded columns: %s.", plan->excluded->data) : 0));
	narrow_plan(plan, source);
	return plan;
}
