/*-------------------------------------------------------------------------
 *
 * label.c
 *	  Labels of columns: their grammar, and the provider "mlops" of SECURITY
 *	  LABEL.
 *
 * The server checks that whoever sets a label owns the relation; the provider
 * checks only the words.  A word it does not know is a WARNING, so that a
 * dump of a later version loads.
 *
 * IDENTIFICATION
 *	  src/data/label.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_seclabel.h"
#include "commands/seclabel.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "data.h"

/* Kinds of personal data; the last line is what Art. 9 GDPR calls special. */
static const char *const pii_kinds[] = {
	"name", "first_name", "last_name", "username", "email", "phone", "url",
	"address", "postcode", "location", "birth_date", "age", "gender",
	"national_id", "ssn", "passport", "driver_license", "tax_id", "vehicle",
	"card", "iban", "bank_account", "crypto", "income", "password",
	"ip", "mac", "device_id", "id", "text", "photo", "medical_id",
	"health", "genetic", "biometric", "ethnicity", "religion", "politics", "union", "sexuality"
};

static const char *const mask_strategies[] = {
	"null", "constant", "partial", "email", "phone", "card", "iban", "name",
	"digits", "ip", "hash", "token", "fpe", "generalize", "round", "noise",
	"date_shift", "redact_text", "auto"
};

static bool
is_known(const char *word, const char *const *known, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (strcmp(word, known[i]) == 0)
			return true;
	}
	return false;
}

/* The end of what is written as a name here. */
static const char *
skip_name(const char *s)
{
	while ((*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') || *s == '_')
		s++;
	return s;
}

/* One word at *s, which moves behind it.  False: malformed. */
static bool
next_word(const char **s, char **name, char **detail)
{
	const char *start = *s;
	const char *end = skip_name(start);

	*detail = NULL;
	if (*start < 'a' || *start > 'z')
		return false;
	*name = pnstrdup(start, end - start);
	if (*end == ':')
	{
		start = end + 1;
		end = skip_name(start);
		if (end == start)
			return false;
		*detail = pnstrdup(start, end - start);
	}
	if (*end != '\0' && *end != ' ')
		return false;
	*s = end;
	return true;
}

static void
warn_unknown(const char *name, const char *detail, const char *what)
{
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("unknown %s \"%s%s%s\" in a label", what, name, detail ? ":" : "", detail ? detail : ""),
			 errdetail("It is kept, for the version of mlops that knows it.")));
}

/* The known words and what they say; others are kept to later versions. */
static bool
take_word(const char *name, char *detail, MlLabel *label, bool warn)
{
	if (strcmp(name, "pii") == 0)
	{
		if (label->is_pii)
			return false;
		label->is_pii = true;
		label->pii_kind = detail;
		label->pii = detail ? psprintf("pii:%s", detail) : pstrdup("pii");
		if (warn && detail && !is_known(detail, pii_kinds, lengthof(pii_kinds)))
			warn_unknown(name, detail, "kind of personal data");
	}
	else if (strcmp(name, "mask") == 0)
	{
		if (label->mask || detail == NULL)
			return false;
		label->mask = detail;
		if (warn && !is_known(detail, mask_strategies, lengthof(mask_strategies)))
			warn_unknown(name, detail, "masking strategy");
	}
	else if (warn)
		warn_unknown(name, detail, "word");
	return true;
}

static bool
parse(const char *text, MlLabel *label, bool warn)
{
	const char *s = text;
	char	   *name;
	char	   *detail;

	memset(label, 0, sizeof(MlLabel));
	do
	{
		if (!next_word(&s, &name, &detail) || !take_word(name, detail, label, warn))
			return false;
		if (*s == ' ')
			s++;
		else
			return true;
	} while (true);
}

bool
mlops_label_parse(const char *text, MlLabel *label)
{
	if (parse(text, label, false))
		return true;
	memset(label, 0, sizeof(MlLabel));
	label->is_pii = true;
	label->pii = pstrdup("pii");
	return false;
}

