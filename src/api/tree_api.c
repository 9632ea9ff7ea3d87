/*-------------------------------------------------------------------------
 *
 * tree_api.c
 *	  SQL: trees of a model as text, for Graphviz, as SQL and as rows; which
 *	  features they ask.
 *
 * IDENTIFICATION
 *	  src/api/tree_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "mlops/algo.h"
#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_tree_text_name);
PG_FUNCTION_INFO_V1(mlops_tree_text_value);
PG_FUNCTION_INFO_V1(mlops_tree_dot_name);
PG_FUNCTION_INFO_V1(mlops_tree_dot_value);
PG_FUNCTION_INFO_V1(mlops_tree_sql_name);
PG_FUNCTION_INFO_V1(mlops_tree_sql_value);
PG_FUNCTION_INFO_V1(mlops_trees_name);
PG_FUNCTION_INFO_V1(mlops_trees_value);
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
	return print_tree(fcinfo, mlops_arg_model_by_name(fcinfo, ML_PRIVILEGE_ARTIFACT), mlops_tree_text);
}

Datum
mlops_tree_text_value(PG_FUNCTION_ARGS)
{
	return print_tree(fcinfo, mlops_arg_model_by_value(fcinfo), mlops_tree_text);
}

Datum
mlops_tree_dot_name(PG_FUNCTION_ARGS)
{
	return print_tree(fcinfo, mlops_arg_model_by_name(fcinfo, ML_PRIVILEGE_ARTIFACT), mlops_tree_dot);
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
	return print_sql(mlops_arg_model_by_name(fcinfo, ML_PRIVILEGE_ARTIFACT));
}

Datum
mlops_tree_sql_value(PG_FUNCTION_ARGS)
{
	return print_sql(mlops_arg_model_by_value(fcinfo));
}

/* ------------------------------------------------------------------ rows */

/* Columns of trees(). */
enum
{
	TREES_TREE, TREES_NODE, TREES_PARENT, TREES_FEATURE, TREES_THRESHOLD,
	TREES_CATEGORIES, TREES_LEFT, TREES_RIGHT, TREES_MISSING, TREES_VALUE,
	TREES_CLASS, TREES_OUTPUTS, TREES_GAIN, TREES_COVER, TREES_COLUMNS
};

/* Where trees() puts its rows. */
typedef struct TreesOut
{
	ReturnSetInfo *rsinfo;
	const MlModel *model;
	const MlEnsemble *ensemble;
	int			tree;			/* from 1 */
	MemoryContext context;		/* of one row */
} TreesOut;

static void
set_node(Datum *values, bool *nulls, int column, int node)
{
	values[column] = Int32GetDatum(node);
	nulls[column] = node == 0;
}

static Datum
categories_datum(const MlTreeRow *row)
{
	Datum	   *names = palloc(mul_size(sizeof(Datum), Max(row->ncodes, 1)));

	for (int i = 0; i < row->ncodes; i++)
	{
		const MlString *name = &row->feature->categories[row->codes[i]];

		names[i] = PointerGetDatum(cstring_to_text_with_len(name->data, name->len));
	}
	return PointerGetDatum(construct_array(names, row->ncodes, TEXTOID, -1, false, TYPALIGN_INT));
}

static Datum
values_datum(const double *x, int n)
{
	Datum	   *values = palloc(mul_size(sizeof(Datum), n));

	for (int i = 0; i < n; i++)
		values[i] = Float8GetDatum(x[i]);
	return PointerGetDatum(construct_array(values, n, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL,
										   TYPALIGN_DOUBLE));
}

static void
set_split(const MlTreeRow *row, Datum *values, bool *nulls)
{
	values[TREES_FEATURE] = row->feature->type == ML_COLUMN_ARRAY ?
		CStringGetTextDatum(psprintf("%s[%d]", row->feature->name, row->element + 1)) :
		CStringGetTextDatum(row->feature->name);
	nulls[TREES_FEATURE] = false;
	if (row->is_category)
		values[TREES_CATEGORIES] = categories_datum(row);
	else
		values[TREES_THRESHOLD] = Float8GetDatum(row->threshold);
	nulls[row->is_category ? TREES_CATEGORIES : TREES_THRESHOLD] = false;
	set_node(values, nulls, TREES_LEFT, row->left);
	set_node(values, nulls, TREES_RIGHT, row->right);
	set_node(values, nulls, TREES_MISSING, row->missing);
	values[TREES_GAIN] = Float8GetDatum(row->gain);
	nulls[TREES_GAIN] = false;
}

static void
set_leaf(const TreesOut *out, const MlTreeRow *row, Datum *values, bool *nulls)
{
	const MlEnsemble *e = out->ensemble;

	if (row->values)
		values[TREES_OUTPUTS] = values_datum(row->values, e->leaf_outputs);
	else
		values[TREES_VALUE] = Float8GetDatum(row->value);
	nulls[row->values ? TREES_OUTPUTS : TREES_VALUE] = false;
	if (row->values == NULL && e->noutputs > 1)
	{
		const MlString *name = &out->model->sig->classes[row->output];

		values[TREES_CLASS] = PointerGetDatum(cstring_to_text_with_len(name->data, name->len));
		nulls[TREES_CLASS] = false;
	}
}

static void
put_tree_row(void *arg, const MlTreeRow *row)
{
	TreesOut   *out = arg;
	MemoryContext old = MemoryContextSwitchTo(out->context);
	Datum		values[TREES_COLUMNS] = {0};
	bool		nulls[TREES_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	set_node(values, nulls, TREES_TREE, out->tree);
	set_node(values, nulls, TREES_NODE, row->node);
	set_node(values, nulls, TREES_PARENT, row->parent);
	if (row->feature)
		set_split(row, values, nulls);
	else
		set_leaf(out, row, values, nulls);
	values[TREES_COVER] = Float8GetDatum(row->cover);
	nulls[TREES_COVER] = false;
	tuplestore_putvalues(out->rsinfo->setResult, out->rsinfo->setDesc, values, nulls);
	MemoryContextSwitchTo(old);
	MemoryContextReset(out->context);
}

static Datum
put_trees(FunctionCallInfo fcinfo, const MlModel *model)
{
	TreesOut	out;

	out.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	out.model = model;
	out.ensemble = trees_of(model);
	out.context = AllocSetContextCreate(CurrentMemoryContext, "mlops tree row",
										ALLOCSET_DEFAULT_SIZES);
	InitMaterializedSRF(fcinfo, 0);
	for (out.tree = 1; out.tree <= out.ensemble->ntrees; out.tree++)
		mlops_tree_rows(out.ensemble, model->sig, out.tree - 1, put_tree_row, &out);
	MemoryContextDelete(out.context);
	return (Datum) 0;
}

Datum
mlops_trees_name(PG_FUNCTION_ARGS)
{
	return put_trees(fcinfo, mlops_arg_model_by_name(fcinfo, ML_PRIVILEGE_ARTIFACT));
}

Datum
mlops_trees_value(PG_FUNCTION_ARGS)
{
	return put_trees(fcinfo, mlops_arg_model_by_value(fcinfo));
}

/* ------------------------------------------------------------ importance */

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
	return importance(fcinfo, mlops_arg_model_by_name(fcinfo, ML_PRIVILEGE_READ));
}

Datum
mlops_importance_value(PG_FUNCTION_ARGS)
{
	return importance(fcinfo, mlops_arg_model_by_value(fcinfo));
}
