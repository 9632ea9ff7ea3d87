/*-------------------------------------------------------------------------
 *
 * strangers.c
 *	  Taking from roles what default privileges gave them on our objects.
 *
 * ALTER DEFAULT PRIVILEGES of the role that creates the extension applies to
 * our tables, too, and a table's TRUNCATE is not subject to row security.  The
 * install script revokes from PUBLIC by itself; who else was given something
 * is not known when it is written, so this makes the statements from the
 * catalog.  It runs as who calls it and reaches no further than REVOKE by hand.
 *
 * IDENTIFICATION
 *	  src/gov/strangers.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(mlops_revoke_from_strangers);

#define OURS "('mlops'::pg_catalog.regnamespace, 'mlops_private'::pg_catalog.regnamespace)"
#define STRANGER(owner) "a.grantee <> 0 AND a.grantee <> " owner

/* One REVOKE for each object and stranger. */
static const char *const statements_query =
"SELECT DISTINCT pg_catalog.format('REVOKE ALL ON %s FROM %I', o.object, r.rolname)"
"  FROM ("
"  SELECT 'SCHEMA ' || pg_catalog.quote_ident(n.nspname), a.grantee"
"    FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a"
"   WHERE n.oid IN " OURS " AND " STRANGER("n.nspowner")
"  UNION ALL"
"  SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || c.oid::pg_catalog.regclass, a.grantee"
"    FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a"
"   WHERE c.relnamespace IN " OURS " AND " STRANGER("c.relowner")
"  UNION ALL"
"  SELECT 'ROUTINE ' || p.oid::pg_catalog.regprocedure, a.grantee"
"    FROM pg_catalog.pg_proc p, pg_catalog.aclexplode(p.proacl) a"
"   WHERE p.pronamespace IN " OURS " AND " STRANGER("p.proowner")
"  UNION ALL"
"  SELECT 'TYPE ' || t.oid::pg_catalog.regtype, a.grantee"
"    FROM pg_catalog.pg_type t, pg_catalog.aclexplode(t.typacl) a"
"   WHERE t.typnamespace IN " OURS " AND " STRANGER("t.typowner")
"  ) AS o (object, grantee)"
"  JOIN pg_catalog.pg_roles r ON r.oid = o.grantee";

Datum
mlops_revoke_from_strangers(PG_FUNCTION_ARGS)
{
	char	  **statements;
	uint64		n;
	int			rc;

	SPI_connect();
	rc = SPI_execute(statements_query, true, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute returned %s", SPI_result_code_string(rc));
	n = SPI_processed;
	statements = palloc(sizeof(char *) * Max(n, 1));
	for (uint64 i = 0; i < n; i++)
		statements[i] = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
	for (uint64 i = 0; i < n; i++)
	{
		rc = SPI_execute(statements[i], false, 0);
		if (rc != SPI_OK_UTILITY)
			elog(ERROR, "SPI_execute returned %s", SPI_result_code_string(rc));
	}
	SPI_finish();
	PG_RETURN_INT32((int32) n);
}
