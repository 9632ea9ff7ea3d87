/*-------------------------------------------------------------------------
 *
 * ensemble_codec.c
 *	  An ensemble to its stored form and back.
 *
 * Stored by columns, which are short and compress: which nodes are leaves (a
 * bit a node, in preorder, from which the trees follow), slots of splits,
 * numbers of thresholds in a table of each slot's distinct ones, and so on.
 * docs/model-format.md is the normative description.
 *
 * recv trusts nothing: every count is compared with the bytes that are left
 * before memory is taken for it, and nothing recurses.
 *
 * IDENTIFICATION
 *	  src/tree/ensemble_codec.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "mlops/bytes.h"
#include "mlops/tree.h"
#include "ensemble_private.h"

#define FLAG_MEAN			1
#define FLAG_WHOLE_COVER	2	/* covers are whole numbers, stored as varints */
#define FLAG_ALL			3

#define MAX_LOSS_NAME		63

/* Words of sets in memory: a short list can stand for a large one. */
#define MAX_WORDS			(UINT64CONST(1) << 26)

/* How a set of codes is stored. */
#define SET_BITMAP	0
#define SET_LEFT	1			/* the codes in it, as distances */
#define SET_RIGHT	2			/* the codes not in it */

/* Distinct thresholds of the slots, ascending, one slot after the other. */
typedef struct Thresholds
{
	uint32	   *start;			/* by slot, and the end: places in value */
	double	   *value;
	uint8	   *is_category;	/* by slot */
	uint32	   *nbits;			/* by slot: categories and the two codes that are none */
} Thresholds;

/* A count that takes one byte while it is under 128. */
static void
put_varint(StringInfo buf, uint64 v)
{
	while (v >= 0x80)
	{
		appendStringInfoCharMacro(buf, (char) ((v & 0x7f) | 0x80));
		v >>= 7;
	}
	appendStringInfoCharMacro(buf, (char) v);
}

static uint32
get_varint(StringInfo buf)
{
	uint64		v = 0;

	for (int shift = 0; shift < 35; shift += 7)
	{
		uint64		b = mlops_get_uint(buf, 1);

		v |= (b & 0x7f) << shift;
		if (b < 0x80)
		{
			ML_CHECK_BYTES(v <= PG_INT32_MAX, "number in trees");
			return (uint32) v;
		}
	}
	ML_CHECK_BYTES(false, "number in trees");
	return 0;
}

static void
put_float(StringInfo buf, float f)
{
	uint32		bits;

	memcpy(&bits, &f, sizeof(bits));
	mlops_put_uint(buf, bits, 4);
}

static float
get_float(StringInfo buf)
{
	uint32		bits = mlops_get_uint(buf, 4);
	float		f;

	memcpy(&f, &bits, sizeof(f));
	return f;
}

static inline bool
is_leaf(const MlNode *node)
{
	return (node->flags & ML_NODE_LEAF) != 0;
}

/* Bytes that tell so many things apart. */
static inline int
index_bytes(uint32 n)
{
	return n <= 0x100 ? 1 : n <= 0x10000 ? 2 : 4;
}

static void *
take(uint64 n, Size element)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * element);
}

/* Types of the slots, as the signature has them; no thresholds yet. */
static void
init_thresholds(Thresholds *t, const MlSignature *sig)
{
	t->start = take((uint64) sig->width + 1, sizeof(uint32));
	memset(t->start, 0, sizeof(uint32) * ((Size) sig->width + 1));
	t->value = NULL;
	t->is_category = take(sig->width, 1);
	t->nbits = take(sig->width, sizeof(uint32));
	for (int i = 0; i < sig->nfeatures; i++)
	{
		const MlFeature *feature = &sig->features[i];

		for (int j = 0; j < feature->width; j++)
		{
			t->is_category[feature->slot + j] = feature->type == ML_COLUMN_TEXT;
			t->nbits[feature->slot + j] = (uint32) feature->ncategories + 2;
		}
	}
}

