/*-------------------------------------------------------------------------
 *
 * window_tally.c
 *	  Rows of the prediction log counted into windows.
 *
 * Rows are decoded into a block by version and counted track by track when it
 * is full, as many at a time as belong to one window: as a log is mostly in the
 * order of time, that is the whole block.  When the windows in memory take too
 * much room they are packed into a temporary file and begun anew; whoever
 * takes them in the end adds up those of a kind.
 *
 * IDENTIFICATION
 *	  src/drift/window_tally.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/buffile.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "mlops/log.h"

#include "window_tally.h"

#define TALLY_MEMORY	((Size) 32 * 1024 * 1024)	/* of windows and blocks, beyond which they spill */
#define TALLY_VERSIONS	32		/* in memory */
#define BLOCK_BYTES		((Size) 256 * 1024)
#define BLOCK_ROWS		1024

typedef struct WindowKey
{
	TimestampTz start;
	int32		version;
	bool		late;
	bool		shadow;
} WindowKey;

typedef struct Entry
{
	WindowKey	key;
	MlWindow	window;
} Entry;

/* A version, with its rows that are not counted yet. */
typedef struct Version
{
	struct Version *next;
	bool		exists;
	MlWatched	watched;
	int			room;			/* of the block, rows */
	int			n;
	double	   *x;
	double	   *answer;
	Entry	  **entry;			/* the window of each row */
	bool	   *withheld;		/* of all rows of the block */
	bool	   *withheld_next;	/* of the row that is read */
	double	   *gathered;		/* room for as many rows again */
	double	   *gathered_answer;
} Version;

struct MlTally
{
	int64		model_id;
	int64		width_us;
	TimestampTz since;
	TimestampTz published_until;
	bool		spills;
	MemoryContext outer;		/* holds this */
	MemoryContext context;		/* holds versions and windows */
	MemoryContext row;			/* detoasted values */
	HTAB	   *windows;
	Version    *versions;
	int			nversions;
	Entry	   *last;			/* window found last */
	TimestampTz last_end;
	Size		bytes;			/* of windows and blocks */
	BufFile    *file;			/* or NULL */
	MlCounted	counted;
};

