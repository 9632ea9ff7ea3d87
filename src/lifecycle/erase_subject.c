/*-------------------------------------------------------------------------
 *
 * erase_subject.c
 *	  The right to erasure: what is done about a subject, and what cannot be.
 *
 * The report has a line for each place: what was done, what remains to be
 * done by whom, what a hold or a minimum of retention forbids, and what is
 * beyond a database function.  It claims nothing else.
 *
 * The key is a value: it is a parameter of statements and stands in no
 * message, no line of the log and no record.  The record has a random number
 * of the request in its place.
 *
 * IDENTIFICATION
 *	  src/lifecycle/erase_subject.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "mlops/erasure.h"
#include "mlops/gov.h"
#include "mlops/jsonb_out.h"
#include "mlops/retention.h"
#include "mlops/snapshot.h"

#include "lifecycle_private.h"

#define REQUEST_LEN 16

typedef struct Report
{
	MemoryContext context;
	MlErasure  *first;
	MlErasure **last;
} Report;

static void
add_line(Report *report, const char *place, const char *status, int64 items, const char *detail)
{
	MlErasure  *line = MemoryContextAlloc(report->context, sizeof(MlErasure));

	line->place = place;
	line->status = status;
	line->items = items;
	line->detail = detail;
	line->next = NULL;
	*report->last = line;
	report->last = &line->next;
}

/* What no function inside the database can reach. */
static void
add_out_of_reach(Report *report)
{
	static const char *const lines[][2] = {
		{"notes, cards, reasons, runs, sources", "What people wrote is not searched: texts, parameters of runs, options, queries."},
		{"model versions trained from your own tables",
		"Whose rows they were is not on record; of what they learned, names of categories and classes were searched, numbers were not."},
		{"your own tables", "Erase there yourself; pg_stats keeps values until ANALYZE, the files keep rows until VACUUM."},
		{"write-ahead log and its archive", "Until it is recycled or removed."},
		{"base backups and dumps", "Until they are removed."},
		{"replicas", "Until this transaction is replayed and the tables are vacuumed."},
		{"server log, pg_stat_statements, pg_stat_activity", "They keep statements with the literals in them; pass the key as a parameter."},
	};

	for (int i = 0; i < (int) lengthof(lines); i++)
		add_line(report, lines[i][0], "out of reach", -1, lines[i][1]);
}

/* What is known of a snapshot before its rows are looked at. */
typedef struct Candidate
{
	int64		snapshot_id;
	char	   *name;
	bool		has_key;
	bool		too_young;
} Candidate;

static Candidate *
list_snapshots(MlWriter *w, int *n)
{
	Candidate  *list;
	TimestampTz before;

	if (!mlops_retention_minimum(w, "snapshots", &before))
		before = DT_NOEND;
	mlops_write_time(w, before);
	*n = (int) mlops_write_run(w, "SELECT snapshot_id, name, key IS NOT NULL, created_at > $1"
							   " FROM mlops_private.snapshot ORDER BY snapshot_id");
	list = MemoryContextAlloc(w->caller, (*n + 1) * sizeof(Candidate));
	for (int i = 0; i < *n; i++)
	{
		list[i].snapshot_id = DatumGetInt64(mlops_write_result(i, 1));
		list[i].name = mlops_write_string(w, i, 2);
		list[i].has_key = DatumGetBool(mlops_write_result(i, 3));
		list[i].too_young = DatumGetBool(mlops_write_result(i, 4));
	}
	return list;
}

/* Add the versions that were trained from the snapshot to the list; how many. */
static int64
add_versions(MlWriter *w, const char *snapshot, StringInfo versions)
{
	uint64		n;

	mlops_write_text(w, snapshot);
	n = mlops_write_run(w, "SELECT m.name || ':' || v.version FROM mlops_private.model m"
						" JOIN mlops_private.version v USING (model_id)"
						" WHERE btrim(v.source) = 'snapshot:' || $1 ORDER BY m.name, v.version");
	for (uint64 i = 0; i < n; i++)
		appendStringInfo(versions, "%s%s", versions->len > 0 ? ", " : "",
						 mlops_write_string(w, i, 1));
	return (int64) n;
}

static void
add_if(Report *report, const char *place, const char *status, int64 items, const char *detail)
{
	if (items > 0)
		add_line(report, place, status, items, detail);
}

/*
 * Is it an error of what is looked at: a type that is gone, another encoding, bytes
 * that are damaged?  Anything else is for the caller.
 */
