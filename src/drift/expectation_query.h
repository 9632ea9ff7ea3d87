/*-------------------------------------------------------------------------
 *
 * expectation_query.h
 *	  A query that counts in a source, as checking and profiling make it.
 *
 * IDENTIFICATION
 *	  src/drift/expectation_query.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_EXPECTATION_QUERY_H
#define MLOPS_EXPECTATION_QUERY_H

/*
 * The number of rows and what "list" adds (", aggregate ..."), of the statement
 * "select" as s, whose natts columns are called c1, c2, ...; palloc'd.
 */
extern char *mlops_expectation_query(const char *list, const char *select, int natts);

/* Run it as the current user; SPI is connected and has its one row afterwards.  Error 42501 where it changes the role. */
extern void mlops_expectation_run(const char *sql, int nargs, Oid *types, Datum *values);

#endif							/* MLOPS_EXPECTATION_QUERY_H */
