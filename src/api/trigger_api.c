/*-------------------------------------------------------------------------
 *
 * trigger_api.c
 *	  SQL: score_trigger('model', 'column' [, 'on_error=raise|null']
 *	  [, 'on_outside=ignore|null|raise'] [, 'outside=column']), a BEFORE ROW
 *	  trigger that sets a column of every new row.
 *
 * The column's type decides what it gets: a number the prediction, text, enum
 * and boolean the class, jsonb the probabilities (of a regression model: the
 * estimate).  The rights that count are those of the table's owner, who made
 * the trigger possible, so that inserting roles need none on the model.
 *
 * With on_error=null a failure inside scoring (no such model, a missing value
 * that the model does not accept, ...) leaves NULL in the column.  That costs
 * a subtransaction per row; cancel, shutdown and out of memory still fail.
 *
 * on_outside says what becomes of a row unlike all that training saw: a value
 * is missing where none was, a category is new where training had no rare ones
 * to put it with, or a number is beyond its limits (profile/envelope.c).
 * outside names a boolean column that says whether the row is one.
 *
 * IDENTIFICATION
 *	  src/api/trigger_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "mlops/compat.h"
#include "mlops/error.h"
#include "mlops/jsonb_out.h"
#include "mlops/reference.h"
#include "scorer.h"

PG_FUNCTION_INFO_V1(mlops_score_trigger);

typedef enum Outside
{
	OUTSIDE_IGNORE,
	OUTSIDE_NULL,
	OUTSIDE_RAISE
} Outside;

#define OUTSIDE_COLUMN "outside="

/* What a trigger was created with, checked. */
typedef struct TriggerCall
{
	text	   *model;
	int			attnum;
	Oid			column_type;
	Oid			type;			/* its base type where it is a domain */
	int32		typmod;
	bool		null_on_error;
	Outside		on_outside;
	int			flag_attnum;	/* of the column that says whether the row is outside; 0: none */
	bool		looks_outside;	/* one of the two asks for it */
} TriggerCall;

typedef enum Found
{
	FOUND_UNKNOWN,				/* the row could not be looked at */
	FOUND_INSIDE,
	FOUND_OUTSIDE
} Found;

/* A column that was never missing in training. */
typedef struct NeverMissing
{
	int			feature;
	int			attnum;
	Oid			type;			/* its base type where it is a domain */
} NeverMissing;

/* What one trigger keeps for the statement, in its FmgrInfo. */
typedef struct TriggerSite
{
	Oid			trigger;
	TriggerCall call;
	FmgrInfo	scoring;		/* stands for the call site of the scorer */
	bool		is_checked;		/* the signature of the model with this hash */
	uint8		hash[MLOPS_HASH_LEN];
	int			nnever;			/* where rows are looked at */
	NeverMissing *never;
	Found		found;			/* of the last row, errors or not */
} TriggerSite;

static void
check_event(TriggerData *trigdata)
{
	if (!TRIGGER_FIRED_BEFORE(trigdata->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) ||
		TRIGGER_FIRED_BY_DELETE(trigdata->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" must be BEFORE INSERT OR UPDATE FOR EACH ROW",
						trigdata->tg_trigger->tgname)));
}

static void
check_type(Oid type)
{
	switch (type)
	{
		case FLOAT8OID:
		case FLOAT4OID:
		case NUMERICOID:
		case JSONBOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case BOOLOID:
			return;
	}
	if (!type_is_enum(type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("a column of type %s cannot hold a score", format_type_be(type)),
				 errhint("Use double precision, real, numeric, text, an enum, boolean or jsonb.")));
}

/* A column that the trigger sets. */
static Form_pg_attribute
find_column(TriggerData *trigdata, const char *name)
{
	TupleDesc	desc = RelationGetDescr(trigdata->tg_relation);
	int			attnum = SPI_fnumber(desc, name);
	Form_pg_attribute attr;

	if (attnum <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist",
						name, RelationGetRelationName(trigdata->tg_relation))));
	attr = TupleDescAttr(desc, attnum - 1);
	if (attr->attgenerated != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_GENERATED_ALWAYS),
				 errmsg("trigger \"%s\" cannot set the generated column \"%s\"",
						trigdata->tg_trigger->tgname, NameStr(attr->attname))));
	return attr;
}

static void
read_flag(TriggerData *trigdata, const char *column, TriggerCall *call)
{
	Form_pg_attribute attr = find_column(trigdata, column);

	if (attr->atttypid != BOOLOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\", which says whether a row is outside, is not of type boolean",
						column)));
	if (attr->attnum == call->attnum)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("trigger \"%s\" sets column \"%s\" twice",
						trigdata->tg_trigger->tgname, column)));
	call->flag_attnum = attr->attnum;
}

