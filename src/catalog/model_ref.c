/*-------------------------------------------------------------------------
 *
 * model_ref.c
 *	  Names of models, aliases and versions as people write them.
 *
 * What does not parse is not repeated in the message: the text can come from
 * a column, and a message never contains a data value.
 *
 * IDENTIFICATION
 *	  src/catalog/model_ref.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "mlops/catalog.h"

#include "registry_tables.h"

/* Length of the valid name at the start of text, 0 for none. */
static int
name_length(const char *text)
{
	int			len = 0;

	if (text[0] < 'a' || text[0] > 'z')
		return 0;
	while ((text[len] >= 'a' && text[len] <= 'z') ||
		   (text[len] >= '0' && text[len] <= '9') || text[len] == '_')
		len++;
	return len < NAMEDATALEN ? len : 0;
}

/* A positive int without leading zeros that ends the text; 0 if it is not that. */
static int
version_number(const char *text)
{
	int64		value = 0;

	if (*text < '1' || *text > '9')
		return 0;
	for (; *text >= '0' && *text <= '9'; text++)
	{
		value = value * 10 + (*text - '0');
		if (value > INT_MAX)
			return 0;
	}
	return *text == '\0' ? (int) value : 0;
}

static bool
parse_ref(const char *text, MlModelRef *ref)
{
	int			len = name_length(text);
	const char *rest = text + len;

	memset(ref, 0, sizeof(MlModelRef));
	if (len == 0)
		return false;
	memcpy(ref->name, text, len);
	switch (*rest)
	{
		case '\0':
			strlcpy(ref->alias, MLOPS_CHAMPION, NAMEDATALEN);
			return true;
		case '@':
			rest++;
			len = name_length(rest);
			if (len == 0 || rest[len] != '\0')
				return false;
			memcpy(ref->alias, rest, len);
			return true;
		case ':':
			ref->version = version_number(rest + 1);
			return ref->version > 0;
		default:
			return false;
	}
}

void
mlops_model_ref_parse(const char *text, MlModelRef *ref)
{
	if (!parse_ref(text, ref))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid reference to a model"),
				 errdetail("A model is written as its name (meaning its champion), name@alias or name:version."),
				 errhint("Names are lower-case letters, digits and underscores, start with a letter and have at most %d characters.",
						 NAMEDATALEN - 1)));
}

void
mlops_name_check(const char *name, const char *what)
{
	int			len = name_length(name);

	if (len == 0 || name[len] != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid name for %s", what),
				 errdetail("Names are lower-case letters, digits and underscores, start with a letter and have at most %d characters.",
						   NAMEDATALEN - 1)));
}

MlTask
mlops_registry_task_from_name(const char *name)
{
	return strcmp(name, mlops_task_name(ML_TASK_REGRESSION)) == 0 ? ML_TASK_REGRESSION : ML_TASK_CLASSIFICATION;
}