/* ------------------------------------------------------------------ send */

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return x < y ? -1 : x > y;
}

static void
collect_thresholds(Thresholds *t, const MlSignature *sig, const MlEnsemble *e)
{
	uint32		n = e->root[e->ntrees];
	uint32	   *fill = take(sig->width, sizeof(uint32));
	uint32		end = 0;

	for (uint32 i = 0; i < n; i++)
	{
		CHECK_EVERY_64K(i);
		if (!is_leaf(&e->nodes[i]) && !t->is_category[e->nodes[i].slot])
			t->start[e->nodes[i].slot + 1]++;
	}
	for (int s = 0; s < sig->width; s++)
	{
		t->start[s + 1] += t->start[s];
		fill[s] = t->start[s];
	}
	t->value = take(t->start[sig->width], sizeof(double));
	for (uint32 i = 0; i < n; i++)
	{
		CHECK_EVERY_64K(i);
		if (!is_leaf(&e->nodes[i]) && !t->is_category[e->nodes[i].slot])
			t->value[fill[e->nodes[i].slot]++] = e->nodes[i].u.threshold;
	}
	for (int s = 0; s < sig->width; s++)
	{
		uint32		first = t->start[s];

		CHECK_FOR_INTERRUPTS();
		qsort(t->value + first, fill[s] - first, sizeof(double), compare_doubles);
		t->start[s] = end;
		for (uint32 i = first; i < fill[s]; i++)
			if (end == t->start[s] || t->value[i] > t->value[end - 1])
				t->value[end++] = t->value[i];
	}
	t->start[sig->width] = end;
	pfree(fill);
}

static uint32
threshold_index(const Thresholds *t, int slot, double threshold)
{
	uint32		low = t->start[slot];
	uint32		high = t->start[slot + 1] - 1;

	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;

		if (t->value[middle] < threshold)
			low = middle + 1;
		else
			high = middle;
	}
	return low - t->start[slot];
}

/* One bit a node or split, eight a byte. */
typedef struct BitWriter
{
	StringInfo	buf;
	int			n;
	uint8		byte;
} BitWriter;

static void
put_bit(BitWriter *w, bool bit)
{
	w->byte |= (uint8) bit << w->n;
	if (++w->n == 8)
	{
		mlops_put_uint(w->buf, w->byte, 1);
		w->byte = 0;
		w->n = 0;
	}
}

static void
put_last_bits(BitWriter *w)
{
	while (w->n > 0)
		put_bit(w, false);
}

static void
put_splits(StringInfo buf, const MlSignature *sig, const MlEnsemble *e, const Thresholds *t)
{
	uint32		n = e->root[e->ntrees];
	BitWriter	bits = {buf, 0, 0};

	for (uint32 i = 0; i < n; i++)
	{
		CHECK_EVERY_64K(i);
		put_bit(&bits, !is_leaf(&e->nodes[i]));
	}
	put_last_bits(&bits);
	for (int s = 0; s < sig->width; s++)
		if (!t->is_category[s])
			put_varint(buf, t->start[s + 1] - t->start[s]);
	for (uint32 i = 0; i < t->start[sig->width]; i++)
		mlops_put_double(buf, t->value[i]);
	CHECK_FOR_INTERRUPTS();
	for (uint32 i = 0; i < n; i++)
		if (!is_leaf(&e->nodes[i]))
			mlops_put_uint(buf, e->nodes[i].slot, index_bytes(sig->width));
	for (uint32 i = 0; i < n; i++)
		if (!is_leaf(&e->nodes[i]))
			put_bit(&bits, (e->nodes[i].flags & ML_NODE_MISSING_LEFT) != 0);
	put_last_bits(&bits);
	for (uint32 i = 0; i < n; i++)
	{
		const MlNode *node = &e->nodes[i];

		CHECK_EVERY_64K(i);
		if (!is_leaf(node) && !t->is_category[node->slot])
			mlops_put_uint(buf, threshold_index(t, node->slot, node->u.threshold),
						   index_bytes(t->start[node->slot + 1] - t->start[node->slot]));
	}
}

