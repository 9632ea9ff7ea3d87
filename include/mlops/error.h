/*-------------------------------------------------------------------------
 *
 * error.h
 *	  Which condition gets which SQLSTATE, and checks shared by all folders.
 *
 *	condition												SQLSTATE
 *	-------------------------------------------------------	-------------------
 *	no such model, version, alias, algorithm, column		42704 UNDEFINED_OBJECT
 *	(columns of a source: 42703 UNDEFINED_COLUMN)
 *	governance says no about a model						42704, same message
 *	name taken												42710 DUPLICATE_OBJECT
 *	option unknown, out of range or of the wrong type		22023 INVALID_PARAMETER_VALUE
 *	NULL where a value is needed							22004 NULL_VALUE_NOT_ALLOWED
 *	features do not match the model							42804 DATATYPE_MISMATCH
 *	infinity in the data, empty source, one-class target	22000 DATA_EXCEPTION
 *	training diverged, value overflows						22003 NUMERIC_VALUE_OUT_OF_RANGE
 *	too many rows, columns or bytes for the budget			54000 PROGRAM_LIMIT_EXCEEDED
 *	model bytes damaged										XX001 DATA_CORRUPTED
 *	written by a newer version								0A000 FEATURE_NOT_SUPPORTED
 *	text form of a type malformed							22P02 INVALID_TEXT_REPRESENTATION
 *	binary form of a type malformed							22P03 INVALID_BINARY_REPRESENTATION
 *	governance says no about anything else					42501 INSUFFICIENT_PRIVILEGE
 *	something needed is missing (library, preload, ...)		55000 OBJECT_NOT_IN_PREREQUISITE_STATE
 *
 * A message never contains a data value: column, model and option names and
 * counts, yes; what stood in a row, no.  elog(ERROR) means "please report".
 *
 * IDENTIFICATION
 *	  include/mlops/error.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_ERROR_H
#define MLOPS_ERROR_H

/* Stored bytes failed a check: never trust, never crash. */
#define ML_CHECK_BYTES(cond, what) \
	do { \
		if (unlikely(!(cond))) \
			ereport(ERROR, \
					(errcode(ERRCODE_DATA_CORRUPTED), \
					 errmsg("model is damaged: %s", (what)))); \
	} while (0)

#endif							/* MLOPS_ERROR_H */