static void
read_option(TriggerData *trigdata, const char *option, TriggerCall *call)
{
	if (strncmp(option, OUTSIDE_COLUMN, strlen(OUTSIDE_COLUMN)) == 0)
		read_flag(trigdata, option + strlen(OUTSIDE_COLUMN), call);
	else if (strcmp(option, "on_error=null") == 0)
		call->null_on_error = true;
	else if (strcmp(option, "on_error=raise") == 0)
		call->null_on_error = false;
	else if (strcmp(option, "on_outside=ignore") == 0)
		call->on_outside = OUTSIDE_IGNORE;
	else if (strcmp(option, "on_outside=null") == 0)
		call->on_outside = OUTSIDE_NULL;
	else if (strcmp(option, "on_outside=raise") == 0)
		call->on_outside = OUTSIDE_RAISE;
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an option of trigger \"%s\" is not recognized", trigdata->tg_trigger->tgname),
				 errhint("Options are 'on_error=raise', 'on_error=null', 'on_outside=ignore', 'on_outside=null', 'on_outside=raise' and 'outside=column'.")));
}

static void
read_arguments(TriggerData *trigdata, TriggerCall *call)
{
	Trigger    *trigger = trigdata->tg_trigger;
	Form_pg_attribute attr;

	if (trigger->tgnargs < 2 || trigger->tgnargs > 5)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("trigger \"%s\" needs a model and a column", trigger->tgname),
				 errhint("Write EXECUTE FUNCTION mlops.score_trigger('model', 'column').")));
	call->null_on_error = false;
	call->on_outside = OUTSIDE_IGNORE;
	attr = find_column(trigdata, trigger->tgargs[1]);
	call->attnum = attr->attnum;
	for (int i = 2; i < trigger->tgnargs; i++)
		read_option(trigdata, trigger->tgargs[i], call);
	call->looks_outside = call->on_outside != OUTSIDE_IGNORE || call->flag_attnum > 0;
	call->column_type = attr->atttypid;
	call->typmod = attr->atttypmod;
	call->type = getBaseTypeAndTypmod(attr->atttypid, &call->typmod);
	check_type(call->type);
	call->model = cstring_to_text(trigger->tgargs[0]);
}

/*
 * A stored generated column is computed after BEFORE triggers, and the columns
 * that this trigger is about to set are not there yet: none can be a feature.
 */
static void
check_column(TriggerData *trigdata, const TriggerCall *call, const char *feature,
			 Form_pg_attribute column)
{
	if (column->attisdropped || strcmp(NameStr(column->attname), feature) != 0)
		return;
	if (column->attgenerated != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("trigger \"%s\" cannot use the generated column \"%s\"",
						trigdata->tg_trigger->tgname, feature),
				 errdetail("Generated columns are computed after BEFORE triggers have run."),
				 errhint("Train the model without this column, or score in a query.")));
	if (column->attnum == call->attnum || column->attnum == call->flag_attnum)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("column \"%s\" is a feature of the model that trigger \"%s\" sets it from",
						feature, trigdata->tg_trigger->tgname)));
}

static void
list_never_missing(TriggerSite *site, const MlSignature *sig, TupleDesc desc)
{
	MemoryContext old = MemoryContextSwitchTo(site->scoring.fn_mcxt);

	if (site->never)
		pfree(site->never);
	site->never = palloc(sizeof(NeverMissing) * Max(sig->nfeatures, 1));
	site->nnever = 0;
	for (int f = 0; f < sig->nfeatures; f++)
	{
		NeverMissing *never = &site->never[site->nnever];

		never->feature = f;
		never->attnum = SPI_fnumber(desc, sig->features[f].name);
		/* the scorer says so if there is no such column */
		if (sig->features[f].has_missing || never->attnum <= 0)
			continue;
		never->type = getBaseType(TupleDescAttr(desc, never->attnum - 1)->atttypid);
		site->nnever++;
	}
	MemoryContextSwitchTo(old);
}

/* Once per statement and model. */
static void
check_signature(TriggerData *trigdata, TriggerSite *site, const MlModel *model)
{
	TupleDesc	desc = RelationGetDescr(trigdata->tg_relation);
	const MlSignature *sig = model->sig;
	bool		generated = desc->constr && mlops_has_generated(desc->constr);

	if (site->is_checked && memcmp(site->hash, model->hash, MLOPS_HASH_LEN) == 0)
		return;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (column->attnum != site->call.attnum && column->attnum != site->call.flag_attnum &&
			!generated)
			continue;
		for (int f = 0; f < sig->nfeatures; f++)
			check_column(trigdata, &site->call, sig->features[f].name, column);
	}
	if (site->call.looks_outside)
		list_never_missing(site, sig, desc);
	memcpy(site->hash, model->hash, MLOPS_HASH_LEN);
	site->is_checked = true;
}