/* Error 22023 for a malformed label, WARNING for each unknown word of it. */
static void
check_label(const char *text)
{
	MlLabel		label;

	if (!parse(text, &label, false))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("malformed label"),
				 errdetail("A label is words with one space between them, each once: \"pii\" or \"pii:kind\", and \"mask:strategy\"."),
				 errhint("For example 'pii:email mask:partial'; NULL removes a label.")));
	(void) parse(text, &label, true);
}

static void
check_place(Oid relid, int attnum)
{
	char		relkind = get_rel_relkind(relid);

	if (attnum == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("mlops labels columns, not whole relations"),
				 errhint("Use SECURITY LABEL FOR mlops ON COLUMN, or mlops.label_column(), for each column.")));
	if (attnum < 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("mlops does not label system columns")));
	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE &&
		relkind != RELKIND_VIEW && relkind != RELKIND_MATVIEW &&
		relkind != RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("mlops labels columns of tables and views only"),
				 errhint("Label the columns of the tables that hold the data.")));
}

/* pg_seclabel has no cache of its own: sessions that remember labels hear of a change through that of the relation. */
static void
tell_others(const ObjectAddress *object)
{
	if (object->classId == RelationRelationId &&
		SearchSysCacheExists1(RELOID, ObjectIdGetDatum(object->objectId)))
		CacheInvalidateRelcacheByRelid(object->objectId);
}

static uint64 epoch = 1;

static void
at_relation_change(Datum arg, Oid relid)
{
	epoch++;
}

uint64
mlops_label_epoch(void)
{
	static bool registered = false;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(at_relation_change, (Datum) 0);
		registered = true;
	}
	return epoch;
}

/* The server asks whether a label may be set; NULL removes one. */
static void
check_relabel(const ObjectAddress *object, const char *label)
{
	tell_others(object);
	if (label == NULL)
		return;
	if (object->classId != RelationRelationId)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("mlops labels columns only"),
				 errhint("Use SECURITY LABEL FOR mlops ON COLUMN, or mlops.label_column().")));
	check_place(object->objectId, object->objectSubId);
	check_label(label);
}

void
mlops_label_init(void)
{
	register_label_provider(MLOPS_LABEL_PROVIDER, check_relabel);
}

char *
mlops_label_set(Oid relid, AttrNumber attnum, const char *text)
{
	ObjectAddress object;
	char	   *previous;

	check_place(relid, attnum);
	if (text != NULL)
		check_label(text);
	ObjectAddressSubSet(object, RelationRelationId, relid, attnum);
	previous = GetSecurityLabel(&object, MLOPS_LABEL_PROVIDER);
	SetSecurityLabel(&object, MLOPS_LABEL_PROVIDER, text);
	tell_others(&object);
	CommandCounterIncrement();	/* the same column may come again in this statement */
	return previous;
}

List *
mlops_label_list(void)
{
	Relation	rel = table_open(SecLabelRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;
	List	   *list = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		const FormData_pg_seclabel *row = (FormData_pg_seclabel *) GETSTRUCT(tuple);
		MlSetLabel *set;
		bool		isnull;
		Datum		value;

		value = heap_getattr(tuple, Anum_pg_seclabel_provider, RelationGetDescr(rel), &isnull);
		if (isnull || strcmp(TextDatumGetCString(value), MLOPS_LABEL_PROVIDER) != 0)
			continue;
		set = palloc(sizeof(MlSetLabel));
		ObjectAddressSubSet(set->object, row->classoid, row->objoid, row->objsubid);
		value = heap_getattr(tuple, Anum_pg_seclabel_label, RelationGetDescr(rel), &isnull);
		set->text = isnull ? pstrdup("") : TextDatumGetCString(value);
		list = lappend(list, set);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return list;
}

int
mlops_label_remove_all(void)
{
	List	   *labels = mlops_label_list();
	ListCell   *lc;

	foreach(lc, labels)
		SetSecurityLabel(&((MlSetLabel *) lfirst(lc))->object, MLOPS_LABEL_PROVIDER, NULL);
	CommandCounterIncrement();
	return list_length(labels);
}
