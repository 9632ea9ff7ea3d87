/*-------------------------------------------------------------------------
 *
 * chunk_type.c
 *	  How values of a type are stored in a chunk.
 *
 * Nothing that is stored depends on OIDs.  Arrays and ranges are stored as
 * their send functions give them where their elements are built in (an array
 * names its element type by its OID there, which then is the same everywhere);
 * rows, and arrays of types that are not built in, are refused.  No function
 * that is not part of a base type is ever called on stored bytes.
 *
 * IDENTIFICATION
 *	  src/data/chunk_type.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "data.h"
#include "chunk_format.h"

pg_noreturn static void
refuse(const char *column, Oid type)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("column \"%s\" of type %s cannot be stored in a snapshot",
					column, format_type_be(type)),
			 errhint("Leave it out or cast it, for example to text, in a query source.")));
	pg_unreachable();
}

static bool
is_number(Oid type, int *width, bool *is_float)
{
	*is_float = type == FLOAT4OID || type == FLOAT8OID;
	switch (type)
	{
		case BOOLOID:
		case CHAROID:
			*width = 1;
			return true;
		case INT2OID:
			*width = 2;
			return true;
		case INT4OID:
		case DATEOID:
		case OIDOID:
		case FLOAT4OID:
			*width = 4;
			return true;
		case INT8OID:
		case FLOAT8OID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case CASHOID:
			*width = 8;
			return true;
		default:
			return false;
	}
}

/* Does the type stand for an object by its OID? */
static bool
is_reference(Oid type)
{
	switch (type)
	{
		case REGPROCOID:
		case REGPROCEDUREOID:
		case REGOPEROID:
		case REGOPERATOROID:
		case REGCLASSOID:
		case REGTYPEOID:
		case REGROLEOID:
		case REGNAMESPACEOID:
		case REGCONFIGOID:
		case REGDICTIONARYOID:
		case REGCOLLATIONOID:
			return true;
		default:
			return false;
	}
}

/* Its values can be sent and received, and mean the same elsewhere. */
static bool
is_portable(Form_pg_type form, Oid type)
{
	Oid			element = get_element_type(type);

	if (!OidIsValid(form->typsend) || !OidIsValid(form->typreceive) || is_reference(type))
		return false;
	if (OidIsValid(element))
		return element < FirstNormalObjectId && !type_is_rowtype(element) && !is_reference(element);
	if (form->typtype == TYPTYPE_RANGE || form->typtype == TYPTYPE_MULTIRANGE)
		return type < FirstNormalObjectId;
	return form->typtype == TYPTYPE_BASE;
}

static void
init_sent(MlChunkType *type, const char *column, MemoryContext context)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type->type));
	Form_pg_type form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type->type);
	form = (Form_pg_type) GETSTRUCT(tuple);
	if (!is_portable(form, type->type))
		refuse(column, type->type);
	type->ioparam = getTypeIOParam(tuple);
	fmgr_info_cxt(form->typsend, &type->send, context);
	fmgr_info_cxt(form->typreceive, &type->receive, context);
	ReleaseSysCache(tuple);
	mlops_wire_prepare();
}

void
mlops_chunk_type_init(MlChunkType *type, TupleDesc desc, int column, MemoryContext context)
{
	Form_pg_attribute att = TupleDescAttr(desc, column);

	memset(type, 0, sizeof(MlChunkType));
	type->typmod = att->atttypmod;
	type->type = getBaseTypeAndTypmod(att->atttypid, &type->typmod);
	if (is_number(type->type, &type->width, &type->is_float))
		type->kind = CHUNK_NUMBER;
	else if (type->type == TEXTOID || type->type == VARCHAROID || type->type == BPCHAROID)
		type->kind = CHUNK_TEXT;
	else if (type->type == NAMEOID)
		type->kind = CHUNK_NAME;
	else if (type->type == BYTEAOID)
		type->kind = CHUNK_BYTES_KIND;
	else if (get_typtype(type->type) == TYPTYPE_ENUM)
		type->kind = CHUNK_ENUM;
	else
	{
		type->kind = type->type == NUMERICOID ? CHUNK_NUMERIC : CHUNK_SENT;
		init_sent(type, NameStr(att->attname), context);
	}
}
