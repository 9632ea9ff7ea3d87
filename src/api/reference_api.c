/*-------------------------------------------------------------------------
 *
 * reference_api.c
 *	  SQL: reference(): what a model's training rows looked like, and what of
 *	  it describe() says.
 *
 * Bins are values of training rows, so the tracks need the privilege
 * "artifact"; how many rows a reference was made of does not.
 *
 * IDENTIFICATION
 *	  src/api/reference_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "mlops/catalog.h"
#include "mlops/gov.h"
#include "mlops/jsonb_out.h"
#include "mlops/model.h"
#include "mlops/reference.h"

#include "describe.h"
#include "model_arg.h"

PG_FUNCTION_INFO_V1(mlops_reference_name);
PG_FUNCTION_INFO_V1(mlops_reference_value);

static const char *
kind_name(MlTrackKind kind)
{
	switch (kind)
	{
		case ML_TRACK_FEATURE:
			return "feature";
		case ML_TRACK_OUTPUT:
			return "output";
		case ML_TRACK_JOINT:
			return "joint";
	}
	return NULL;
}

/* "(", "[1.5" or "]1.5" of one side of a bin. */
static void
put_bin(StringInfo buf, const MlCut *left, const MlCut *right)
{
	appendStringInfoChar(buf, left && left->before ? '[' : '(');
	if (left)
		appendStringInfoString(buf, mlops_double_text(left->value));
	appendStringInfoChar(buf, ',');
	if (right)
		appendStringInfoString(buf, mlops_double_text(right->value));
	appendStringInfoChar(buf, right && !right->before ? ']' : ')');
}

static ArrayType *
number_bins(const MlProfile *p)
{
	int			ncuts = p->nbins - 2;
	Datum	   *bins = palloc(sizeof(Datum) * (ncuts + 1));

	for (int i = 0; i <= ncuts; i++)
	{
		StringInfoData buf;

		initStringInfo(&buf);
		put_bin(&buf, i > 0 ? &p->psi_cuts[i - 1] : NULL, i < ncuts ? &p->psi_cuts[i] : NULL);
		bins[i] = CStringGetTextDatum(buf.data);
	}
	return construct_array(bins, ncuts + 1, TEXTOID, -1, false, TYPALIGN_INT);
}

/* The categories with slots of their own; the others have a share without a name, the last. */
static ArrayType *
category_bins(const MlProfile *p)
{
	Datum	   *bins = palloc(sizeof(Datum) * (p->ntop + 1));
	bool	   *nulls = palloc0(sizeof(bool) * (p->ntop + 1));
	int			n = p->ntop + 1;
	int			lower = 1;

	for (int i = 0; i < p->ntop; i++)
		bins[i] = PointerGetDatum(cstring_to_text_with_len(p->top[i].data, p->top[i].len));
	bins[p->ntop] = (Datum) 0;
	nulls[p->ntop] = true;
	return construct_md_array(bins, nulls, 1, &n, &lower, TEXTOID, -1, false, TYPALIGN_INT);
}

static ArrayType *
doubles(const double *x, int n)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		values[i] = Float8GetDatum(x[i]);
	return construct_array(values, n, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

static void
put_track(ReturnSetInfo *rsinfo, const MlSignature *sig, const MlTrack *track)
{
	const MlProfile *p = track->profile;
	bool		is_number = p->kind == ML_PROFILE_NUMBER;
	int			nshares = is_number ? p->nbins - 1 : p->ntop + 1;
	int64	   *bins = palloc(sizeof(int64) * p->nbins);
	double	   *shares = palloc(sizeof(double) * nshares);
	int64		rows = 0;
	Datum		values[8];
	bool		nulls[8] = {0};

	mlops_profile_bins(p, p->counts, bins);
	for (int i = 0; i < p->nbins; i++)
		rows += bins[i];
	for (int i = 0; i < nshares; i++)
		shares[i] = (double) bins[i] / (double) Max(rows, 1);
	values[0] = CStringGetTextDatum(mlops_track_name(track, sig));
	values[1] = CStringGetTextDatum(kind_name(track->kind));
	values[2] = CStringGetTextDatum(is_number ? "number" : "category");
	values[3] = Int64GetDatum(rows);
	values[4] = Float8GetDatum((double) bins[p->nbins - 1] / (double) Max(rows, 1));
	values[5] = PointerGetDatum(is_number ? number_bins(p) : category_bins(p));
	values[6] = PointerGetDatum(doubles(shares, nshares));
	if (is_number && p->ncuts > 0)
	{
		double		ends[2] = {p->cuts[0].value, p->cuts[p->ncuts - 1].value};

		values[7] = PointerGetDatum(doubles(ends, 2));
	}
	else
		nulls[7] = true;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static Datum
show_reference(FunctionCallInfo fcinfo, Datum artifact)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlops reference",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext row = AllocSetContextCreate(context, "mlops reference row", ALLOCSET_DEFAULT_SIZES);
	MlModel    *model;
	MlReference *ref;
	MemoryContext old;

	InitMaterializedSRF(fcinfo, 0);
	old = MemoryContextSwitchTo(context);
	ref = mlops_model_reference(artifact, &model);
	MemoryContextSwitchTo(row);
	for (int i = 0; ref != NULL && i < ref->ntracks; i++)
	{
		CHECK_FOR_INTERRUPTS();
		put_track((ReturnSetInfo *) fcinfo->resultinfo, model->sig, &ref->tracks[i]);
		MemoryContextReset(row);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}

Datum
mlops_reference_name(PG_FUNCTION_ARGS)
{
	MlModelRef	ref;
	MlResolved	resolved;

	mlops_model_ref_parse(mlops_arg_required(fcinfo, 0, "model"), &ref);
	mlops_registry_resolve(&ref, GetUserId(), ML_PRIVILEGE_ARTIFACT, &resolved);
	mlops_audit_revealed("reference", "model", psprintf("%s:%d", ref.name, resolved.version));
	return show_reference(fcinfo, resolved.artifact);
}

Datum
mlops_reference_value(PG_FUNCTION_ARGS)
{
	mlops_arg_require(fcinfo, 0, "model");
	return show_reference(fcinfo, PG_GETARG_DATUM(0));
}

void
mlops_describe_reference(JsonbParseState **out, Datum artifact)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "mlops reference",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	MlModel    *model;
	MlReference *ref = mlops_model_reference(artifact, &model);

	MemoryContextSwitchTo(old);
	if (ref != NULL)
	{
		mlops_jsonb_add_key(out, "reference");
		pushJsonbValue(out, WJB_BEGIN_OBJECT, NULL);
		mlops_jsonb_add_integer(out, "rows", ref->nrows);
		mlops_jsonb_add_integer(out, "sampled", ref->nsample);
		mlops_jsonb_add_integer(out, "tracks", ref->ntracks);
		mlops_jsonb_add_string(out, "answers", ref->held_out ? "holdout" : "training");
		if (ref->calibration.nsteps > 0)
		{
			mlops_jsonb_add_integer(out, "calibration_rows", ref->calibration.nrows);
			mlops_jsonb_add_number(out, "calibration_error", ref->calibration.error);
		}
		pushJsonbValue(out, WJB_END_OBJECT, NULL);
	}
	MemoryContextDelete(context);
}