static bool
is_unreadable(int sqlerrcode)
{
	int			category = ERRCODE_TO_CATEGORY(sqlerrcode);

	return sqlerrcode == ERRCODE_DATA_CORRUPTED ||
		sqlerrcode == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE ||
		category == ERRCODE_TO_CATEGORY(ERRCODE_UNDEFINED_OBJECT) ||
		category == ERRCODE_INVALID_SCHEMA_NAME ||
		category == ERRCODE_DATA_EXCEPTION ||
		category == ERRCODE_FEATURE_NOT_SUPPORTED ||
		category == ERRCODE_TO_CATEGORY(ERRCODE_PROTOCOL_VIOLATION);
}

bool
mlops_erase_try(MlWriter *w, MlWork look, void *arg)
{
	return mlops_write_try(w, look, arg, is_unreadable);
}

typedef struct SnapshotRows
{
	int64		snapshot_id;
	const char *key;
	int64		erased;
} SnapshotRows;

static void
look_at_snapshot(MlWriter *w, void *arg)
{
	SnapshotRows *rows = arg;

	rows->erased = mlops_snapshot_erase(w, rows->snapshot_id, rows->key);
}

/* The rows of one snapshot, how many; -1: it cannot be read. */
static int64
erase_snapshot(MlWriter *w, int64 snapshot_id, const char *key)
{
	SnapshotRows rows = {snapshot_id, key, 0};

	return mlops_erase_try(w, look_at_snapshot, &rows) ? rows.erased : -1;
}

/* The rows of snapshots that have a key column, and what was trained from them. */
static void
erase_snapshots(MlWriter *w, const char *key, Report *report)
{
	int64		rows = 0;
	int64		held = 0;
	int64		too_young = 0;
	int64		keyless = 0;
	int64		retrain = 0;
	int64		unreadable = 0;
	StringInfoData versions;
	StringInfoData names;
	Candidate  *list;
	int			n;

	mlops_hold_lock(w);
	list = list_snapshots(w, &n);
	initStringInfo(&versions);
	initStringInfo(&names);
	for (int i = 0; i < n; i++)
	{
		int64		erased;

		if (!list[i].has_key)
			keyless++;
		else if (mlops_hold_exists(w, "snapshot", list[i].name))
			held++;
		else if (list[i].too_young)
			too_young++;
		else if ((erased = erase_snapshot(w, list[i].snapshot_id, key)) < 0)
		{
			unreadable++;
			appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", list[i].name);
		}
		else if (erased > 0)
		{
			rows += erased;
			retrain += add_versions(w, list[i].name, &versions);
		}
	}
	add_line(report, "rows of snapshots", "done", rows,
			 "Of snapshots whose key column says whose a row is.");
	add_if(report, "rows of snapshots", "pending", rows,
		   "Old row versions are in the file until VACUUM FULL of mlops_private.snapshot_part; after VACUUM until they are overwritten.");
	add_if(report, "snapshots", "blocked", held, "A legal hold is on them; they were not searched.");
	add_if(report, "snapshots", "blocked", too_young,
		   "The minimum time to keep snapshots is not over; they were not searched.");
	add_if(report, "snapshots", "blocked", unreadable,
		   MemoryContextStrdup(report->context,
							   psprintf("They cannot be read, as a type is gone or they are damaged; drop them: %s.",
										names.data)));
	add_if(report, "snapshots", "out of reach", keyless,
		   "They have no key column; whose their rows are cannot be told.");
	add_if(report, "model versions", "retrain needed", retrain,
		   MemoryContextStrdup(report->context,
							   psprintf("Trained on rows that are gone: %s.", versions.data)));
}

/* Versions that have the key itself, whatever they were trained from. */
static void
find_in_models(MlWriter *w, const char *key, Report *report)
{
	MlNamedVersions found;

	mlops_versions_with_name(w, key, &found);
	add_if(report, "model versions", "retrain needed", found.n,
		   MemoryContextStrdup(report->context,
							   psprintf("Have the key as a category or a class: %s.", found.names.data)));
	add_if(report, "model versions", "blocked", found.nunreadable,
		   MemoryContextStrdup(report->context,
							   psprintf("They cannot be read, as they are damaged or of a newer release; drop them: %s.",
										found.unreadable.data)));
}

