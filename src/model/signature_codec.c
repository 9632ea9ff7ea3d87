/*-------------------------------------------------------------------------
 *
 * signature_codec.c
 *	  The signature of a model to bytes and back.
 *
 * The reader believes nothing: every count is checked against its limit and
 * against the bytes that are left before memory is taken for it, so what is
 * allocated stays within a small multiple of the input.
 *
 * Text is UTF-8 in a model whatever the database's encoding, because a model
 * travels between databases as base64, which no dump converts.  The order of
 * a dictionary is the order of its codes, which the body refers to; in a
 * database where the converted strings are not ascending, "lookup" gives the
 * order for searching.
 *
 * IDENTIFICATION
 *	  src/model/signature_codec.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "mlops/bytes.h"
#include "mlops/model.h"

#include "model_bytes.h"

#define FEATURE_HAS_MISSING		0x01
#define FEATURE_HAS_OTHER		0x02
#define FEATURE_IS_PADDED		0x04

/* Conversion failed: say so without the bytes, which PostgreSQL's message shows. */
static void
rethrow_conversion(MemoryContext context)
{
	int			code;

	MemoryContextSwitchTo(context);
	code = geterrcode();
	if (ERRCODE_TO_CATEGORY(code) != ERRCODE_DATA_EXCEPTION)
		PG_RE_THROW();
	FlushErrorState();
	ereport(ERROR,
			(errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
			 errmsg("text of the model cannot be converted between UTF8 and the database encoding \"%s\"",
					GetDatabaseEncodingName())));
}

void
mlops_text_send(StringInfo buf, const char *text, int len)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *volatile utf8 = NULL;

	if (GetDatabaseEncoding() == PG_UTF8)
	{
		appendBinaryStringInfo(buf, text, len);
		return;
	}
	PG_TRY();
	{
		utf8 = pg_server_to_any(text, len, PG_UTF8);
	}
	PG_CATCH();
	{
		rethrow_conversion(context);
	}
	PG_END_TRY();

	/* the same pointer: the conversion was found to change nothing */
	appendBinaryStringInfo(buf, utf8,
						   utf8 == text ? len : (int) strlen(utf8));
	if (utf8 != text)
		pfree(utf8);
}

char *
mlops_text_recv(const char *p, int len, int *out_len)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *copy;
	char	   *volatile result = NULL;

	ML_CHECK_BYTES(pg_verify_mbstr(PG_UTF8, p, len, true),
				   "text is not valid UTF-8");
	copy = palloc((Size) len + 1);
	memcpy(copy, p, len);
	copy[len] = '\0';
	*out_len = len;
	if (GetDatabaseEncoding() == PG_UTF8)
		return copy;

	PG_TRY();
	{
		result = pg_any_to_server(copy, len, PG_UTF8);
	}
	PG_CATCH();
	{
		rethrow_conversion(context);
	}
	PG_END_TRY();
	if (result != copy)
	{
		*out_len = (int) strlen(result);
		pfree(copy);
	}
	return result;
}

/* Length and text; lengths take "width" bytes. */
static void
send_string(StringInfo buf, const char *text, int len, int width)
{
	int			at = buf->len;
	uint32		n;
	int			i;

	mlops_put_uint(buf, 0, width);
	mlops_text_send(buf, text, len);
	n = (uint32) (buf->len - at - width);
	for (i = 0; i < width; i++)
		buf->data[at + i] = (char) ((n >> (8 * i)) & 0xff);
}

static char *
recv_name(StringInfo buf, bool can_be_empty)
{
	int			len = (int) mlops_get_uint(buf, 2);
	int			out_len;

	ML_CHECK_BYTES(len <= MLOPS_MAX_NAME, "a name is too long");
	if (len == 0 && can_be_empty)
		return NULL;
	ML_CHECK_BYTES(len > 0, "a name is empty");
	return mlops_text_recv(mlops_get_bytes(buf, len), len, &out_len);
}

static int
compare_indirect(const void *a, const void *b, void *arg)
{
	const MlString *strings = arg;

	CHECK_FOR_INTERRUPTS();
	return mlops_string_compare(&strings[*(const int *) a],
						   &strings[*(const int *) b]);
}

/*
 * NULL when the strings ascend bytewise; otherwise their positions in
 * ascending order.  Two equal strings are damage.
 */
static int *
sort_order(const MlString *strings, int n, const char *what)
{
	int		   *order;
	int			i;

	for (i = 1; i < n; i++)
		if (mlops_string_compare(&strings[i - 1], &strings[i]) >= 0)
			break;
	if (i >= n)
		return NULL;

	order = palloc((Size) n * sizeof(int));
	for (i = 0; i < n; i++)
		order[i] = i;
	qsort_arg(order, n, sizeof(int), compare_indirect, (void *) strings);
	for (i = 1; i < n; i++)
		ML_CHECK_BYTES(mlops_string_compare(&strings[order[i - 1]],
									   &strings[order[i]]) != 0, what);
	return order;
}

