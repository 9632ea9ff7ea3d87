/*-------------------------------------------------------------------------
 *
 * retrain_measure.c
 *	  How a version was trained, and how two of them do on the same rows.
 *
 * IDENTIFICATION
 *	  src/monitor/retrain_measure.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"

#include "mlops/jsonb_out.h"
#include "mlops/metrics.h"
#include "mlops/model.h"
#include "mlops/numeric.h"
#include "mlops/retrain.h"

#define RESAMPLES		1000
#define FEW_RESAMPLES	200
#define DRAWS			2e8		/* rows drawn in all, beyond which there are fewer resamples */
#define CONFIDENCE		0.95

/* What mlops_paired_finish measures. */
static const struct
{
	const char *name;
	MlTask		task;
	bool		two_classes;	/* it needs them */
	double		sign;			/* of better */
}			metrics[] = {
	{"rmse", ML_TASK_REGRESSION, false, -1},
	{"mae", ML_TASK_REGRESSION, false, -1},
	{"log_loss", ML_TASK_CLASSIFICATION, false, -1},
	{"accuracy", ML_TASK_CLASSIFICATION, false, 1},
	{"auc", ML_TASK_CLASSIFICATION, true, 1},
	{"brier", ML_TASK_CLASSIFICATION, true, -1},
};

const char *
mlops_retrain_metric(const char *metric, MlTask task, int nclasses)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < (int) lengthof(metrics); i++)
	{
		if (metrics[i].task != task || (metrics[i].two_classes && nclasses != 2))
			continue;
		if (metric == NULL || strcmp(metrics[i].name, metric) == 0)
			return metrics[i].name;
		appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", metrics[i].name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("models are not compared by metric \"%s\"", metric),
			 errhint("Metrics for this model are: %s.", list.data)));
}

static double
sign_of(const char *metric)
{
	for (int i = 0; i < (int) lengthof(metrics); i++)
		if (strcmp(metrics[i].name, metric) == 0)
			return metrics[i].sign;
	elog(ERROR, "unknown metric of a retrain policy");
}

static const MlModel *
load_version(int64 model_id, int version)
{
	MlResolved	resolved;

	if (!mlops_registry_version(model_id, version, &resolved))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("version %d does not exist", version)));
	return mlops_model_cache_get(resolved.artifact, CurrentMemoryContext);
}

/* A key of an object, or NULL. */
static JsonbValue *
find_key(Jsonb *object, const char *key)
{
	return object == NULL ? NULL : getKeyJsonValueFromContainer(&object->root, key, strlen(key), NULL);
}

