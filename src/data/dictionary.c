/*-------------------------------------------------------------------------
 *
 * dictionary.c
 *	  Distinct byte strings, numbered in order of arrival.
 *
 * IDENTIFICATION
 *	  src/data/dictionary.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mlops/numeric.h"

#include "data.h"

struct MlDictionary
{
	MemoryContext context;
	int			size;
	int			max;			/* entries allocated */
	MlString   *entries;
	uint64	   *hashes;
	uint32	   *slots;			/* open addressing: code + 1, 0 is free */
	uint32		mask;			/* number of slots - 1 */
};

#define FIRST_ENTRIES 32

uint64
mlops_dictionary_hash(MlString s)
{
	return mlops_hash_bytes(s.data, s.len, 0);
}

MlDictionary *
mlops_dictionary_make(MemoryContext context)
{
	MlDictionary *dict = MemoryContextAllocZero(context, sizeof(MlDictionary));

	dict->context = context;
	dict->max = FIRST_ENTRIES;
	dict->entries = MemoryContextAlloc(context, sizeof(MlString) * dict->max);
	dict->hashes = MemoryContextAlloc(context, sizeof(uint64) * dict->max);
	dict->mask = 2 * FIRST_ENTRIES - 1;
	dict->slots = MemoryContextAllocZero(context, sizeof(uint32) * (dict->mask + 1));
	return dict;
}

static void
grow(MlDictionary *dict)
{
	Size		nslots = ((Size) dict->mask + 1) * 2;

	if (dict->max > PG_INT32_MAX / 4)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many distinct values in a column")));
	dict->max *= 2;
	dict->entries = repalloc_huge(dict->entries, sizeof(MlString) * dict->max);
	dict->hashes = repalloc_huge(dict->hashes, sizeof(uint64) * dict->max);
	pfree(dict->slots);
	dict->slots = MemoryContextAllocExtended(dict->context, sizeof(uint32) * nslots,
											 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	dict->mask = nslots - 1;
	for (int code = 0; code < dict->size; code++)
	{
		uint32		at = dict->hashes[code] & dict->mask;

		while (dict->slots[at] != 0)
			at = (at + 1) & dict->mask;
		dict->slots[at] = code + 1;
	}
}

/* The slot that holds s, or the free one where it belongs. */
static uint32
probe(const MlDictionary *dict, MlString s, uint64 hash)
{
	uint32		at = hash & dict->mask;

	while (dict->slots[at] != 0)
	{
		int			code = dict->slots[at] - 1;

		if (dict->hashes[code] == hash && dict->entries[code].len == s.len &&
			memcmp(dict->entries[code].data, s.data, s.len) == 0)
			break;
		at = (at + 1) & dict->mask;
	}
	return at;
}

int
mlops_dictionary_find(const MlDictionary *dict, MlString s, uint64 hash)
{
	return (int) dict->slots[probe(dict, s, hash)] - 1;
}

int
mlops_dictionary_code(MlDictionary *dict, MlString s, uint64 hash)
{
	uint32		at = probe(dict, s, hash);
	char	   *copy;

	if (dict->slots[at] != 0)
		return dict->slots[at] - 1;
	if (dict->size >= dict->max)
	{
		grow(dict);
		at = probe(dict, s, hash);
	}
	copy = MemoryContextAlloc(dict->context, s.len + 1);
	memcpy(copy, s.data, s.len);
	copy[s.len] = '\0';
	dict->entries[dict->size].data = copy;
	dict->entries[dict->size].len = s.len;
	dict->hashes[dict->size] = hash;
	dict->slots[at] = dict->size + 1;
	return dict->size++;
}

int
mlops_dictionary_size(const MlDictionary *dict)
{
	return dict->size;
}

MlString
mlops_dictionary_entry(const MlDictionary *dict, int code)
{
	return dict->entries[code];
}

uint64
mlops_dictionary_entry_hash(const MlDictionary *dict, int code)
{
	return dict->hashes[code];
}
