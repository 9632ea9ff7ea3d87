/*-------------------------------------------------------------------------
 *
 * registry.c
 *	  Algorithms by number and by name.
 *
 * IDENTIFICATION
 *	  src/algo/registry.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "mlops/algo.h"

#include "algo_list.h"

/* two algorithms with one number are an error under -Woverride-init */
static const MlAlgo *const algos[] = {
#define ML_ALGO(sym, num) [(num)] = &mlops_algo_##sym,
#include "algo_list.h"
};

const MlAlgo *
mlops_algo_by_id(uint16 id)
{
	const MlAlgo *algo = id < lengthof(algos) ? algos[id] : NULL;

	Assert(algo == NULL || algo->id == id);
	return algo;
}

int
mlops_algo_count(void)
{
	int			n = 0;

	for (size_t i = 0; i < lengthof(algos); i++)
		n += algos[i] != NULL;
	return n;
}

const MlAlgo *
mlops_algo_at(int index)
{
	for (size_t i = 0; i < lengthof(algos); i++)
		if (algos[i] != NULL && index-- == 0)
			return algos[i];
	elog(ERROR, "there is no such algorithm");
}

static char *
list_names(void)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < mlops_algo_count(); i++)
		appendStringInfo(&buf, "%s%s", i ? ", " : "", mlops_algo_at(i)->name);
	return buf.data;
}

const MlAlgo *
mlops_algo_by_name(const char *name)
{
	for (size_t i = 0; i < lengthof(algos); i++)
		if (algos[i] != NULL && strcmp(algos[i]->name, name) == 0)
			return algos[i];
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("algorithm \"%s\" does not exist",
					pnstrdup(name, pg_mbcliplen(name, strlen(name), NAMEDATALEN - 1))),
			 errhint("Algorithms are: %s.", list_names())));
}
