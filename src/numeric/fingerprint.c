/*-------------------------------------------------------------------------
 *
 * fingerprint.c
 *	  128 bits of a multiset of rows.  Frozen: fingerprints are stored and
 *	  compared for ever, between databases, versions and machines.
 *
 *		columns	in the order of their names, two by two (a and b):
 *				lane[i] += fold(word_a[i] ^ x_a[i], word_b[i] ^ x_b[i]), i = 0, 1,
 *				with keys x made of the column's name and the family of its type
 *		row		two different hashes of both lanes, read as one number of 128 bits
 *		rows	the sum of those numbers modulo 2^128, and how many they are
 *		result	two different hashes of the sum and the count
 *
 * The sum of rows commutes, so that their order does not matter and parts of a
 * table can be added up in any order.  Unlike a xor, it tells a row that occurs
 * twice from one that occurs four times.  The row's hash stands between the two
 * sums, so that values do not change places between rows unseen.  One
 * multiplication a value is what makes it cheap beside reading the row.
 *
 * By accident two different tables agree with a probability of about 2^-128.
 * On purpose they can be made to agree: there is no secret, the folded
 * multiply is no cryptographic hash, and sums of 128 bits yield to a
 * generalised birthday search.
 *
 * IDENTIFICATION
 *	  src/numeric/fingerprint.c
 *
 *-------------------------------------------------------------------------
 */
#include "mlops/numeric.h"

#include "fold.h"

/* Drawn once from a generator.  Never change them. */
#define F0	UINT64_C(0x27cc092169ae03a9)
#define F1	UINT64_C(0x26866093e8e9af13)
#define F2	UINT64_C(0x8884d24615655a8b)
#define F3	UINT64_C(0x6b671171da1cbb25)
#define F4	UINT64_C(0xdeeba770a9a1bd2b)
#define F5	UINT64_C(0x3970eb02739beedd)

void
mlops_finger_key(const void *name, size_t len, uint64_t family, uint64_t key[2])
{
	key[0] = mlops_hash_bytes(name, len, mlops_hash_mix(family, 0));
	key[1] = mlops_hash_bytes(name, len, mlops_hash_mix(family, 1));
}

static inline void
row_lanes(int n, const MlFingerPair *pair, const uint64_t *words, const uint64_t *second,
		  uint64_t lanes[2])
{
	const MlFingerPair *end = pair + n;
	uint64_t	one = 0,
				two = 0;

	for (; pair < end; pair++)
	{
		one += fold(words[pair->a] ^ pair->key[0], words[pair->b] ^ pair->key[1]);
		two += fold(second[pair->a] ^ pair->key[2], second[pair->b] ^ pair->key[3]);
	}
	lanes[0] = one;
	lanes[1] = two;
}

void
mlops_finger_row(int n, const MlFingerPair *pairs, const uint64_t *words,
				 const uint64_t *second, uint64_t out[2])
{
	uint64_t	lanes[2];

	if (second == NULL)
		row_lanes(n, pairs, words, words, lanes);
	else
		row_lanes(n, pairs, words, second, lanes);
	out[0] = mix(lanes[0], lanes[1]);
	out[1] = mix(lanes[1] ^ F0, lanes[0] ^ F1);
}

/* Add a number of 128 bits. */
static void
add(MlFingerSum *sum, uint64_t low, uint64_t high)
{
	sum->low += low;
	sum->high += high + (sum->low < low);
}

void
mlops_finger_add(MlFingerSum *sum, const uint64_t row[2])
{
	add(sum, row[0], row[1]);
	sum->rows++;
}

void
mlops_finger_merge(MlFingerSum *sum, const MlFingerSum *other)
{
	add(sum, other->low, other->high);
	sum->rows += other->rows;
}

void
mlops_finger_final(const MlFingerSum *sum, uint64_t out[2])
{
	out[0] = mix(mix(sum->low ^ F2, sum->high ^ F3), (uint64_t) sum->rows);
	out[1] = mix(mix(sum->high ^ F4, sum->low ^ F5), (uint64_t) sum->rows);
}
