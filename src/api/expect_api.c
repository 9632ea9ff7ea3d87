/*-------------------------------------------------------------------------
 *
 * expect_api.c
 *	  SQL: expect(), unexpect(), validate(), expectations_from(),
 *	  expectations_of().
 *
 * IDENTIFICATION
 *	  src/api/expect_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "mlops/catalog.h"
#include "mlops/expect.h"
#include "mlops/gov.h"
#include "mlops/jsonb_out.h"
#include "mlops/model.h"
#include "mlops/reference.h"

#include "model_arg.h"

#define ROOM_ROWS 1000			/* what a share does by chance among so many rows is allowed for */

PG_FUNCTION_INFO_V1(mlops_expect);
PG_FUNCTION_INFO_V1(mlops_unexpect);
PG_FUNCTION_INFO_V1(mlops_validate);
PG_FUNCTION_INFO_V1(mlops_expectations_from);
PG_FUNCTION_INFO_V1(mlops_expectations_of);

static void
set_text(Datum *values, bool *nulls, int i, const char *text)
{
	nulls[i] = text == NULL;
	values[i] = text ? CStringGetTextDatum(text) : (Datum) 0;
}

Datum
mlops_expect(PG_FUNCTION_ARGS)
{
	const char *target = mlops_arg_required(fcinfo, 0, "target");
	MlExpectation e;
	Datum		values[7];
	bool		nulls[7] = {0};

	mlops_arg_require(fcinfo, 1, "expectation");
	mlops_expectation_add(&target, mlops_arg_jsonb(fcinfo, 1),
						  mlops_arg_remark(fcinfo, 2, "name"), &e);
	set_text(values, nulls, 0, target);
	values[1] = Int64GetDatum(e.number);
	set_text(values, nulls, 2, e.name);
	set_text(values, nulls, 3, mlops_expectation_kind_name(e.kind));
	set_text(values, nulls, 4, e.column);
	set_text(values, nulls, 5, mlops_expectation_text(&e));
	set_text(values, nulls, 6, e.is_error ? "error" : "warning");
	return mlops_result_row(fcinfo, values, nulls);
}

Datum
mlops_unexpect(PG_FUNCTION_ARGS)
{
	const char *target = mlops_arg_required(fcinfo, 0, "target");
	MlExpectation e;
	Datum		values[4];
	bool		nulls[4] = {0};

	mlops_arg_require(fcinfo, 1, "number");
	mlops_expectation_remove(&target, PG_GETARG_INT64(1), &e);
	set_text(values, nulls, 0, target);
	values[1] = PG_GETARG_DATUM(1);
	set_text(values, nulls, 2, mlops_expectation_kind_name(e.kind));
	set_text(values, nulls, 3, e.column);
	return mlops_result_row(fcinfo, values, nulls);
}

/* One expectation, or an array of them. */
static List *
parse_given(Jsonb *given)
{
	List	   *list = NIL;
	bool		is_array = JB_ROOT_IS_ARRAY(given) && !JB_ROOT_IS_SCALAR(given);
	int			n = is_array ? JB_ROOT_COUNT(given) : 1;

	for (int i = 0; i < n; i++)
	{
		MlExpectation *e = palloc(sizeof(MlExpectation));

		mlops_expectation_parse(is_array ?
								JsonbValueToJsonb(getIthJsonbValueFromContainer(&given->root, i)) :
								given, e);
		list = lappend(list, e);
	}
	return list;
}

