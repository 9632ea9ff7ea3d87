/*-------------------------------------------------------------------------
 *
 * wire.c
 *	  Values as their send and receive functions have them, in one encoding.
 *
 * Those of types that are text (jsonb, arrays of text) convert to and from the
 * client's encoding, which has nothing to say in what is hashed or stored, and
 * which is another one in parallel workers.  UTF-8 takes its place meanwhile;
 * in a database that cannot be converted to it, the database's own encoding.
 *
 * IDENTIFICATION
 *	  src/data/wire.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "data.h"

int
mlops_common_encoding(void)
{
	int			server = GetDatabaseEncoding();

	return server == PG_SQL_ASCII || server == PG_MULE_INTERNAL ? server : PG_UTF8;
}

void
mlops_wire_prepare(void)
{
	if (PrepareClientEncoding(mlops_common_encoding()) < 0)
		elog(ERROR, "could not prepare an encoding");
}

static void
use_common_encoding(void)
{
	if (SetClientEncoding(mlops_common_encoding()) < 0)
		elog(ERROR, "encoding has not been prepared");
}

bytea *
mlops_send_value(FmgrInfo *function, Datum value)
{
	int			client = pg_get_client_encoding();
	bytea	   *bytes;

	if (client == mlops_common_encoding())
		return SendFunctionCall(function, value);
	use_common_encoding();
	PG_TRY();
	{
		bytes = SendFunctionCall(function, value);
	}
	PG_FINALLY();
	{
		(void) SetClientEncoding(client);
	}
	PG_END_TRY();
	return bytes;
}

Datum
mlops_receive_value(FmgrInfo *function, StringInfo bytes, Oid ioparam, int32 typmod)
{
	int			client = pg_get_client_encoding();
	Datum		value;

	if (client == mlops_common_encoding())
		return ReceiveFunctionCall(function, bytes, ioparam, typmod);
	use_common_encoding();
	PG_TRY();
	{
		value = ReceiveFunctionCall(function, bytes, ioparam, typmod);
	}
	PG_FINALLY();
	{
		(void) SetClientEncoding(client);
	}
	PG_END_TRY();
	return value;
}