/* Logged predictions and outcomes with the key, but for those of models on hold. */
static void
erase_predictions(MlWriter *w, const char *key, Report *report)
{
	static const char *const place = "predictions, outcomes";
	int64		erased = 0;
	int64		held = 0;
	uint64		n;
	int64	   *models;
	char	  **names;

	mlops_write_text(w, key);
	n = mlops_write_run(w, "SELECT k.model_id, m.name FROM"
						" (SELECT model_id FROM mlops_private.prediction WHERE key = $1"
						" UNION SELECT model_id FROM mlops_private.outcome WHERE key = $1) k"
						" LEFT JOIN mlops_private.model m ON m.model_id = k.model_id ORDER BY 1");
	models = palloc(sizeof(int64) * (n + 1));
	names = palloc(sizeof(char *) * (n + 1));
	for (uint64 i = 0; i < n; i++)
	{
		models[i] = DatumGetInt64(mlops_write_result(i, 1));
		names[i] = mlops_write_string(w, i, 2);
	}
	for (uint64 i = 0; i < n; i++)
	{
		if (names[i] && mlops_hold_exists(w, "model", names[i]))
		{
			held++;
			continue;
		}
		mlops_write_text(w, key);
		mlops_write_int8(w, models[i]);
		erased += (int64) mlops_write_run(w, "DELETE FROM mlops_private.prediction"
										  " WHERE key = $1 AND model_id = $2");
		mlops_write_text(w, key);
		mlops_write_int8(w, models[i]);
		erased += (int64) mlops_write_run(w, "DELETE FROM mlops_private.outcome"
										  " WHERE key = $1 AND model_id = $2");
	}
	add_line(report, place, "done", erased, "Of all models, by the key they were scored with.");
	add_if(report, place, "pending", erased,
		   "Old row versions are in the file until VACUUM FULL of mlops_private.outcome and the partitions of mlops_private.prediction; after VACUUM until they are overwritten.");
	add_if(report, place, "blocked", held, "A legal hold is on so many models.");
}

static void
erase_audit(MlWriter *w, const char *key, Report *report, MlAuditErased *erased)
{
	static const char *const place = "audit payloads";

	mlops_audit_erase(w, key, erased);
	add_line(report, place, "done", erased->erased,
			 "Payload and salt are gone; the records stay and the chain verifies.");
	if (erased->erased > 0)
		add_line(report, place, "pending", erased->erased,
				 "Old row versions are in the file until VACUUM FULL of mlops_private.audit_payload; after VACUUM until they are overwritten.");
	if (erased->held > 0)
		add_line(report, place, "blocked", erased->held,
				 "A legal hold is on them.");
	if (erased->too_young > 0)
		add_line(report, place, "blocked", erased->too_young,
				 "The minimum time to keep the audit trail is not over.");
}

/* The record of the erasure: everything about it but the key. */
static void
record_request(MlWriter *w, const char *reason, const MlAuditErased *audit, const Report *report)
{
	JsonbParseState *state = NULL;
	uint8		request[REQUEST_LEN];
	char		hex[2 * REQUEST_LEN + 1];

	if (!pg_strong_random(request, sizeof(request)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random numbers")));
	hex_encode((const char *) request, REQUEST_LEN, hex);
	hex[2 * REQUEST_LEN] = '\0';
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	mlops_jsonb_add_string(&state, "reason", reason);
	mlops_jsonb_add_key(&state, "events");
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (int64 i = 0; i < audit->erased; i++)
	{
		JsonbValue	element;

		element.type = jbvNumeric;
		element.val.numeric = int64_to_numeric(DatumGetInt64(audit->events[i]));
		pushJsonbValue(&state, WJB_ELEM, &element);
	}
	pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	mlops_jsonb_add_key(&state, "report");
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (const MlErasure *line = report->first; line; line = line->next)
	{
		if (line->items < 0)
			continue;
		pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
		mlops_jsonb_add_string(&state, "place", line->place);
		mlops_jsonb_add_string(&state, "status", line->status);
		mlops_jsonb_add_integer(&state, "items", line->items);
		pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	}
	pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	mlops_audit_add(w, "subject.erase", "subject", hex,
					JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

MlErasure *
mlops_erase_subject_everywhere(MlWriter *w, const char *key, const char *reason)
{
	Report		report;
	MlAuditErased audit;

	if (*key == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key must not be empty")));
	if (reason && strstr(reason, key) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("reason must not contain the key"),
				 errdetail("The reason stays on record.")));
	report.context = w->caller;
	report.first = NULL;
	report.last = &report.first;
	erase_snapshots(w, key, &report);
	find_in_models(w, key, &report);
	erase_predictions(w, key, &report);
	erase_audit(w, key, &report, &audit);
	add_out_of_reach(&report);
	record_request(w, reason, &audit, &report);
	return report.first;
}
