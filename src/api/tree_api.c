/*-------------------------------------------------------------------------
 *
 * tree_api.c
 *	  SQL: trees of a model as text, for Graphviz and as SQL; which features
 *	  they ask.
 *
 * IDENTIFICATION
 *	  src/api/tree_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "mlops/algo.h"
#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_tree_text_name);
PG_FUNCTION_INFO_V1(mlops_tree_text_value);
PG_FUNCTION_INFO_V1(mlops_tree_dot_name);
PG_FUNCTION_INFO_V1(mlops_tree_dot_value);
PG_FUNCTION_INFO_V1(mlops_tree_sql_name);
PG_FUNCTION_INFO_V1(mlops_tree_sql_value);
PG_FUNCTION_INFO_V1(mlops_importance_name);
PG_FUNCTION_INFO_V1(mlops_importance_value);

typedef void (*TreePrinter) (const MlEnsemble *ensemble, const MlSignature *sig, int tree, StringInfo buf);

static const MlEnsemble *
trees_of(const MlModel *model)
{
	if (model->algo->train_trees == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("a model of algorithm \"%s\" has no trees", model->algo->name)));
	return model->body;
}

/* One tree, by the number in argument 1. */
static Datum
print_tree(FunctionCallInfo fcinfo, const MlModel *model, TreePrinter printer)
{
	const MlEnsemble *ensemble = trees_of(model);
	StringInfoData buf;
	int			tree;

	mlops_arg_require(fcinfo, 1, "tree");
	tree = PG_GETARG_INT32(1);
	if (tree < 1 || tree > ensemble->ntrees)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model has no tree %d", tree),
				 errdetail("It has %d trees, counted from 1.", ensemble->ntrees)));
	initStringInfo(&buf);
	printer(ensemble, model->sig, tree - 1, &buf);
	return PointerGetDatum(cstring_to_text_with_len(buf.data, buf.len));
}

Datum
mlops_tree_text_name(PG_FUNCTION_ARGS)
{
	return print_tree(fcinfo, mlops_arg_model_by_name(fcinfo), mlops_tree_text);
}

Datum
mlops_tree_text_value(PG_FUNCTION_ARGS)
{
	return print_tree(fcinfo, mlops_arg_model_by_value(fcinfo), mlops_tree_text);
}

Datum
mlops_tree_dot_name(PG_FUNCTION_ARGS)
{
	return print_tree(fcinfo, mlops_arg_model_by_name(fcinfo), mlops_tree_dot);
}

Datum
mlops_tree_dot_value(PG_FUNCTION_ARGS)
{
	return print_tree(fcinfo, mlops_arg_model_by_value(fcinfo), mlops_tree_dot);
}

static Datum
print_sql(const MlModel *model)
{
	const MlEnsemble *ensemble = trees_of(model);
	StringInfoData buf;

	initStringInfo(&buf);
	mlops_tree_sql(ensemble, model->sig, &buf);
	return PointerGetDatum(cstring_to_text_with_len(buf.data, buf.len));
}

Datum
mlops_tree_sql_name(PG_FUNCTION_ARGS)
{
	return print_sql(mlops_arg_model_by_name(fcinfo));
}

Datum
mlops_tree_sql_value(PG_FUNCTION_ARGS)
{
	return print_sql(mlops_arg_model_by_value(fcinfo));
}

static MlImportance
importance_kind(const char *method)
{
	if (strcmp(method, "gain") == 0)
		return ML_IMPORTANCE_GAIN;
	if (strcmp(method, "split") == 0)
		return ML_IMPORTANCE_SPLIT;
	if (strcmp(method, "cover") == 0)
		return ML_IMPORTANCE_COVER;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("importance has no such method"),
			 errhint("Methods are: gain, split, cover; and permutation, which needs a source.")));
}

/* A feature's place in the order of importance. */
typedef struct Ranked
{
	double		importance;
	int			feature;
} Ranked;

static int
compare_ranked(const void *a, const void *b)
{
	const Ranked *x = a;
	const Ranked *y = b;

	if (x->importance != y->importance)
		return x->importance > y->importance ? -1 : 1;
	return x->feature - y->feature;
}

static Datum
importance(FunctionCallInfo fcinfo, const MlModel *model)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const MlSignature *sig = model->sig;
	double	   *share = palloc(mul_size(sizeof(double), Max(sig->nfeatures, 1)));
	Ranked	   *ranked = palloc(mul_size(sizeof(Ranked), Max(sig->nfeatures, 1)));

	MlImportance kind;

	mlops_arg_require(fcinfo, 1, "method");
	/* first of all, since one method does without trees */
	kind = importance_kind(mlops_arg_text(fcinfo, 1));
	mlops_ensemble_importance(trees_of(model), sig, kind, share);
	for (int i = 0; i < sig->nfeatures; i++)
	{
		ranked[i].importance = share[i];
		ranked[i].feature = i;
	}
	qsort(ranked, sig->nfeatures, sizeof(Ranked), compare_ranked);
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < sig->nfeatures; i++)
	{
		Datum		values[2];
		bool		nulls[2] = {0};

		values[0] = CStringGetTextDatum(sig->features[ranked[i].feature].name);
		values[1] = Float8GetDatum(ranked[i].importance);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

Datum
mlops_importance_name(PG_FUNCTION_ARGS)
{
	return importance(fcinfo, mlops_arg_model_by_name(fcinfo));
}

Datum
mlops_importance_value(PG_FUNCTION_ARGS)
{
	return importance(fcinfo, mlops_arg_model_by_value(fcinfo));
}
