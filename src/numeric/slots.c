/*-------------------------------------------------------------------------
 *
 * slots.c
 *	  Which arm of a split a key belongs to.
 *
 * A key hashes to one of MLOPS_SLOTS slots, and every slot belongs to an arm.
 * Arms get as many slots as their shares say, by largest remainder.  When the
 * shares change, arms that shrink give up slots and arms that grow take those;
 * no other slot changes hands, so no more keys move than must.
 *
 * Arms stand in a line.  One gives up the slots on the side where the arms
 * that grow are, and takes from the side where those that shrink are; so two
 * arms that take a step and its reverse are where they were.
 *
 * Frozen: a changed bit moves people to other arms of experiments under way.
 *
 * IDENTIFICATION
 *	  src/numeric/slots.c
 *
 *-------------------------------------------------------------------------
 */
#include "mlops/numeric.h"

#define SALT_SEED	UINT64_C(0x726f757465)

/*
 * mlops_slots_seed is what a salt turns the hash of keys with.
 */
uint64_t
mlops_slots_seed(const void *salt, size_t len)
{
	return mlops_hash_bytes(salt, len, SALT_SEED);
}

/*
 * mlops_slot is the slot of a key.
 */
int
mlops_slot(const void *key, size_t len, uint64_t seed)
{
	return (int) (((mlops_hash_bytes(key, len, seed) >> 32) * MLOPS_SLOTS) >> 32);
}

/*
 * mlops_slots_divide gives n arms their slots by largest remainder, the first
 * of equals; shares are at least 0 and sum to 1 or nearly.
 */
void
mlops_slots_divide(int n, const double *share, int *count)
{
	double		sum = 0;
	int			left = MLOPS_SLOTS;
	int			i;

	for (i = 0; i < n; i++)
		sum += share[i];
	for (i = 0; i < n; i++)
	{
		/* a share of a whole number of slots keeps it in spite of rounding */
		count[i] = (int) (share[i] / sum * MLOPS_SLOTS + 1e-6);
		left -= count[i];
	}
	for (; left > 0; left--)
	{
		int			best = -1;
		double		most = 0;

		for (i = 0; i < n; i++)
		{
			double		missing = share[i] / sum * MLOPS_SLOTS - count[i];

			if (share[i] > 0 && (best < 0 || missing > most + 1e-6))
			{
				best = i;
				most = missing;
			}
		}
		count[best]++;
	}
}

/* Does an arm behind this one have fewer slots than it wants? */
static bool
grows_behind(int arm, int n, const int *have, const int *want)
{
	int			i;

	for (i = arm + 1; i < n; i++)
		if (have[i] < want[i])
			return true;
	return false;
}

/* Free "excess" slots of an arm, from the end or from the start. */
static void
give_up(uint8_t *slots, int arm, int excess, bool from_end)
{
	int			i;

	for (i = 0; i < MLOPS_SLOTS && excess > 0; i++)
	{
		int			slot = from_end ? MLOPS_SLOTS - 1 - i : i;

		if (slots[slot] == arm)
		{
			slots[slot] = MLOPS_SLOT_FREE;
			excess--;
		}
	}
}

/*
 * mlops_slots_move brings the arms to the counts wanted, which sum to
 * MLOPS_SLOTS; slots are MLOPS_SLOT_FREE or an arm below n.
 */
void
mlops_slots_move(uint8_t *slots, int n, const int *want)
{
	int			have[MLOPS_SLOT_FREE] = {0};
	int			arm = 0;
	int			i;

	for (i = 0; i < MLOPS_SLOTS; i++)
		if (slots[i] != MLOPS_SLOT_FREE)
			have[slots[i]]++;
	for (i = 0; i < n; i++)
		if (have[i] > want[i])
			give_up(slots, i, have[i] - want[i], grows_behind(i, n, have, want));
	for (i = 0; i < n; i++)
		if (have[i] > want[i])
			have[i] = want[i];
	for (i = 0; i < MLOPS_SLOTS; i++)
	{
		if (slots[i] != MLOPS_SLOT_FREE)
			continue;
		while (have[arm] == want[arm])
			arm++;
		slots[i] = (uint8_t) arm;
		have[arm]++;
	}
}