static inline bool
is_nan(Datum value, Oid type)
{
	switch (type)
	{
		case FLOAT8OID:
			return isnan(DatumGetFloat8(value));
		case FLOAT4OID:
			return isnan(DatumGetFloat4(value));
		case NUMERICOID:
			return numeric_is_nan(DatumGetNumeric(value));
		default:
			return false;
	}
}

/* A feature that is missing though it never was in training, or NULL. */
static const MlFeature *
find_missing(const TriggerSite *site, const MlSignature *sig, const Datum *values, const bool *nulls)
{
	for (int i = 0; i < site->nnever; i++)
	{
		const NeverMissing *never = &site->never[i];

		if (nulls[never->attnum - 1] ||
			is_nan(values[never->attnum - 1], never->type))
			return &sig->features[never->feature];
	}
	return NULL;
}

/* A feature whose category training had not, where it put none with the rare ones; x: as the model saw it. */
static const MlFeature *
find_unseen(const MlSignature *sig, const double *x)
{
	for (int f = 0; f < sig->nfeatures; f++)
	{
		const MlFeature *feature = &sig->features[f];

		if (feature->type == ML_COLUMN_TEXT && !feature->has_other &&
			x[feature->slot] == feature->ncategories + 1)
			return feature;
	}
	return NULL;
}

/* The feature for which a row that was scored is outside, or NULL. */
static const MlFeature *
find_outside(TriggerSite *site, const MlScorer *s, const char **why)
{
	const MlSignature *sig = mlops_scorer_model(s)->sig;
	const double *x = mlops_scorer_features(s);
	const MlFeature *feature = find_unseen(sig, x);
	int			f;

	*why = "Its category did not occur in training.";
	if (feature != NULL)
		return feature;
	*why = "Its number is far from those in training.";
	f = mlops_envelope_find(mlops_scorer_envelope(&site->scoring), x);
	return f < 0 ? NULL : &sig->features[f];
}

static void
note_outside(TriggerSite *site, const MlFeature *feature, const char *why)
{
	site->found = feature ? FOUND_OUTSIDE : FOUND_INSIDE;
	if (feature != NULL && site->call.on_outside == OUTSIDE_RAISE)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("column \"%s\" is outside of what the model was trained on", feature->name),
				 errdetail("%s", why)));
}

/* The model's answer, or NULL: there is none, or the row is outside and gets none. */
static const double *
score_row(TriggerSite *site, MlScorer *s, HeapTuple row, TupleDesc desc)
{
	const TriggerCall *call = &site->call;
	const MlFeature *outside;
	const double *out;
	const Datum *values;
	const bool *nulls;
	const char *why;

	if (!call->looks_outside)
		return mlops_scorer_tuple(s, row, desc);
	mlops_scorer_load(s, row, desc, &values, &nulls);
	outside = find_missing(site, mlops_scorer_model(s)->sig, values, nulls);
	if (outside != NULL)
		note_outside(site, outside, "A value is missing, as none was in training.");
	if (outside != NULL && call->on_outside == OUTSIDE_NULL)
		return NULL;
	out = mlops_scorer_loaded(s);
	if (out == NULL || outside != NULL)
		return out;
	outside = find_outside(site, s, &why);
	note_outside(site, outside, why);
	return outside != NULL && call->on_outside == OUTSIDE_NULL ? NULL : out;
}

/* The core's own message would quote the class. */
static void
report_label(const TriggerCall *call)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("a class of the model is not a value of type %s",
					format_type_be(call->type))));
}

/* A class's name as a value of the column's type. */
static Datum
label_datum(const TriggerCall *call, const MlString *label)
{
	char	   *name = pnstrdup(label->data, label->len);
	Oid			input;
	Oid			ioparam;

	if (call->type == BOOLOID)
	{
		bool		value = false;

		if (!parse_bool(name, &value))
			report_label(call);
		return BoolGetDatum(value);
	}
	if (type_is_enum(call->type) &&
		(label->len >= NAMEDATALEN ||
		 !SearchSysCacheExists2(ENUMTYPOIDNAME, ObjectIdGetDatum(call->type),
								CStringGetDatum(name))))
		report_label(call);
	getTypeInputInfo(call->type, &input, &ioparam);
	return OidInputFunctionCall(input, name, ioparam, call->typmod);
}

