/*-------------------------------------------------------------------------
 *
 * log_call.c
 *	  Scoring a row and logging it.
 *
 * A model's plain name is divided by its route (catalog/route_read.c), and the
 * aliases in shadow are scored too and only logged.
 *
 * A call site keeps what one row after the other needs: the scorers
 * (scorer.c), what the reference means (route, share that is logged) as long as
 * the snapshot it was read under is the one in use, and which columns of a
 * version are personal data.
 *
 * IDENTIFICATION
 *	  src/api/log_call.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "mlops/catalog.h"
#include "mlops/label.h"
#include "mlops/log.h"

#include "log_call.h"

/* Milliseconds that the clock of who gives a time may be ahead of ours. */
#define CLOCK_DIFFERENCE 60000
/* The year 1: its windows begin and end at times that can be written down. */
#define EARLIEST	(-INT64CONST(730119) * USECS_PER_DAY)

/* An alias, as it is asked for and as it is shown. */
typedef struct Arm
{
	const char *alias;
	text	   *alias_text;
	text	   *ref;			/* 'credit@champion' */
} Arm;

/* What a reference means under a snapshot. */
typedef struct Meaning
{
	MemoryContext context;		/* holds all of it */
	MlSnapshotMark *mark;
	Oid			role;
	char	   *ref;
	int			ref_len;
	bool		is_plain;		/* a model's plain name */
	MlRoute    *route;			/* of a plain name */
	Arm			named;			/* otherwise: alias NULL for a version; of a plain name the champion */
	Arm		   *arms;			/* of the route */
	Arm		   *shadow;
	double		share;
} Meaning;

/* Which features of a version are not logged. */
typedef struct Withheld
{
	struct Withheld *next;
	int64		model_id;
	int			version;
	Oid			row_type;
	uint64		epoch;			/* of labels */
	bool	   *features;		/* NULL: none */
} Withheld;

struct MlLogSite
{
	MemoryContext context;
	FmgrInfo	scoring;		/* stands for the call site of the scorers */
	Withheld   *withheld;
	Meaning    *meaning;		/* of the reference met last */
	StringInfoData features;	/* of the row, encoded */
};

MlLogSite *
mlops_log_site(MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	MlLogSite  *site = palloc0(sizeof(MlLogSite));

	site->context = context;
	site->scoring.fn_mcxt = context;
	initStringInfo(&site->features);
	MemoryContextSwitchTo(old);
	return site;
}

static void
make_arm(Arm *arm, const char *model, const char *alias)
{
	arm->alias = alias;
	arm->alias_text = cstring_to_text(alias);
	arm->ref = cstring_to_text(psprintf("%s@%s", model, alias));
}

static Arm *
make_arms(const char *model, int n, const NameData *aliases)
{
	Arm		   *arms = palloc(sizeof(Arm) * Max(n, 1));

	for (int i = 0; i < n; i++)
		make_arm(&arms[i], model, NameStr(aliases[i]));
	return arms;
}

static Meaning *
read_meaning(const char *ref, int len, Oid role)
{
	Meaning    *m = palloc0(sizeof(Meaning));
	MlModelRef	parsed;
	int64		model_id;

	m->ref = pnstrdup(ref, len);
	m->ref_len = len;
	m->role = role;
	mlops_model_ref_parse(m->ref, &parsed);
	m->is_plain = strcmp(m->ref, parsed.name) == 0;
	model_id = mlops_registry_require(parsed.name, role, ML_PRIVILEGE_PREDICT);
	m->share = mlops_log_share(model_id);
	if (m->is_plain)
	{
		m->route = mlops_route_load(model_id);
		m->arms = make_arms(parsed.name, m->route->narms, m->route->arms);
		m->shadow = make_arms(parsed.name, m->route->nshadow, m->route->shadow);
		make_arm(&m->named, parsed.name, MLOPS_CHAMPION);
	}
	else
	{
		if (parsed.alias[0] != '\0')
			make_arm(&m->named, parsed.name, pstrdup(parsed.alias));
		m->named.ref = cstring_to_text_with_len(ref, len);
	}
	return m;
}