/* The codes on one side as distances from the one before. */
static void
put_code_list(StringInfo buf, const uint32 *words, uint32 nbits, bool left)
{
	uint32		count = 0;
	uint32		next = 0;

	for (uint32 code = 0; code < nbits; code++)
		count += mlops_set_has(words, code) == left;
	put_varint(buf, count);
	for (uint32 code = 0; code < nbits; code++)
	{
		if (mlops_set_has(words, code) == left)
		{
			put_varint(buf, code - next);
			next = code + 1;
		}
	}
}

static void
put_set(StringInfo buf, const uint32 *words, uint32 nbits)
{
	StringInfoData best;
	StringInfoData list;
	int			mode = SET_BITMAP;

	initStringInfo(&best);
	initStringInfo(&list);
	for (uint32 i = 0; i < nbits; i += 8)
		mlops_put_uint(&best, (words[i / 32] >> (i % 32)) & 0xff, 1);
	for (int m = SET_LEFT; m <= SET_RIGHT; m++)
	{
		resetStringInfo(&list);
		put_code_list(&list, words, nbits, m == SET_LEFT);
		if (list.len < best.len)
		{
			resetStringInfo(&best);
			appendBinaryStringInfo(&best, list.data, list.len);
			mode = m;
		}
	}
	mlops_put_uint(buf, mode, 1);
	appendBinaryStringInfo(buf, best.data, best.len);
	pfree(best.data);
	pfree(list.data);
}

static bool
has_whole_cover(const MlEnsemble *e)
{
	for (uint32 i = 0; i < e->root[e->ntrees]; i++)
	{
		if (is_leaf(&e->nodes[i]) &&
			!(e->cover[i] >= 0 && e->cover[i] < 16777216.0f && e->cover[i] == floorf(e->cover[i])))
			return false;
	}
	return true;
}

static void
put_numbers(StringInfo buf, const MlEnsemble *e, bool whole_cover)
{
	uint32		n = e->root[e->ntrees];

	for (uint32 i = 0; i < n; i++)
		if (!is_leaf(&e->nodes[i]))
			put_float(buf, e->gain[i]);
	for (uint32 i = 0; i < n; i++)
	{
		if (!is_leaf(&e->nodes[i]))
			continue;
		if (whole_cover)
			put_varint(buf, (uint64) e->cover[i]);
		else
			put_float(buf, e->cover[i]);
	}
	for (uint32 i = 0; i < n; i++)
	{
		const MlNode *node = &e->nodes[i];

		CHECK_EVERY_64K(i);
		if (!is_leaf(node))
			continue;
		if (e->leaf_outputs == 1)
			mlops_put_double(buf, node->u.value);
		else
			for (int j = 0; j < e->leaf_outputs; j++)
				mlops_put_double(buf, e->values[(Size) node->right * e->leaf_outputs + j]);
	}
}