/* Nothing is in memory. */
static void
begin_anew(MlTally *tally)
{
	HASHCTL		ctl = {0};

	if (tally->context)
		MemoryContextDelete(tally->context);
	tally->context = AllocSetContextCreate(tally->outer, "mlops tally windows",
										   ALLOCSET_DEFAULT_SIZES);
	ctl.keysize = sizeof(WindowKey);
	ctl.entrysize = sizeof(Entry);
	ctl.hcxt = tally->context;
	tally->windows = hash_create("mlops windows", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	tally->versions = NULL;
	tally->nversions = 0;
	tally->last = NULL;
	tally->bytes = 0;
}

MlTally *
mlops_tally_begin(int64 model_id, int64 width_us, TimestampTz since, TimestampTz published_until,
				  bool spills)
{
	MlTally    *tally = palloc0(sizeof(MlTally));

	tally->model_id = model_id;
	tally->width_us = width_us;
	tally->since = since;
	tally->published_until = published_until;
	tally->spills = spills;
	tally->outer = CurrentMemoryContext;
	tally->row = AllocSetContextCreate(tally->outer, "mlops tally row", ALLOCSET_DEFAULT_SIZES);
	begin_anew(tally);
	return tally;
}

const MlCounted *
mlops_tally_counted(const MlTally *tally)
{
	return &tally->counted;
}

/* Rows first to n - 1 of the block that belong to the window of the first one, one behind the other. */
static int
gather(const Version *v, int first, double *x, double *answer)
{
	int			width = v->watched.model->sig->width;
	Entry	   *entry = v->entry[first];
	int			k = 0;

	for (int i = first; i < v->n; i++)
	{
		if (v->entry[i] != entry)
			continue;
		memcpy(x + (Size) k * width, v->x + (Size) i * width, sizeof(double) * width);
		answer[k++] = v->answer[i];
		v->entry[i] = NULL;
	}
	return k;
}

/* How many rows from this one on belong to its window? */
static int
run_length(const Version *v, int first)
{
	int			i = first + 1;

	while (i < v->n && v->entry[i] == v->entry[first])
		i++;
	return i - first;
}

static void
count_block(Version *v)
{
	int			width = v->watched.model->sig->width;
	MlSeen		seen = {0};

	seen.width = width;
	for (int i = 0; i < v->n; i++)
	{
		Entry	   *entry = v->entry[i];
		int			run;

		if (entry == NULL)
			continue;
		run = run_length(v, i);
		if (i + run == v->n)
		{
			seen.nrows = run;
			seen.x = v->x + (Size) i * width;
			seen.answer = v->answer + i;
		}
		else
		{
			seen.nrows = gather(v, i, v->gathered, v->gathered_answer);
			seen.x = v->gathered;
			seen.answer = v->gathered_answer;
		}
		mlops_reference_count(v->watched.reference, &seen, v->withheld, entry->window.counts);
		if (i + run == v->n)
			break;
	}
	v->n = 0;
}

static void
count_blocks(MlTally *tally)
{
	for (Version *v = tally->versions; v; v = v->next)
	{
		if (v->exists && v->n > 0)
			count_block(v);
	}
}

static void
write_bytes(BufFile *file, const void *bytes, Size n)
{
	BufFileWrite(file, unconstify(void *, bytes), n);
}

static void
spill_window(MlTally *tally, const MlWindow *window)
{
	StringInfoData bytes;

	initStringInfo(&bytes);
	mlops_vector_put(&bytes, window->counts, window->ncounts);
	write_bytes(tally->file, window, sizeof(MlWindow));
	write_bytes(tally->file, &bytes.len, sizeof(bytes.len));
	write_bytes(tally->file, bytes.data, bytes.len);
	pfree(bytes.data);
}

/* Let go of all that is in memory. */
static void
spill(MlTally *tally)
{
	HASH_SEQ_STATUS seq;
	Entry	   *entry;

	count_blocks(tally);
	if (tally->file == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(tally->outer);

		tally->file = BufFileCreateTemp(false);
		MemoryContextSwitchTo(old);
	}
	hash_seq_init(&seq, tally->windows);
	while ((entry = hash_seq_search(&seq)) != NULL)
		spill_window(tally, &entry->window);
	begin_anew(tally);
}

/* Room for rows of a version with a reference; how much that is. */
static Size
make_block(Version *v)
{
	const MlSignature *sig = v->watched.model->sig;
	Size		row = sizeof(double) * Max(sig->width, 1);

	v->room = (int) Min(BLOCK_ROWS, Max(16, BLOCK_BYTES / row));
	v->x = palloc(row * v->room);
	v->gathered = palloc(row * v->room);
	v->answer = palloc(sizeof(double) * v->room);
	v->gathered_answer = palloc(sizeof(double) * v->room);
	v->entry = palloc(sizeof(Entry *) * v->room);
	v->withheld = palloc0(sizeof(bool) * Max(sig->nfeatures, 1));
	v->withheld_next = palloc0(sizeof(bool) * Max(sig->nfeatures, 1));
	return 2 * row * v->room;
}

static Version *
get_version(MlTally *tally, int version)
{
	MemoryContext old;
	Version    *v;

	for (v = tally->versions; v; v = v->next)
	{
		if (v->watched.version == version)
			return v;
	}
	if (tally->spills && tally->nversions >= TALLY_VERSIONS)
		spill(tally);
	old = MemoryContextSwitchTo(tally->context);
	v = palloc0(sizeof(Version));
	v->exists = mlops_watched_load(tally->model_id, version, &v->watched);
	v->watched.version = version;
	if (v->exists && v->watched.reference)
		tally->bytes += make_block(v);
	v->next = tally->versions;
	tally->versions = v;
	tally->nversions++;
	MemoryContextSwitchTo(old);
	return v;
}

static bool
is_late(const MlTally *tally, TimestampTz at)
{
	return at < tally->published_until;
}

/* The window found last, if the row is in it, too. */
static bool
is_last(const MlTally *tally, int version, TimestampTz at, bool shadow)
{
	const Entry *last = tally->last;

	return last && last->key.version == version && at >= last->key.start && at < tally->last_end &&
		last->key.shadow == shadow && last->key.late == is_late(tally, at);
}

static Entry *
find_entry(MlTally *tally, const Version *v, TimestampTz at, bool shadow)
{
	WindowKey	key;
	Entry	   *entry;
	bool		found;

	memset(&key, 0, sizeof(key));
	key.version = v->watched.version;
	key.start = tally->width_us > 0 ? mlops_window_start(at, tally->width_us) : tally->since;
	key.late = is_late(tally, at);
	key.shadow = shadow;
	entry = hash_search(tally->windows, &key, HASH_ENTER, &found);
	if (!found)
	{
		MlWindow   *window = &entry->window;

		memset(window, 0, sizeof(MlWindow));
		window->version = key.version;
		window->start = key.start;
		window->late = key.late;
		window->shadow = key.shadow;
		window->ncounts = v->watched.reference ? v->watched.reference->ncounts : 0;
		window->counts = MemoryContextAllocExtended(tally->context,
													sizeof(int64) * Max(window->ncounts, 1),
													MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		tally->bytes += sizeof(int64) * window->ncounts + 1024;
	}
	tally->last = entry;
	tally->last_end = tally->width_us > 0 ? key.start + tally->width_us : DT_NOEND;
	return entry;
}

/* The index of a class by its name; NaN: there is none. */
static double
class_of(const MlSignature *sig, const text *label)
{
	for (int i = 0; i < sig->nclasses; i++)
	{
		if (sig->classes[i].len == (int) VARSIZE_ANY_EXHDR(label) &&
			memcmp(sig->classes[i].data, VARDATA_ANY(label), sig->classes[i].len) == 0)
			return i;
	}
	return NAN;
}

/* What the output is counted as (reference.h). */
static double
answer_of(const MlSignature *sig, const TupleTableSlot *slot)
{
	if (slot->tts_isnull[3])
		return NAN;
	if (sig->task != ML_TASK_CLASSIFICATION || sig->nclasses <= 2)
		return DatumGetFloat8(slot->tts_values[3]);
	if (slot->tts_isnull[4])
		return NAN;
	return class_of(sig, DatumGetTextPP(slot->tts_values[4]));
}

/* Decode the row into the version's block. */
static void
add_to_block(Version *v, Entry *entry, const TupleTableSlot *slot)
{
	const MlSignature *sig = v->watched.model->sig;
	bytea	   *features = DatumGetByteaPP(slot->tts_values[6]);
	double	   *x = v->x + (Size) v->n * sig->width;

	mlops_log_decode(VARDATA_ANY(features), VARSIZE_ANY_EXHDR(features), sig, x, v->withheld_next);
	if (memcmp(v->withheld, v->withheld_next, sizeof(bool) * sig->nfeatures) != 0)
	{
		if (v->n > 0)
			count_block(v);
		memcpy(v->withheld, v->withheld_next, sizeof(bool) * sig->nfeatures);
		memmove(v->x, x, sizeof(double) * sig->width);
	}
	v->answer[v->n] = answer_of(sig, slot);
	v->entry[v->n] = entry;
	if (++v->n == v->room)
		count_block(v);
}

static int
latency_slot(int32 us)
{
	return us <= 1 ? 0 : pg_leftmost_one_pos32((uint32) us);
}

static void
count_row(MlCounted *counted, TimestampTz at, bool late)
{
	if (counted->nrows == 0 || at < counted->oldest)
		counted->oldest = at;
	if (counted->nrows == 0 || at > counted->newest)
		counted->newest = at;
	counted->nrows++;
	counted->nlate += late;
}

void
mlops_tally_row(void *arg, TupleTableSlot *slot)
{
	MlTally    *tally = arg;
	int			version = DatumGetInt32(slot->tts_values[0]);
	TimestampTz at = DatumGetTimestampTz(slot->tts_values[1]);
	bool		shadow = DatumGetBool(slot->tts_values[2]);
	Version    *v;
	Entry	   *entry;

	if (tally->spills && tally->bytes > TALLY_MEMORY)
		spill(tally);
	v = get_version(tally, version);
	if (!v->exists)
		return;
	entry = is_last(tally, version, at, shadow) ? tally->last : find_entry(tally, v, at, shadow);
	entry->window.nrows++;
	entry->window.nskipped += slot->tts_isnull[3];
	entry->window.latency[latency_slot(DatumGetInt32(slot->tts_values[5]))]++;
	count_row(&tally->counted, at, entry->key.late);
	if (v->watched.reference)
	{
		MemoryContext old = MemoryContextSwitchTo(tally->row);

		add_to_block(v, entry, slot);
		MemoryContextSwitchTo(old);
		if (unlikely(MemoryContextMemAllocated(tally->row, false) > 64 * 1024))
			MemoryContextReset(tally->row);
	}
}

static void
read_bytes(BufFile *file, void *bytes, Size n)
{
	if (BufFileRead(file, bytes, n) != n)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read windows from a temporary file")));
}

static void
read_spilled(MlTally *tally, MlEachWindow each, void *arg)
{
	MlWindow	window;

	if (BufFileSeek(tally->file, 0, 0, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not rewind a temporary file")));
	while (BufFileRead(tally->file, &window, sizeof(window)) == sizeof(window))
	{
		int			len;
		char	   *bytes;

		CHECK_FOR_INTERRUPTS();
		read_bytes(tally->file, &len, sizeof(len));
		bytes = palloc(len);
		read_bytes(tally->file, bytes, len);
		window.counts = mlops_vector_get(bytes, len, &window.ncounts);
		each(arg, &window);
		pfree(window.counts);
		pfree(bytes);
	}
	BufFileClose(tally->file);
}

static int
compare_entries(const void *a, const void *b)
{
	const WindowKey *x = &(*(Entry *const *) a)->key;
	const WindowKey *y = &(*(Entry *const *) b)->key;

	if (x->version != y->version)
		return x->version < y->version ? -1 : 1;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->late != y->late)
		return x->late ? 1 : -1;
	return (int) x->shadow - (int) y->shadow;
}

void
mlops_tally_end(MlTally *tally, MlEachWindow each, void *arg)
{
	HASH_SEQ_STATUS seq;
	Entry	  **entries;
	Entry	   *entry;
	int			n = 0;

	count_blocks(tally);
	if (tally->file)
		read_spilled(tally, each, arg);
	entries = palloc(sizeof(Entry *) * Max(hash_get_num_entries(tally->windows), 1));
	hash_seq_init(&seq, tally->windows);
	while ((entry = hash_seq_search(&seq)) != NULL)
		entries[n++] = entry;
	qsort(entries, n, sizeof(Entry *), compare_entries);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		each(arg, &entries[i]->window);
	}
	pfree(entries);
	MemoryContextDelete(tally->context);
	MemoryContextDelete(tally->row);
}
