/*-------------------------------------------------------------------------
 *
 * references.c
 *	  Foreign keys among our tables.
 *
 * Data of an extension's tables is loaded by pg_restore -j in any order, since
 * the archive's entries for it depend on nothing but their table.  With checks
 * that fails whenever a referring table is faster than the one referred to.
 *
 * IDENTIFICATION
 *	  src/store/references.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"

#include "mlops/store.h"

PG_FUNCTION_INFO_V1(mlops_disable_reference_checks);

/* Runs in the install script, by the superuser that runs it; returns the number of triggers. */
Datum
mlops_disable_reference_checks(PG_FUNCTION_ARGS)
{
	StringInfoData commands;
	uint64		n;

	initStringInfo(&commands);
	SPI_connect();
	if (SPI_execute("SELECT pg_catalog.format('ALTER TABLE %s DISABLE TRIGGER %I;', t.tgrelid::pg_catalog.regclass, t.tgname)"
					" FROM pg_catalog.pg_trigger t"
					" JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) t.tgrelid"
					" JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
					" WHERE n.nspname OPERATOR(pg_catalog.=) '" MLOPS_PRIVATE_SCHEMA "' AND t.tgisinternal"
					" AND t.tgfoid OPERATOR(pg_catalog.=) ANY (ARRAY['pg_catalog.\"RI_FKey_check_ins\"'::pg_catalog.regproc,"
					" 'pg_catalog.\"RI_FKey_check_upd\"'::pg_catalog.regproc]::pg_catalog.oid[])"
					" ORDER BY t.oid", true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not list the triggers of foreign keys");
	n = SPI_processed;
	for (uint64 i = 0; i < n; i++)
		appendStringInfoString(&commands, SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
	if (n > 0 && SPI_execute(commands.data, false, 0) < 0)
		elog(ERROR, "could not disable the triggers of foreign keys");
	SPI_finish();
	PG_RETURN_INT32((int32) n);
}