void
mlops_ensemble_send(const MlSignature *sig, const MlEnsemble *e, StringInfo buf)
{
	Thresholds	t;
	bool		whole_cover = has_whole_cover(e);
	int			loss_len = strlen(e->loss);

	Assert(loss_len <= MAX_LOSS_NAME);
	if (e->nwords > MAX_WORDS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("splits by category of a model take more than %d MB",
						(int) (MAX_WORDS / (1024 * 1024 / sizeof(uint32)))),
				 errhint("Train fewer trees, or set the option \"max_categories\" to a smaller number.")));
	init_thresholds(&t, sig);
	collect_thresholds(&t, sig, e);
	mlops_put_uint(buf, e->link, 1);
	mlops_put_uint(buf, (e->is_mean ? FLAG_MEAN : 0) | (whole_cover ? FLAG_WHOLE_COVER : 0), 1);
	mlops_put_uint(buf, e->noutputs, 4);
	mlops_put_uint(buf, e->leaf_outputs, 4);
	for (int j = 0; j < e->noutputs; j++)
		mlops_put_double(buf, e->base[j]);
	mlops_put_uint(buf, loss_len, 1);
	appendBinaryStringInfo(buf, e->loss, loss_len);
	mlops_put_uint(buf, e->best_round, 4);
	mlops_put_uint(buf, e->nrounds, 4);
	for (int i = 0; i < e->nrounds; i++)
	{
		mlops_put_double(buf, e->history[i].train_loss);
		mlops_put_double(buf, e->history[i].validation_loss);
	}
	mlops_put_double(buf, e->oob_score);
	mlops_put_uint(buf, e->oob_rows, 8);
	mlops_put_uint(buf, e->ntrees, 4);
	mlops_put_uint(buf, e->root[e->ntrees], 4);
	put_splits(buf, sig, e, &t);
	for (uint32 i = 0; i < e->root[e->ntrees]; i++)
	{
		const MlNode *node = &e->nodes[i];

		if ((node->flags & ML_NODE_CATEGORY) == 0)
			continue;
		CHECK_FOR_INTERRUPTS();
		put_set(buf, e->words + node->u.set.first, t.nbits[node->slot]);
	}
	put_numbers(buf, e, whole_cover);
}

/* ------------------------------------------------------------------ recv */

/* What there is besides the trees, and how many nodes they have. */
static uint32
get_head(MlEnsemble *e, const MlSignature *sig, StringInfo buf)
{
	uint64		rounds;
	uint64		best;
	int			len;
	char	   *loss;

	for (int j = 0; j < e->noutputs; j++)
	{
		e->base[j] = mlops_get_double(buf);
		ML_CHECK_BYTES(isfinite(e->base[j]), "base of trees");
	}
	len = (int) mlops_get_uint(buf, 1);
	ML_CHECK_BYTES(len <= MAX_LOSS_NAME, "name of a loss");
	loss = pnstrdup(mlops_get_bytes(buf, len), len);
	for (int i = 0; i < len; i++)
		ML_CHECK_BYTES((loss[i] >= 'a' && loss[i] <= 'z') || loss[i] == '_' ||
					   (loss[i] >= '0' && loss[i] <= '9'), "name of a loss");
	e->loss = loss;
	best = mlops_get_uint(buf, 4);
	rounds = mlops_get_uint(buf, 4);
	ML_CHECK_BYTES(rounds <= mlops_bytes_left(buf) / 16, "number of rounds");
	ML_CHECK_BYTES(best <= rounds, "best round");
	e->best_round = (int) best;
	e->nrounds = (int) rounds;
	e->history = take(rounds, sizeof(MlRound));
	for (uint64 i = 0; i < rounds; i++)
	{
		e->history[i].train_loss = mlops_get_double(buf);
		e->history[i].validation_loss = mlops_get_double(buf);
	}
	e->oob_score = mlops_get_double(buf);
	ML_CHECK_BYTES(!isinf(e->oob_score), "out-of-bag score");
	e->oob_rows = (int64) mlops_get_uint(buf, 8);
	ML_CHECK_BYTES(e->oob_rows >= 0, "out-of-bag rows");
	return mlops_get_uint(buf, 4);
}