static void
put_result(ReturnSetInfo *rsinfo, const MlExpectationResult *r)
{
	const MlExpectation *e = r->expectation;
	Datum		values[11];
	bool		nulls[11] = {0};

	values[0] = Int64GetDatum(e->number);
	nulls[0] = e->number == 0;
	set_text(values, nulls, 1, e->name);
	set_text(values, nulls, 2, mlops_expectation_kind_name(e->kind));
	set_text(values, nulls, 3, e->column);
	set_text(values, nulls, 4, e->is_shown ? mlops_expectation_text(e) : NULL);
	set_text(values, nulls, 5, r->actual);
	values[6] = Int64GetDatum(r->failed);
	values[7] = Int64GetDatum(r->n);
	nulls[6] = nulls[7] = !r->is_counted;
	nulls[8] = !r->is_counted || r->n == 0;
	values[8] = Float8GetDatum(nulls[8] ? 0 : (double) r->failed / (double) r->n);
	values[9] = BoolGetDatum(r->passed);
	set_text(values, nulls, 10, e->is_error ? "error" : "warning");
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
mlops_validate(PG_FUNCTION_ARGS)
{
	char	   *text = mlops_arg_required(fcinfo, 0, "source");
	List	   *list = NIL;
	MlSource   *source;
	MlExpectationResult *results;

	if (!PG_ARGISNULL(2))
		list = mlops_expectations_of_model(mlops_arg_text(fcinfo, 2));
	source = mlops_source_open(text);
	if (OidIsValid(source->relid))
		list = list_concat(mlops_expectations_of_relation(source->relid), list);
	if (!PG_ARGISNULL(1))
		list = list_concat(list, parse_given(PG_GETARG_JSONB_P(1)));
	InitMaterializedSRF(fcinfo, 0);
	results = mlops_expectations_check(source, list);
	for (int i = 0; i < list_length(list); i++)
		put_result((ReturnSetInfo *) fcinfo->resultinfo, &results[i]);
	return (Datum) 0;
}

/* ------------------------------------------------- expectations_from() */

/* Three standard errors more, rounded up to four digits. */
static double
with_room(double share)
{
	double		room = 3 * sqrt(share * (1 - share) / ROOM_ROWS);

	return Min(1.0, ceil((share + room) * 1e4) / 1e4);
}

/* The profile of a feature with one slot; NULL: it has none. */
static const MlProfile *
find_profile(const MlReference *ref, int feature, int width)
{
	for (int i = 0; ref != NULL && width == 1 && i < ref->ntracks; i++)
		if (ref->tracks[i].kind == ML_TRACK_FEATURE && ref->tracks[i].feature == feature)
			return ref->tracks[i].profile;
	return NULL;
}

/* Share of the training rows in some slots. */
static double
share_of(const MlProfile *p, int first, int last)
{
	int64		rows = 0;

	for (int i = 0; i < p->nslots; i++)
		rows += p->counts[i];
	return (double) (p->counts[first] + (last != first ? p->counts[last] : 0)) / (double) Max(rows, 1);
}

/* profile: where the kind speaks of what it says, else NULL. */
static void
put_proposal(ReturnSetInfo *rsinfo, const char *kind, const MlFeature *f, const MlProfile *p)
{
	JsonbParseState *state = NULL;
	Datum		values[3];
	bool		nulls[3] = {0};

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(&state, "kind", kind);
	mlops_jsonb_add_string(&state, "column", f->name);
	if (strcmp(kind, "column_type") == 0)
		mlops_jsonb_add_string(&state, "type", mlops_family_name(f->type));
	if (strcmp(kind, "range") == 0)
	{
		mlops_jsonb_add_number(&state, "min", p->cuts[0].value);
		mlops_jsonb_add_number(&state, "max", p->cuts[p->ncuts - 1].value);
	}
	if (p != NULL)
	{
		double		share = strcmp(kind, "range") == 0 ? share_of(p, 0, p->ncuts) :
			share_of(p, p->null_slot, p->null_slot);

		if (share > 0)
			mlops_jsonb_add_number(&state, "max_share", with_room(share));
	}
	if (strcmp(kind, "in_set") == 0)
	{
		mlops_jsonb_add_key(&state, "values");
		pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
		for (int i = 0; i < f->ncategories; i++)
		{
			JsonbValue	v;

			v.type = jbvString;
			v.val.string.val = unconstify(char *, f->categories[i].data);
			v.val.string.len = f->categories[i].len;
			pushJsonbValue(&state, WJB_ELEM, &v);
		}
		pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	}
	values[0] = CStringGetTextDatum(kind);
	values[1] = CStringGetTextDatum(f->name);
	values[2] = JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
mlops_expectations_from(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MlModelRef	ref;
	MlResolved	resolved;
	const MlSignature *sig;
	const MlReference *reference;
	MlModel    *model;
	bool		sees_values;

	mlops_model_ref_parse(mlops_arg_required(fcinfo, 0, "model"), &ref);
	mlops_registry_resolve(&ref, GetUserId(), ML_PRIVILEGE_READ, &resolved);
	sees_values = mlops_registry_may(resolved.model_id, GetUserId(), ML_PRIVILEGE_ARTIFACT);
	if (sees_values)
		mlops_audit_revealed("expectations", "model", psprintf("%s:%d", ref.name, resolved.version));
	InitMaterializedSRF(fcinfo, 0);
	reference = mlops_model_reference(resolved.artifact, &model);
	sig = model->sig;
	for (int i = 0; i < sig->nfeatures; i++)
	{
		const MlFeature *f = &sig->features[i];
		const MlProfile *p = find_profile(reference, i, f->width);

		CHECK_FOR_INTERRUPTS();
		put_proposal(rsinfo, "column_type", f, NULL);
		if (!f->has_missing)
			put_proposal(rsinfo, "not_null", f, NULL);
		else if (p != NULL && p->counts[p->null_slot] > 0)
			put_proposal(rsinfo, "not_null", f, p);
		if (sees_values && p != NULL && f->type == ML_COLUMN_NUMBER && p->ncuts > 0 &&
			isfinite(p->cuts[0].value) && isfinite(p->cuts[p->ncuts - 1].value))
			put_proposal(rsinfo, "range", f, p);
		/* rare categories are not in the dictionary, and padded ones differ from their text */
		if (sees_values && f->type == ML_COLUMN_TEXT && !f->has_other &&
			f->ncategories > 0 && f->ncategories <= MLOPS_EXPECT_VALUES)
			put_proposal(rsinfo, "in_set", f, NULL);
	}
	return (Datum) 0;
}

static void
put_found(void *arg, const char *kind, const char *column, Jsonb *expectation)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) arg;
	Datum		values[3];
	bool		nulls[3] = {0};

	values[0] = CStringGetTextDatum(kind);
	values[1] = CStringGetTextDatum(column);
	values[2] = JsonbPGetDatum(expectation);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
mlops_expectations_of(PG_FUNCTION_ARGS)
{
	MlSource   *source = mlops_source_open(mlops_arg_required(fcinfo, 0, "source"));

	InitMaterializedSRF(fcinfo, 0);
	mlops_expectations_propose(source, put_found, fcinfo->resultinfo);
	return (Datum) 0;
}
