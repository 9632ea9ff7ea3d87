/*-------------------------------------------------------------------------
 *
 * trained_on_api.c
 *	  SQL: trained_on(), whether a version was trained on these rows.
 *
 * The version remembers the fingerprint of the rows it was made from and the
 * columns it looked at; the source is read for the same columns as the current
 * user, with its privileges and row security.
 *
 * IDENTIFICATION
 *	  src/api/trained_on_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "mlops/catalog.h"
#include "mlops/dataset.h"
#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_trained_on);

/* What the version's row says of the rows; false: nothing, it is from before that was recorded. */
static bool
find_recorded(const MlResolved *version, MlFingerprint *recorded)
{
	MlWriter	w;
	MemoryContext old;
	Jsonb	   *facts;
	JsonbValue	space;
	JsonbValue *v;

	memset(recorded, 0, sizeof(*recorded));
	mlops_read_begin(&w);
	mlops_write_int8(&w, version->model_id);
	mlops_write_int4(&w, version->version);
	if (mlops_write_run(&w, "SELECT facts FROM mlops_private.version WHERE model_id = $1 AND version = $2") == 0)
		elog(ERROR, "version is gone");
	old = MemoryContextSwitchTo(w.caller);
	facts = DatumGetJsonbPCopy(mlops_write_result(0, 1));
	MemoryContextSwitchTo(old);
	mlops_read_end(&w);

	v = getKeyJsonValueFromContainer(&facts->root, "fingerprint", 11, &space);
	if (v == NULL || v->type != jbvString || v->val.string.len >= (int) sizeof(recorded->text))
		return false;
	memcpy(recorded->text, v->val.string.val, v->val.string.len);
	v = getKeyJsonValueFromContainer(&facts->root, "fingerprint_rows", 16, &space);
	if (v != NULL && v->type == jbvNumeric)
		recorded->nrows = DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(v->val.numeric)));
	v = getKeyJsonValueFromContainer(&facts->root, "fingerprint_columns", 19, &space);
	if (v == NULL || v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data))
		return false;
	recorded->ncolumns = JsonContainerSize(v->val.binary.data);
	recorded->columns = palloc0(sizeof(char *) * Max(recorded->ncolumns, 1));
	for (int i = 0; i < recorded->ncolumns; i++)
	{
		JsonbValue *name = getIthJsonbValueFromContainer(v->val.binary.data, i);

		if (name->type != jbvString)
			return false;
		recorded->columns[i] = pnstrdup(name->val.string.val, name->val.string.len);
	}
	return true;
}

static Datum
name_array(const MlFingerprint *print)
{
	Datum	   *names = palloc(sizeof(Datum) * Max(print->ncolumns, 1));

	for (int i = 0; i < print->ncolumns; i++)
		names[i] = CStringGetTextDatum(print->columns[i]);
	return PointerGetDatum(construct_array(names, print->ncolumns, TEXTOID, -1, false, TYPALIGN_INT));
}

Datum
mlops_trained_on(PG_FUNCTION_ARGS)
{
	MlModelRef	ref;
	MlResolved	version;
	MlFingerprint recorded;
	MlFingerprint *found;
	Datum		values[8];
	bool		nulls[8] = {0};

	mlops_arg_require(fcinfo, 0, "model");
	mlops_arg_require(fcinfo, 1, "source");
	mlops_model_ref_parse(mlops_arg_text(fcinfo, 0), &ref);
	mlops_registry_resolve(&ref, GetUserId(), ML_PRIVILEGE_READ, &version);
	if (!find_recorded(&version, &recorded))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no fingerprint was recorded for version %d of model \"%s\"",
						version.version, ref.name)));
	found = mlops_fingerprint_read(mlops_source_open(mlops_arg_text(fcinfo, 1)),
								   recorded.columns, recorded.ncolumns);
	values[0] = CStringGetTextDatum(ref.name);
	values[1] = Int32GetDatum(version.version);
	values[2] = BoolGetDatum(strcmp(found->text, recorded.text) == 0);
	values[3] = CStringGetTextDatum(found->text);
	values[4] = CStringGetTextDatum(recorded.text);
	values[5] = Int64GetDatum(found->nrows);
	values[6] = Int64GetDatum(recorded.nrows);
	values[7] = name_array(&recorded);
	return mlops_result_row(fcinfo, values, nulls);
}