/* Nodes, trees and everything by node, from the bits that say what is a split. */
static void
get_structure(MlEnsemble *e, const MlSignature *sig, StringInfo buf, uint32 ntrees,
			  uint32 nnodes)
{
	const uint8 *bits = (const uint8 *) mlops_get_bytes(buf, ((Size) nnodes + 7) / 8);
	uint64		nsplits = 0;
	uint32		open = 0;		/* sides of splits that are still to come */
	uint32		tree = 0;

	for (uint32 i = 0; i < nnodes; i++)
		nsplits += (bits[i / 8] >> (i % 8)) & 1;
	ML_CHECK_BYTES(nsplits * 2 + ntrees == nnodes, "number of nodes");
	ML_CHECK_BYTES(nnodes % 8 == 0 || bits[nnodes / 8] >> (nnodes % 8) == 0, "number of nodes");
	/* a leaf's values, its cover, and a split's slot and gain follow */
	ML_CHECK_BYTES((nnodes - nsplits) * (8 * (uint64) e->leaf_outputs + 1) + nsplits * 5 <=
				   mlops_bytes_left(buf), "number of nodes");
	e->nodes = take(nnodes, sizeof(MlNode));
	memset(e->nodes, 0, sizeof(MlNode) * (Size) nnodes);
	e->gain = take(nnodes, sizeof(float));
	e->cover = take(nnodes, sizeof(float));
	e->maxnodes = nnodes;
	pfree(e->root);
	e->root = take((uint64) ntrees + 1, sizeof(uint32));
	e->maxtrees = e->ntrees = (int) ntrees;
	e->root[0] = 0;
	for (uint32 i = 0; i < nnodes; i++)
	{
		CHECK_EVERY_64K(i);
		if (open == 0)
			open = 1;			/* the root */
		if ((bits[i / 8] >> (i % 8)) & 1)
		{
			open++;
			continue;
		}
		e->nodes[i].flags = ML_NODE_LEAF;
		if (--open > 0)
			continue;
		ML_CHECK_BYTES(tree < ntrees, "number of trees");
		e->root[++tree] = i + 1;
	}
	ML_CHECK_BYTES(open == 0 && tree == ntrees, "shape of a tree");
}

static void
get_thresholds(Thresholds *t, const MlSignature *sig, StringInfo buf)
{
	uint64		n = 0;

	for (int s = 0; s < sig->width; s++)
	{
		t->start[s] = (uint32) n;
		if (!t->is_category[s])
			n += get_varint(buf);
		ML_CHECK_BYTES(n <= mlops_bytes_left(buf) / 8, "number of thresholds");
	}
	t->start[sig->width] = (uint32) n;
	t->value = take(n, sizeof(double));
	for (int s = 0; s < sig->width; s++)
	{
		for (uint32 i = t->start[s]; i < t->start[s + 1]; i++)
		{
			t->value[i] = mlops_get_double(buf);
			ML_CHECK_BYTES(isfinite(t->value[i]), "threshold");
			ML_CHECK_BYTES(i == t->start[s] || t->value[i] > t->value[i - 1],
						   "order of thresholds");
		}
	}
}

/* What each split asks, and how many words its sets will take. */
static uint64
get_splits(MlEnsemble *e, const MlSignature *sig, StringInfo buf, const Thresholds *t)
{
	uint32		n = e->root[e->ntrees];
	uint32		nsplits = (n - e->ntrees) / 2;
	const uint8 *missing;
	uint32		k = 0;
	uint64		nwords = 0;

	for (uint32 i = 0; i < n; i++)
	{
		uint64		slot;

		CHECK_EVERY_64K(i);
		if (is_leaf(&e->nodes[i]))
			continue;
		slot = mlops_get_uint(buf, index_bytes(sig->width));
		ML_CHECK_BYTES(slot < (uint64) sig->width, "number of a feature");
		e->nodes[i].slot = (uint16) slot;
	}
	missing = (const uint8 *) mlops_get_bytes(buf, ((Size) nsplits + 7) / 8);
	ML_CHECK_BYTES(nsplits % 8 == 0 || missing[nsplits / 8] >> (nsplits % 8) == 0,
				   "direction of missing values");
	for (uint32 i = 0; i < n; i++)
	{
		MlNode	   *node = &e->nodes[i];
		bool		missing_left;
		uint32		count;
		uint64		index;

		CHECK_EVERY_64K(i);
		if (is_leaf(node))
			continue;
		missing_left = (missing[k / 8] >> (k % 8)) & 1;
		k++;
		if (t->is_category[node->slot])
		{
			ML_CHECK_BYTES(!missing_left, "direction of missing values");
			node->flags = ML_NODE_CATEGORY;
			nwords += (t->nbits[node->slot] + 31) / 32;
			continue;
		}
		node->flags = missing_left ? ML_NODE_MISSING_LEFT : 0;
		count = t->start[node->slot + 1] - t->start[node->slot];
		index = mlops_get_uint(buf, index_bytes(count));
		ML_CHECK_BYTES(index < count, "number of a threshold");
		node->u.threshold = t->value[t->start[node->slot] + index];
	}
	return nwords;
}