/*
 * Bytes of text in the next n strings, each a 4-byte length and its text; the
 * cursor stays.  Damage when they are not there.
 */
static Size
measure_strings(StringInfo buf, int n)
{
	int			start = buf->cursor;
	Size		total = 0;
	int			i;

	ML_CHECK_BYTES((Size) n <= mlops_bytes_left(buf) / 4, "it ends too early");
	for (i = 0; i < n; i++)
	{
		uint32		len = (uint32) mlops_get_uint(buf, 4);

		(void) mlops_get_bytes(buf, len);
		total += len;
	}
	buf->cursor = start;
	return total;
}

/* n strings; memory only for what is there, in one piece where nothing is converted. */
static MlString *
recv_strings(StringInfo buf, int n)
{
	Size		total = measure_strings(buf, n);
	MlString   *strings = palloc(Max((Size) n, 1) * sizeof(MlString));
	char	   *text = NULL;
	int			i;

	if (GetDatabaseEncoding() == PG_UTF8)
		text = palloc(Max(total, 1));
	for (i = 0; i < n; i++)
	{
		uint32		len = (uint32) mlops_get_uint(buf, 4);
		const char *p = mlops_get_bytes(buf, len);

		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (text == NULL)
		{
			strings[i].data = mlops_text_recv(p, (int) len, &strings[i].len);
			continue;
		}
		ML_CHECK_BYTES(pg_verify_mbstr(PG_UTF8, p, (int) len, true),
					   "text is not valid UTF-8");
		memcpy(text, p, len);
		strings[i].data = text;
		strings[i].len = (int) len;
		text += len;
	}
	return strings;
}

static void
send_feature(StringInfo buf, const MlFeature *f)
{
	int			i;

	send_string(buf, f->name, strlen(f->name), 2);
	mlops_put_uint(buf, f->type, 1);
	mlops_put_uint(buf, f->missing, 1);
	mlops_put_uint(buf, (f->has_missing ? FEATURE_HAS_MISSING : 0) |
				   (f->has_other ? FEATURE_HAS_OTHER : 0) |
				   (f->is_padded ? FEATURE_IS_PADDED : 0), 1);
	mlops_put_uint(buf, f->width, 2);
	if (f->missing == ML_MISSING_MEAN || f->missing == ML_MISSING_MEDIAN)
		for (i = 0; i < f->width; i++)
			mlops_put_double(buf, f->fill[i]);
	if (f->type == ML_COLUMN_TEXT)
	{
		mlops_put_uint(buf, f->ncategories, 4);
		for (i = 0; i < f->ncategories; i++)
			send_string(buf, f->categories[i].data, f->categories[i].len, 4);
	}
}

static void
recv_feature(StringInfo buf, MlFeature *f)
{
	int			type;
	int			missing;
	int			flags;
	int			i;
	uint32		n;

	f->name = recv_name(buf, false);
	type = (int) mlops_get_uint(buf, 1);
	missing = (int) mlops_get_uint(buf, 1);
	flags = (int) mlops_get_uint(buf, 1);
	f->width = (int) mlops_get_uint(buf, 2);

	ML_CHECK_BYTES(type >= ML_COLUMN_NUMBER && type <= ML_COLUMN_ARRAY,
				   "a feature's type is unknown");
	ML_CHECK_BYTES(missing <= ML_MISSING_NATIVE,
				   "a feature's rule for missing values is unknown");
	ML_CHECK_BYTES((flags & ~(FEATURE_HAS_MISSING | FEATURE_HAS_OTHER | FEATURE_IS_PADDED)) == 0,
				   "a feature's flags are unknown");
	ML_CHECK_BYTES(f->width >= 1 && (f->width == 1 || type == ML_COLUMN_ARRAY),
				   "a feature's width is wrong");
	if (type == ML_COLUMN_TEXT)
		ML_CHECK_BYTES(missing == ML_MISSING_ERROR ||
					   missing == ML_MISSING_SKIP ||
					   missing == ML_MISSING_CATEGORY,
					   "a category has a number's rule for missing values");
	else
		ML_CHECK_BYTES(missing != ML_MISSING_CATEGORY,
					   "a number has a category's rule for missing values");
	f->type = (MlColumnType) type;
	f->missing = (MlMissing) missing;
	f->has_missing = (flags & FEATURE_HAS_MISSING) != 0;
	f->has_other = (flags & FEATURE_HAS_OTHER) != 0;
	f->is_padded = (flags & FEATURE_IS_PADDED) != 0;
	ML_CHECK_BYTES(!f->is_padded || type == ML_COLUMN_TEXT,
				   "a number is said to be padded with blanks");

	if (missing == ML_MISSING_MEAN || missing == ML_MISSING_MEDIAN)
	{
		ML_CHECK_BYTES((Size) f->width <= mlops_bytes_left(buf) / 8,
					   "it ends too early");
		f->fill = palloc((Size) f->width * sizeof(double));
		for (i = 0; i < f->width; i++)
		{
			f->fill[i] = mlops_get_double(buf);
			ML_CHECK_BYTES(isfinite(f->fill[i]),
						   "a replacement for missing values is not finite");
		}
	}
	if (type == ML_COLUMN_TEXT)
	{
		n = (uint32) mlops_get_uint(buf, 4);
		ML_CHECK_BYTES(n <= MLOPS_MAX_CATEGORIES,
					   "a feature has too many categories");
		f->ncategories = (int) n;
		f->categories = recv_strings(buf, f->ncategories);
		f->lookup = sort_order(f->categories, f->ncategories,
							   "a feature has the same category twice");
	}
}

