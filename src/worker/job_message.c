/*-------------------------------------------------------------------------
 *
 * job_message.c
 *	  What the history says about an error.
 *
 * The message of an error can hold what stood in a row (an input function's,
 * or one that a function of a user raises), so it is not stored.
 *
 * IDENTIFICATION
 *	  src/worker/job_message.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/errcodes.h"

#include "job_private.h"

static const struct
{
	int			code;			/* an error, or the first of a class */
	bool		is_class;
	const char *message;
}			messages[] = {
	{ERRCODE_QUERY_CANCELED, false, "cancelled"},
	{ERRCODE_LOCK_NOT_AVAILABLE, false, "a lock was not to be had"},
	{ERRCODE_INSUFFICIENT_PRIVILEGE, false, "permission denied"},
	{ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, false, "the background worker cannot connect as the owner of the job"},
	{ERRCODE_UNDEFINED_TABLE, false, "a table does not exist"},
	{ERRCODE_UNDEFINED_COLUMN, false, "a column does not exist"},
	{ERRCODE_UNDEFINED_FUNCTION, false, "a function does not exist"},
	{ERRCODE_UNDEFINED_OBJECT, false, "a model or another object does not exist, or is not to be used"},
	{ERRCODE_INVALID_PARAMETER_VALUE, false, "an argument or option has no such value"},
	{ERRCODE_INTERNAL_ERROR, true, "internal error"},
	{ERRCODE_FEATURE_NOT_SUPPORTED, true, "not supported"},
	{ERRCODE_DATA_EXCEPTION, true, "the data cannot be used"},
	{ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION, true, "a constraint was violated"},
	{ERRCODE_INVALID_TRANSACTION_STATE, true, "not possible in such a transaction"},
	{ERRCODE_TRANSACTION_ROLLBACK, true, "a conflict with another transaction"},
	{ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION, true, "the source is not a valid query"},
	{ERRCODE_INSUFFICIENT_RESOURCES, true, "the server ran out of something"},
	{ERRCODE_PROGRAM_LIMIT_EXCEEDED, true, "too much for a limit or budget"},
	{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, true, "something is not in the state that is needed"},
	{ERRCODE_OPERATOR_INTERVENTION, true, "ended by the administrator"},
	{ERRCODE_RAISE_EXCEPTION, true, "a function of the source raised an error"},
};

const char *
mlops_job_message(int sqlerrcode)
{
	for (int i = 0; i < (int) lengthof(messages); i++)
	{
		int			code = messages[i].is_class ? ERRCODE_TO_CATEGORY(sqlerrcode) : sqlerrcode;
		int			known = messages[i].is_class ? ERRCODE_TO_CATEGORY(messages[i].code) : messages[i].code;

		if (code == known)
			return messages[i].message;
	}
	return "error";
}