static void
get_set(StringInfo buf, uint32 *words, uint32 nbits)
{
	int			mode = (int) mlops_get_uint(buf, 1);
	uint32		nwords = (nbits + 31) / 32;
	uint32		count;
	uint64		code = 0;

	ML_CHECK_BYTES(mode <= SET_RIGHT, "set of categories");
	memset(words, mode == SET_RIGHT ? 0xff : 0, sizeof(uint32) * nwords);
	if (mode == SET_BITMAP)
	{
		for (uint32 i = 0; i < nbits; i += 8)
			words[i / 32] |= (uint32) mlops_get_uint(buf, 1) << (i % 32);
		ML_CHECK_BYTES(nbits % 32 == 0 || words[nwords - 1] >> (nbits % 32) == 0,
					   "set of categories");
		return;
	}
	if (nbits % 32 != 0)
		words[nwords - 1] &= (1U << (nbits % 32)) - 1;
	count = get_varint(buf);
	ML_CHECK_BYTES(count <= nbits, "set of categories");
	for (uint32 i = 0; i < count; i++, code++)
	{
		code += get_varint(buf);
		ML_CHECK_BYTES(code < nbits, "set of categories");
		words[code / 32] ^= 1U << (code % 32);
	}
}

/* Sets of codes.  One can be shorter than it is in memory, so the bytes left bound nothing: room grows. */
static void
get_sets(MlEnsemble *e, StringInfo buf, const Thresholds *t, uint64 nwords)
{
	if (nwords == 0)
		return;
	ML_CHECK_BYTES(nwords <= MAX_WORDS, "sets of categories");
	for (uint32 i = 0; i < e->root[e->ntrees]; i++)
	{
		MlNode	   *node = &e->nodes[i];
		uint32		n;

		if ((node->flags & ML_NODE_CATEGORY) == 0)
			continue;
		CHECK_FOR_INTERRUPTS();
		n = (t->nbits[node->slot] + 31) / 32;
		if (e->nwords + n > e->maxwords)
		{
			uint64		room = Max(Max(64, (uint64) e->maxwords * 2), (uint64) e->nwords + n);

			room = Min(room, nwords);
			e->words = e->words ? repalloc_huge(e->words, sizeof(uint32) * room) :
				take(room, sizeof(uint32));
			e->maxwords = (uint32) room;
		}
		node->u.set.first = e->nwords;
		node->u.set.nbits = n * 32;
		get_set(buf, e->words + e->nwords, t->nbits[node->slot]);
		e->nwords += n;
	}
}

static double
get_value(StringInfo buf)
{
	double		value = mlops_get_double(buf);

	ML_CHECK_BYTES(isfinite(value), "value of a leaf");
	return value;
}

static void
get_numbers(MlEnsemble *e, StringInfo buf, bool whole_cover)
{
	uint32		n = e->root[e->ntrees];
	uint32		nleaves = (n + e->ntrees) / 2;

	for (uint32 i = 0; i < n; i++)
	{
		CHECK_EVERY_64K(i);
		e->gain[i] = is_leaf(&e->nodes[i]) ? 0 : get_float(buf);
		ML_CHECK_BYTES(isfinite(e->gain[i]), "gain");
	}
	for (uint32 i = 0; i < n; i++)
	{
		CHECK_EVERY_64K(i);
		if (!is_leaf(&e->nodes[i]))
			continue;
		e->cover[i] = whole_cover ? (float) get_varint(buf) : get_float(buf);
		ML_CHECK_BYTES(isfinite(e->cover[i]) && e->cover[i] >= 0, "cover");
	}
	if (e->leaf_outputs > 1)
		e->values = take((uint64) nleaves * e->leaf_outputs, sizeof(double));
	for (uint32 i = 0; i < n; i++)
	{
		CHECK_EVERY_64K(i);
		if (!is_leaf(&e->nodes[i]))
			continue;
		if (e->leaf_outputs == 1)
		{
			e->nodes[i].u.value = get_value(buf);
			continue;
		}
		e->nodes[i].right = e->nvalues;
		for (int j = 0; j < e->leaf_outputs; j++)
			e->values[(Size) e->nvalues * e->leaf_outputs + j] = get_value(buf);
		e->nvalues++;
	}
	e->maxvalues = e->nvalues;
}