static Datum
number_datum(const TriggerCall *call, double value)
{
	switch (call->type)
	{
		case FLOAT8OID:
			return Float8GetDatum(value);
		case FLOAT4OID:
			return DirectFunctionCall1(dtof, Float8GetDatum(value));
		default:				/* numeric, to the column's scale */
			return DirectFunctionCall2(numeric,
									   DirectFunctionCall1(float8_numeric, Float8GetDatum(value)),
									   Int32GetDatum(call->typmod));
	}
}

static Datum
jsonb_datum(const MlScorer *s, const double *out)
{
	if (mlops_scorer_model(s)->sig->task == ML_TASK_CLASSIFICATION)
		return JsonbPGetDatum(mlops_scorer_proba(s, out));
	return DirectFunctionCall1(jsonb_in,
							   CStringGetDatum(isfinite(out[0]) ?
											   mlops_double_text(out[0]) : "null"));
}

static Datum
make_result(const TriggerCall *call, const MlScorer *s, const double *out)
{
	switch (call->type)
	{
		case FLOAT8OID:
		case FLOAT4OID:
		case NUMERICOID:
			return number_datum(call, mlops_scorer_value(s, out));
		case JSONBOID:
			return jsonb_datum(s, out);
		default:
			return label_datum(call, mlops_scorer_label(s, out));
	}
}

static Datum
score_new_row(TriggerData *trigdata, TriggerSite *site, HeapTuple row, bool *isnull)
{
	const TriggerCall *call = &site->call;
	Relation	rel = trigdata->tg_relation;
	MlScorer   *s = mlops_scorer_by_name(&site->scoring, call->model,
										 rel->rd_rel->relowner);
	const double *out;
	Datum		value;

	check_signature(trigdata, site, mlops_scorer_model(s));
	out = score_row(site, s, row, RelationGetDescr(rel));
	*isnull = out == NULL;
	if (*isnull)
		return (Datum) 0;
	value = make_result(call, s, out);
	if (call->column_type != call->type)
		domain_check(value, false, call->column_type, NULL, NULL);
	return value;
}

/* The same, with every ordinary error turned into NULL. */
static Datum
score_or_null(TriggerData *trigdata, TriggerSite *site, HeapTuple row, bool *isnull)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile Datum result = (Datum) 0;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		result = score_new_row(trigdata, site, row, isnull);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
			error->sqlerrcode == ERRCODE_OUT_OF_MEMORY ||
			error->elevel > ERROR)
			PG_RE_THROW();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		FreeErrorData(error);
		*isnull = true;
	}
	PG_END_TRY();
	return result;
}

static TriggerSite *
get_site(FmgrInfo *flinfo, TriggerData *trigdata)
{
	TriggerSite *site = flinfo->fn_extra;
	MemoryContext old;

	if (site && site->trigger == trigdata->tg_trigger->tgoid)
		return site;
	check_event(trigdata);
	old = MemoryContextSwitchTo(flinfo->fn_mcxt);
	site = palloc0(sizeof(TriggerSite));
	read_arguments(trigdata, &site->call);
	MemoryContextSwitchTo(old);
	site->trigger = trigdata->tg_trigger->tgoid;
	site->scoring.fn_mcxt = flinfo->fn_mcxt;
	flinfo->fn_extra = site;
	return site;
}

Datum
mlops_score_trigger(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	TriggerSite *site;
	TriggerCall *call;
	HeapTuple	row;
	int			attnums[2];
	Datum		values[2];
	bool		isnull[2];

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("mlops.score_trigger() can only be called as a trigger")));
	site = get_site(fcinfo->flinfo, trigdata);
	call = &site->call;
	row = TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event) ?
		trigdata->tg_newtuple : trigdata->tg_trigtuple;
	site->found = FOUND_UNKNOWN;
	values[0] = call->null_on_error ?
		score_or_null(trigdata, site, row, &isnull[0]) :
		score_new_row(trigdata, site, row, &isnull[0]);
	if (isnull[0] && call->column_type != call->type)
		domain_check((Datum) 0, true, call->column_type, NULL, NULL);
	values[1] = BoolGetDatum(site->found == FOUND_OUTSIDE);
	isnull[1] = site->found == FOUND_UNKNOWN;
	attnums[0] = call->attnum;
	attnums[1] = call->flag_attnum;
	return PointerGetDatum(heap_modify_tuple_by_cols(row, RelationGetDescr(trigdata->tg_relation),
													 call->flag_attnum > 0 ? 2 : 1, attnums, values, isnull));
}