static const Meaning *
get_meaning(MlLogSite *site, const text *ref, Oid role)
{
	const char *bytes = VARDATA_ANY(ref);
	int			len = VARSIZE_ANY_EXHDR(ref);
	Meaning    *m = site->meaning;
	MemoryContext context;
	MemoryContext old;

	if (m && m->ref_len == len && m->role == role && memcmp(m->ref, bytes, len) == 0 &&
		mlops_snapshot_same(m->mark))
		return m;
	if (m)
	{
		site->meaning = NULL;
		MemoryContextDelete(m->context);
	}
	/* dies with the row if there is an error */
	context = AllocSetContextCreate(CurrentMemoryContext, "mlops route", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	m = read_meaning(bytes, len, role);
	m->mark = mlops_snapshot_mark(context);
	m->context = context;
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(context, site->context);
	site->meaning = m;
	return m;
}

/* The key's bytes in UTF-8, which are those of the text where that is the server's encoding. */
static const char *
key_bytes(const text *key, int *len)
{
	char	   *bytes = VARDATA_ANY(key);
	char	   *utf8;

	*len = VARSIZE_ANY_EXHDR(key);
	utf8 = pg_server_to_any(bytes, *len, PG_UTF8);
	if (utf8 != bytes)
		*len = strlen(utf8);
	return utf8;
}

/* Who answers: by key; without one, the champion. */
static const Arm *
choose(const Meaning *m, const char *key, int key_len)
{
	const char *alias;

	if (!m->is_plain || key == NULL || m->route->narms == 0)
		return &m->named;
	alias = mlops_route_variant(m->route, key, key_len);
	for (int i = 0; i < m->route->narms; i++)
	{
		if (NameStr(m->route->arms[i]) == alias)
			return &m->arms[i];
	}
	return &m->named;
}

/*
 * The estimate; with two classes the probability of the positive one, with more
 * that of the likeliest.
 */
static void
read_answer(MlLogAnswer *a)
{
	const MlSignature *sig = mlops_scorer_model(a->scorer)->sig;

	a->label = NULL;
	a->has_value = a->out != NULL;
	if (a->out == NULL)
		return;
	a->value = a->out[0];
	if (sig->task != ML_TASK_CLASSIFICATION)
		return;
	a->label = mlops_scorer_label(a->scorer, a->out);
	if (sig->nclasses > 2)
		a->value = a->out[mlops_scorer_class(a->scorer, a->out)];
}

static void
ask(MlLogSite *site, const MlLogCall *call, const Arm *arm, bool keep, MlLogAnswer *a)
{
	instr_time	start;
	instr_time	end;

	INSTR_TIME_SET_CURRENT(start);
	a->scorer = mlops_scorer_by_name(&site->scoring, arm->ref, call->role);
	a->model_id = mlops_scorer_version(&site->scoring, &a->version);
	a->variant = arm->alias;
	a->variant_text = arm->alias_text;
	a->prediction_id = 0;
	if (keep)
		mlops_scorer_keep_rows(a->scorer);
	a->out = call->score(a->scorer, call->row);
	read_answer(a);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	a->latency_us = (int64) INSTR_TIME_GET_MICROSEC(end);
}

/* What was stored counts: the caller's column has a number for an estimate or the probability of one of two classes. */
static void
take_stored(const MlLogCall *call, MlLogAnswer *a)
{
	const MlSignature *sig = mlops_scorer_model(a->scorer)->sig;

	a->has_value = !call->stored_null;
	a->value = call->stored;
	a->label = NULL;
	if (sig->task != ML_TASK_CLASSIFICATION)
		return;
	if (sig->nclasses > 2)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("a model of %d classes has no single probability that a column could hold",
						sig->nclasses),
				 errhint("Leave value=column out; the row is scored again.")));
	if (a->has_value)
		a->label = &sig->classes[a->value > 0.5 ? 1 : 0];
}