static void
join_trees(MlEnsemble *e)
{
	uint32		largest = 1;
	uint32	   *stack;

	for (int i = 0; i < e->ntrees; i++)
		largest = Max(largest, e->root[i + 1] - e->root[i]);
	stack = take(largest, sizeof(uint32));
	for (int i = 0; i < e->ntrees; i++)
	{
		uint32		start = e->root[i];

		CHECK_FOR_INTERRUPTS();
		ML_CHECK_BYTES(mlops_ensemble_join(e->nodes + start, e->cover + start,
										   e->root[i + 1] - start, stack),
					   "shape of a tree");
	}
	pfree(stack);
}

/* How many values there are of each kind has to agree with what the model answers. */
static void
check_outputs(const MlSignature *sig, uint64 link, bool is_mean, uint64 noutputs,
			  uint64 leaf_outputs)
{
	bool		is_class = sig->task == ML_TASK_CLASSIFICATION;
	uint64		want = is_class && sig->nclasses > 2 ? sig->nclasses : 1;

	ML_CHECK_BYTES(link <= ML_LINK_EXP, "link");
	ML_CHECK_BYTES(noutputs == want, "number of outputs");
	ML_CHECK_BYTES(leaf_outputs == (is_mean ? noutputs : 1), "values of a leaf");
	ML_CHECK_BYTES(link != ML_LINK_LOGISTIC || (is_class && noutputs == 1), "link");
	ML_CHECK_BYTES(link != ML_LINK_SOFTMAX || noutputs > 1, "link");
	ML_CHECK_BYTES(link != ML_LINK_EXP || !is_class, "link");
	ML_CHECK_BYTES(link != ML_LINK_IDENTITY || !is_class || is_mean, "link");
}

MlEnsemble *
mlops_ensemble_recv(const MlSignature *sig, StringInfo buf)
{
	uint64		link = mlops_get_uint(buf, 1);
	uint64		flags = mlops_get_uint(buf, 1);
	uint64		noutputs = mlops_get_uint(buf, 4);
	uint64		leaf_outputs = mlops_get_uint(buf, 4);
	bool		is_mean = (flags & FLAG_MEAN) != 0;
	uint32		ntrees;
	uint32		nnodes;
	MlEnsemble *e;
	Thresholds	t;

	ML_CHECK_BYTES((flags & ~(uint64) FLAG_ALL) == 0, "flags");
	check_outputs(sig, link, is_mean, noutputs, leaf_outputs);
	e = mlops_ensemble_make((MlLink) link, is_mean, (int) noutputs, (int) leaf_outputs);
	ntrees = get_head(e, sig, buf);
	nnodes = (uint32) mlops_get_uint(buf, 4);
	ML_CHECK_BYTES(ntrees <= nnodes && nnodes <= PG_INT32_MAX, "number of trees");
	ML_CHECK_BYTES(is_mean || ntrees == (uint64) e->best_round * noutputs, "number of trees");
	get_structure(e, sig, buf, ntrees, nnodes);
	init_thresholds(&t, sig);
	get_thresholds(&t, sig, buf);
	get_sets(e, buf, &t, get_splits(e, sig, buf, &t));
	get_numbers(e, buf, (flags & FLAG_WHOLE_COVER) != 0);
	join_trees(e);
	pfree(t.start);
	pfree(t.value);
	pfree(t.is_category);
	pfree(t.nbits);
	mlops_ensemble_prepare(e, sig->width);
	return e;
}
