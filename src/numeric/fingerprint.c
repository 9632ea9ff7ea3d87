/*-------------------------------------------------------------------------
 *
 * fingerprint.c
 *	  128 bits of a multiset of rows.  Frozen: fingerprints are stored and
 *	  compared for ever, between databases, versions and machines.
 *
 *		value	lane[i] += fold(word[i] ^ x[i], m[i]), i = 0, 1, with keys x and m
 *				made of the column's name and the family of its type
 *		row		two different hashes of both lanes, read as one number of 128 bits
 *		rows	the sum of those numbers modulo 2^128, and how many they are
 *		result	two different hashes of the sum and the count
 *
 * Both sums commute, so that neither the order of columns nor that of rows
 * matters, and parts of a table can be added up in any order.  Unlike a xor,
 * the sum tells a row that occurs twice from one that occurs four times.  The
 * row's hash stands between the two sums, so that values do not change places
 * between rows unseen.
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
mlops_finger_key(MlFingerKey *key, const void *name, size_t len, uint64_t family)
{
	int			i;

	for (i = 0; i < 2; i++)
	{
		key->x[i] = mlops_hash_bytes(name, len, mlops_hash_mix(family, 2 * i));
		key->m[i] = mlops_hash_bytes(name, len, mlops_hash_mix(family, 2 * i + 1)) | 1;
	}
}

void
mlops_finger_words(int n, const MlFingerKey *keys, const uint64_t *words, uint64_t lanes[2])
{
	uint64_t	one = lanes[0],
				other = lanes[1];
	int			i;

	for (i = 0; i < n; i++)
	{
		one += fold(words[i] ^ keys[i].x[0], keys[i].m[0]);
		other += fold(words[i] ^ keys[i].x[1], keys[i].m[1]);
	}
	lanes[0] = one;
	lanes[1] = other;
}

void
mlops_finger_pair(const MlFingerKey *key, uint64_t one, uint64_t other, uint64_t lanes[2])
{
	lanes[0] += fold(one ^ key->x[0], key->m[0]);
	lanes[1] += fold(other ^ key->x[1], key->m[1]);
}

void
mlops_finger_mix(const uint64_t lanes[2], uint64_t out[2])
{
	out[0] = mlops_hash_mix(lanes[0], lanes[1]);
	out[1] = mlops_hash_mix(lanes[1] ^ F0, lanes[0] ^ F1);
}

/* Add a number of 128 bits. */
static void
add(MlFingerSum *sum, uint64_t low, uint64_t high)
{
	sum->low += low;
	sum->high += high + (sum->low < low);
}

void
mlops_finger_row(const uint64_t lanes[2], MlFingerSum *sum)
{
	uint64_t	row[2];

	mlops_finger_mix(lanes, row);
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
	out[0] = mlops_hash_mix(mlops_hash_mix(sum->low ^ F2, sum->high ^ F3), (uint64_t) sum->rows);
	out[1] = mlops_hash_mix(mlops_hash_mix(sum->high ^ F4, sum->low ^ F5), (uint64_t) sum->rows);
}
