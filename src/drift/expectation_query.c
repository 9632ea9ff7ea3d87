/*-------------------------------------------------------------------------
 *
 * expectation_query.c
 *	  A query that counts in a source, as checking and profiling make it.
 *
 * IDENTIFICATION
 *	  src/drift/expectation_query.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "lib/stringinfo.h"

#include "mlops/dataset.h"

#include "expectation_query.h"

char *
mlops_expectation_query(const char *list, const char *select, int natts)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT pg_catalog.count(*)%s FROM (%s\n) AS s", list, select);
	for (int i = 0; i < natts; i++)
		appendStringInfo(&sql, "%sc%d", i == 0 ? " (" : ", ", i + 1);
	if (natts > 0)
		appendStringInfoChar(&sql, ')');
	return sql.data;
}

void
mlops_expectation_run(const char *sql, int nargs, Oid *types, Datum *values)
{
	MlReadingRole role = mlops_reading_role();

	if (SPI_execute_with_args(sql, nargs, types, values, NULL, true, 0) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "query of expectations failed");
	mlops_reading_role_check(role);
}
