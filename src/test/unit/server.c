/*-------------------------------------------------------------------------
 *
 * server.c
 *	  The few functions of the server that the tested parts of src/tree and
 *	  src/profile call: memory by malloc, so that the sanitizers see its bounds, and an error ends
 *	  the program unless a test waits for it.
 *
 * IDENTIFICATION
 *	  src/test/unit/server.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <stdlib.h>

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/shmem.h"

#include "unit.h"

sigjmp_buf *unit_error = NULL;
volatile sig_atomic_t InterruptPending = false;

void
ProcessInterrupts(void)
{
}

void *
palloc(Size size)
{
	return unit_alloc(size > 0 ? size : 1);
}

void *
palloc0(Size size)
{
	return memset(palloc(size), 0, size);
}

void *
palloc_extended(Size size, int flags)
{
	return palloc(size);
}

void *
repalloc_huge(void *pointer, Size size)
{
	void	   *moved = realloc(pointer, size);

	if (moved == NULL)
		abort();
	return moved;
}

void
pfree(void *pointer)
{
	free(pointer);
}

#undef qsort
void
pg_qsort(void *base, size_t nel, size_t elsize, int (*cmp) (const void *, const void *))
{
	qsort(base, nel, elsize, cmp);
}

char *
pstrdup(const char *text)
{
	return strcpy(palloc(strlen(text) + 1), text);
}

#undef vsnprintf
char *
psprintf(const char *fmt,...)
{
	char	   *text = palloc(1024);
	va_list		args;

	va_start(args, fmt);
	(void) vsnprintf(text, 1024, fmt, args);
	va_end(args);
	return text;
}

void
initStringInfo(StringInfo str)
{
	memset(str, 0, sizeof(*str));
}

void
#if PG_VERSION_NUM >= 160000
appendBinaryStringInfo(StringInfo str, const void *data, int datalen)
#else
appendBinaryStringInfo(StringInfo str, const char *data, int datalen)
#endif
{
	char	   *grown = unit_alloc((size_t) str->len + datalen + 1);

	if (str->len > 0)
		memcpy(grown, str->data, str->len);
	memcpy(grown + str->len, data, datalen);
	free(str->data);
	str->data = grown;
	str->len += datalen;
}

Size
add_size(Size s1, Size s2)
{
	return s1 + s2;
}

Size
mul_size(Size s1, Size s2)
{
	return s1 * s2;
}

bool
errstart(int elevel, const char *domain)
{
	return true;
}

bool
errstart_cold(int elevel, const char *domain)
{
	return true;
}

int
errcode(int sqlerrcode)
{
	return 0;
}

int
errmsg(const char *fmt,...)
{
	if (unit_error == NULL)
		unit_check(false, __FILE__, __LINE__, fmt);
	return 0;
}

int
errhint(const char *fmt,...)
{
	return 0;
}

void
errfinish(const char *filename, int lineno, const char *funcname)
{
	if (unit_error != NULL)
		siglongjmp(*unit_error, 1);
	abort();
}