/* The validation of train() by which the version was measured. */
static Jsonb *
validation_of(Jsonb *facts)
{
	JsonbValue *found = find_key(facts, "validation");
	JsonbParseState *state = NULL;
	Jsonb	   *validation;
	JsonbValue *fraction;
	JsonbValue *refit;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	if (found != NULL && found->type == jbvBinary)
	{
		validation = JsonbValueToJsonb(found);
		fraction = find_key(validation, "fraction");
		refit = find_key(validation, "refit");
		mlops_jsonb_add_string(&state, "method", fraction ? "holdout" : "none");
		if (fraction != NULL)
		{
			mlops_jsonb_add_key(&state, "fraction");
			pushJsonbValue(&state, WJB_VALUE, fraction);
		}
		if (refit != NULL)
		{
			mlops_jsonb_add_key(&state, "refit");
			pushJsonbValue(&state, WJB_VALUE, refit);
		}
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* The last of the columns that the fingerprint is of: the weight, where there was one, else the target. */
static char *
weight_of(Jsonb *facts, const char *target)
{
	JsonbValue *columns = find_key(facts, "fingerprint_columns");
	JsonbValue *last = NULL;
	char	   *name;

	if (columns != NULL && columns->type == jbvBinary && JsonContainerIsArray(columns->val.binary.data) &&
		JsonContainerSize(columns->val.binary.data) > 0)
		last = getIthJsonbValueFromContainer(columns->val.binary.data,
											 JsonContainerSize(columns->val.binary.data) - 1);
	if (last == NULL || last->type != jbvString)
		return NULL;
	name = pnstrdup(last->val.string.val, last->val.string.len);
	return strcmp(name, target) == 0 ? NULL : name;
}

/* What is stored beside the artifact.  Nothing is gone on with: the newest version has perhaps seen what is held out. */
static void
read_row(int64 model_id, int version, MlRecipe *out)
{
	MlWriter	w;
	MemoryContext old;

	mlops_read_begin(&w);
	mlops_write_int8(&w, model_id);
	mlops_write_int4(&w, version);
	if (mlops_write_run(&w, "SELECT algorithm, options || CASE WHEN options ? 'warm_start' THEN '{\"warm_start\": false}'"
						" ELSE '{}' END::jsonb FROM mlops_private.version"
						" WHERE model_id = $1 AND version = $2") == 0)
		elog(ERROR, "version is gone");
	out->algorithm = mlops_write_string(&w, 0, 1);
	old = MemoryContextSwitchTo(w.caller);
	out->options = DatumGetJsonbPCopy(mlops_write_result(0, 2));
	MemoryContextSwitchTo(old);
	mlops_read_end(&w);
}

void
mlops_recipe_read(int64 model_id, int version, MlRecipe *out)
{
	const MlModel *model = load_version(model_id, version);
	const MlSignature *sig = model->sig;
	Jsonb	   *facts = mlops_registry_facts(model_id, version);

	memset(out, 0, sizeof(*out));
	if (sig->target == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %d does not know how it was trained", version)));
	read_row(model_id, version, out);
	out->target = pstrdup(sig->target);
	out->nfeatures = sig->nfeatures;
	out->features = palloc(sizeof(char *) * Max(sig->nfeatures, 1));
	for (int i = 0; i < sig->nfeatures; i++)
		out->features[i] = pstrdup(sig->features[i].name);
	out->weight = weight_of(facts, out->target);
	out->validation = validation_of(facts);
}

void
mlops_retrain_measure(int64 model_id, int champion, int challenger, const char *holdout,
					  const char *target, const char *metric, MlRetrainMeasure *out)
{
	const MlModel *a = load_version(model_id, champion);
	const MlModel *b = load_version(model_id, challenger);
	const MlSignature *sigs[2] = {a->sig, b->sig};
	MlPaired   *paired = mlops_paired_begin(a, b);
	double		sign = sign_of(metric);
	MlPairedMetric *list;
	int64		nskipped;
	int64		nunknown;
	int64		only[2];
	int			resamples;
	int			n = 0;

	memset(out, 0, sizeof(*out));
	out->value[0] = out->value[1] = out->gain = out->low = out->high = out->p = NAN;
	mlops_fetch_paired(mlops_source_open(holdout), 2, sigs, target, NULL, mlops_paired_add, paired, &nskipped);
	out->rows = mlops_paired_rows(paired, &nunknown);
	if (out->rows == 0)
		return;
	resamples = (int) Max(FEW_RESAMPLES, Min(RESAMPLES, DRAWS / out->rows));
	list = mlops_paired_finish(paired, resamples, 0, CONFIDENCE, &n);
	for (int i = 0; i < n; i++)
	{
		if (strcmp(list[i].name, metric) != 0)
			continue;
		out->value[0] = list[i].value[0];
		out->value[1] = list[i].value[1];
		out->gain = sign * (list[i].value[1] - list[i].value[0]);
		out->low = sign > 0 ? list[i].low : -list[i].high;
		out->high = sign > 0 ? list[i].high : -list[i].low;
	}
	if (a->sig->task == ML_TASK_CLASSIFICATION)
	{
		mlops_paired_right(paired, &only[0], &only[1]);
		out->p = mlops_mcnemar(only[0], only[1]);
	}
}