void
mlops_signature_send(const MlSignature *sig, StringInfo buf)
{
	int			i;

	mlops_put_uint(buf, sig->task, 1);
	mlops_put_uint(buf, sig->target_type, 1);
	send_string(buf, sig->target ? sig->target : "",
				sig->target ? strlen(sig->target) : 0, 2);
	mlops_put_uint(buf, sig->nclasses, 2);
	for (i = 0; i < sig->nclasses; i++)
		send_string(buf, sig->classes[i].data, sig->classes[i].len, 4);
	mlops_put_uint(buf, sig->nfeatures, 2);
	for (i = 0; i < sig->nfeatures; i++)
		send_feature(buf, &sig->features[i]);
}

/* Two features of one name are damage. */
static void
check_feature_names(const MlSignature *sig)
{
	MlString   *names = palloc((Size) sig->nfeatures * sizeof(MlString));
	int		   *order;
	int			i;

	for (i = 0; i < sig->nfeatures; i++)
	{
		names[i].data = sig->features[i].name;
		names[i].len = (int) strlen(sig->features[i].name);
	}
	order = sort_order(names, sig->nfeatures, "two features have the same name");
	if (order != NULL)
		pfree(order);
	pfree(names);
}

MlSignature *
mlops_signature_recv(StringInfo buf)
{
	MlSignature *sig = palloc0(sizeof(MlSignature));
	int			task = (int) mlops_get_uint(buf, 1);
	int			target_type = (int) mlops_get_uint(buf, 1);
	int		   *order;
	int			i;

	ML_CHECK_BYTES(task == ML_TASK_REGRESSION || task == ML_TASK_CLASSIFICATION,
				   "its task is unknown");
	ML_CHECK_BYTES(target_type >= ML_COLUMN_NUMBER &&
				   target_type <= ML_COLUMN_TIMESTAMPTZ,
				   "its target's type is unknown");
	sig->task = (MlTask) task;
	sig->target_type = (MlColumnType) target_type;
	sig->target = recv_name(buf, true);

	sig->nclasses = (int) mlops_get_uint(buf, 2);
	if (task == ML_TASK_REGRESSION)
		ML_CHECK_BYTES(sig->nclasses == 0, "a regression has classes");
	else
		ML_CHECK_BYTES(sig->nclasses >= 2 && sig->nclasses <= MLOPS_MAX_CLASSES,
					   "its number of classes is wrong");
	if (sig->nclasses > 0)
	{
		sig->classes = recv_strings(buf, sig->nclasses);
		order = sort_order(sig->classes, sig->nclasses,
						   "two classes have the same name");
		if (order != NULL)
			pfree(order);
	}

	/* the smallest feature takes 8 bytes */
	sig->nfeatures = (int) mlops_get_uint(buf, 2);
	ML_CHECK_BYTES(sig->nfeatures >= 1 &&
				   (Size) sig->nfeatures <= mlops_bytes_left(buf) / 8,
				   "its number of features is wrong");
	sig->features = palloc0((Size) sig->nfeatures * sizeof(MlFeature));
	for (i = 0; i < sig->nfeatures; i++)
	{
		MlFeature  *f = &sig->features[i];

		CHECK_FOR_INTERRUPTS();
		recv_feature(buf, f);
		f->slot = sig->width;
		sig->width += f->width;
		ML_CHECK_BYTES(sig->width <= MLOPS_MAX_WIDTH, "its rows are too wide");
	}
	check_feature_names(sig);
	return sig;
}