static const bool *
get_withheld(MlLogSite *site, const MlLogAnswer *a)
{
	Oid			row_type = mlops_scorer_row_type(a->scorer);
	uint64		epoch = mlops_label_epoch();
	Withheld  **link = &site->withheld;
	Withheld   *known;

	while ((known = *link) != NULL)
	{
		if (known->model_id == a->model_id && known->version == a->version &&
			known->row_type == row_type)
		{
			if (known->epoch == epoch)
				return known->features;
			*link = known->next;
			if (known->features)
				pfree(known->features);
			pfree(known);
			continue;
		}
		link = &known->next;
	}
	known = MemoryContextAllocZero(site->context, sizeof(Withheld));
	known->features = mlops_log_withheld(site->context, a->model_id, a->version,
										 mlops_scorer_model(a->scorer)->sig, row_type);
	known->model_id = a->model_id;
	known->version = a->version;
	known->row_type = row_type;
	known->epoch = epoch;
	known->next = site->withheld;
	site->withheld = known;
	return known->features;
}

static void
log_answer(MlLogSite *site, const MlLogCall *call, double share, int64 id, bool shadow, MlLogAnswer *a)
{
	const MlSignature *sig = mlops_scorer_model(a->scorer)->sig;
	MlLogRow	row = {0};

	resetStringInfo(&site->features);
	mlops_log_encode(&site->features, sig, mlops_scorer_row(a->scorer), get_withheld(site, a));
	row.prediction_id = id;
	row.model_id = a->model_id;
	row.version = a->version;
	row.variant = a->variant;
	if (call->key)
	{
		row.key = VARDATA_ANY(call->key);
		row.key_len = VARSIZE_ANY_EXHDR(call->key);
	}
	row.features = site->features.data;
	row.features_len = site->features.len;
	row.has_value = a->has_value;
	row.value = a->has_value ? a->value : 0;
	if (a->label)
	{
		row.label = a->label->data;
		row.label_len = a->label->len;
	}
	if (a->out && sig->nclasses > 2)
	{
		row.nprobabilities = sig->nclasses;
		row.probabilities = a->out;
	}
	row.latency_us = a->latency_us;
	row.shadow = shadow;
	row.has_at = call->has_at;
	row.at = call->at;
	row.share = share;
	a->prediction_id = mlops_log_add(&row);
}

/* Is the row one of those that are logged?  Without a key its number decides, which is drawn then. */
static bool
is_sampled(double share, const char *key, int key_len, int64 *id)
{
	*id = 0;
	if (share >= 1)
		return true;
	if (key == NULL)
		*id = mlops_log_next_id();
	return mlops_log_sampled(share, key, key_len, *id);
}

void
mlops_log_call(MlLogSite *site, const MlLogCall *call, MlLogAnswer *answer)
{
	const Meaning *m = get_meaning(site, call->model, call->role);
	const char *key = NULL;
	int			key_len = 0;
	int64		id;
	bool		logs;

	if (call->key)
		mlops_log_key_check(VARSIZE_ANY_EXHDR(call->key));
	if (call->key && (m->share < 1 || (m->is_plain && m->route->narms > 0)))
		key = key_bytes(call->key, &key_len);
	logs = call->logs && is_sampled(m->share, key, key_len, &id);
	ask(site, call, choose(m, key, key_len), logs, answer);
	if (call->has_stored)
		take_stored(call, answer);
	if (!logs)
		return;
	log_answer(site, call, m->share, id, false, answer);
	for (int i = 0; m->is_plain && i < m->route->nshadow; i++)
	{
		MlLogAnswer shadow;

		ask(site, call, &m->shadow[i], true, &shadow);
		log_answer(site, call, m->share, 0, true, &shadow);
	}
}

void
mlops_log_time_check(TimestampTz at)
{
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("the time of a prediction must be finite")));
	if (at < EARLIEST)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("the time of a prediction must not be before the year 1")));
	if (at > TimestampTzPlusMilliseconds(GetCurrentTimestamp(), CLOCK_DIFFERENCE))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("the time of a prediction must not be in the future")));
}
