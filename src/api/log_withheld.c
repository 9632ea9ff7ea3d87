/*-------------------------------------------------------------------------
 *
 * log_withheld.c
 *	  Features that are personal data, and so are not logged.
 *
 * A feature is if it was used in spite of a label, if one of the columns that
 * it was made of in training is labelled today, or if the column that it is
 * scored from is.
 *
 * IDENTIFICATION
 *	  src/api/log_withheld.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/attnum.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "mlops/catalog.h"
#include "mlops/label.h"

#include "log_call.h"

typedef struct Search
{
	MemoryContext context;
	const MlSignature *sig;
	MlPiiIndex *labels;
	bool	   *withheld;		/* NULL: none so far */
} Search;

static void
withhold(Search *search, int feature)
{
	if (search->withheld == NULL)
		search->withheld = MemoryContextAllocZero(search->context,
												  sizeof(bool) * search->sig->nfeatures);
	search->withheld[feature] = true;
}

/* -1: there is none of that name */
static int
find_feature(const Search *search, const char *name)
{
	for (int i = 0; i < search->sig->nfeatures; i++)
	{
		if (strcmp(search->sig->features[i].name, name) == 0)
			return i;
	}
	return -1;
}

/* A text in an object; NULL: there is none. */
static char *
get_text(JsonbContainer *object, const char *key)
{
	JsonbValue	buffer;
	JsonbValue *v = getKeyJsonValueFromContainer(object, key, strlen(key), &buffer);

	return v && v->type == jbvString ? pnstrdup(v->val.string.val, v->val.string.len) : NULL;
}

static void
look_at_labelled(Search *search, JsonbContainer *entry)
{
	char	   *column = get_text(entry, "column");
	int			feature = column ? find_feature(search, column) : -1;

	if (feature >= 0)
		withhold(search, feature);
}

static void
look_at_origin(Search *search, JsonbContainer *entry)
{
	char	   *name = get_text(entry, "feature");
	char	   *schema = get_text(entry, "schema");
	char	   *relation = get_text(entry, "relation");
	char	   *column = get_text(entry, "column");
	int			feature = name ? find_feature(search, name) : -1;
	Oid			relid = InvalidOid;

	if (feature < 0 || schema == NULL || relation == NULL || column == NULL)
		return;
	if (OidIsValid(get_namespace_oid(schema, true)))
		relid = get_relname_relid(relation, get_namespace_oid(schema, true));
	if (OidIsValid(relid) && mlops_pii_column(search->labels, relid, column))
		withhold(search, feature);
}

/* All entries of a list of objects among a version's facts. */
static void
look_at_list(Search *search, Jsonb *facts, const char *key, void (*look) (Search *, JsonbContainer *))
{
	JsonbValue	buffer;
	JsonbValue *list = getKeyJsonValueFromContainer(&facts->root, key, strlen(key), &buffer);

	if (list == NULL || list->type != jbvBinary || !JsonContainerIsArray(list->val.binary.data))
		return;
	for (uint32 i = 0; i < JsonContainerSize(list->val.binary.data); i++)
	{
		JsonbValue *entry = getIthJsonbValueFromContainer(list->val.binary.data, i);

		if (entry->type == jbvBinary && JsonContainerIsObject(entry->val.binary.data))
			look(search, entry->val.binary.data);
	}
}

/* The columns of the row itself, if it is one of a table or view. */
static void
look_at_row(Search *search, Oid row_type)
{
	Oid			relid = OidIsValid(row_type) && row_type != RECORDOID ?
		get_typ_typrelid(row_type) : InvalidOid;

	if (!OidIsValid(relid))
		return;
	for (int i = 0; i < search->sig->nfeatures; i++)
	{
		if (mlops_pii_column(search->labels, relid, search->sig->features[i].name))
			withhold(search, i);
	}
}

bool *
mlops_log_withheld(MemoryContext context, int64 model_id, int version, const MlSignature *sig,
				   Oid row_type)
{
	Search		search = {context, sig, NULL, NULL};
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext, "mlops labels", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(work);
	Jsonb	   *facts = mlops_registry_facts(model_id, version);

	search.labels = mlops_pii_index();
	if (facts)
	{
		look_at_list(&search, facts, "labelled", look_at_labelled);
		look_at_list(&search, facts, "origins", look_at_origin);
	}
	look_at_row(&search, row_type);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
	return search.withheld;
}
