/*-------------------------------------------------------------------------
 *
 * test_slots.c
 *	  Keys stay where they are, and no more of them move than must.
 *
 * IDENTIFICATION
 *	  src/test/unit/test_slots.c
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <string.h>

#include "mlops/numeric.h"

#include "unit.h"

/* A change here moves people to other arms of experiments under way. */
static const struct
{
	const char *salt;
	const char *key;
	int			slot;
}			pinned[] =
{
	{"credit", "1", 2345},
	{"credit", "2", 8502},
	{"credit", "customer-4711", 940},
	{"credit", "", 8377},
	{"credit", "\xc3\xa9t\xc3\xa9", 9641},
	{"", "1", 4885},
	{"spring", "1", 8439}
};

static void
test_pinned(void)
{
	size_t		i;

	for (i = 0; i < sizeof(pinned) / sizeof(pinned[0]); i++)
	{
		uint64_t	seed = mlops_slots_seed(pinned[i].salt, strlen(pinned[i].salt));
		int			slot = mlops_slot(pinned[i].key, strlen(pinned[i].key), seed);

		if (slot != pinned[i].slot)
			printf("# salt \"%s\", key \"%s\": slot %d\n", pinned[i].salt, pinned[i].key, slot);
		CHECK(slot == pinned[i].slot);
	}
}

/* Every slot is met, and none more often than chance has it. */
static void
test_even(void)
{
	static int	count[MLOPS_SLOTS];
	uint64_t	seed = mlops_slots_seed("even", 4);
	double		chi2 = 0;
	int			i;

	for (i = 0; i < MLOPS_SLOTS * 100; i++)
	{
		char		key[16];
		int			slot = mlops_slot(key, (size_t) snprintf(key, sizeof(key), "%d", i), seed);

		CHECK(slot >= 0 && slot < MLOPS_SLOTS);
		count[slot]++;
	}
	for (i = 0; i < MLOPS_SLOTS; i++)
		chi2 += (count[i] - 100.0) * (count[i] - 100.0) / 100.0;
	CHECK(mlops_chi2_sf(chi2, MLOPS_SLOTS - 1) > 1e-4);
	CHECK(mlops_chi2_sf(chi2, MLOPS_SLOTS - 1) < 1 - 1e-4);
}

static void
test_divide(void)
{
	double		thirds[3] = {1.0 / 3, 1.0 / 3, 1.0 / 3};
	double		rounded[3] = {0.333333, 0.333333, 0.333334};
	double		tenths[10] = {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1};
	double		tiny[3] = {0.9998, 0.0001, 0.0001};
	double		zero[2] = {0, 1};
	int			count[10];
	int			i;

	mlops_slots_divide(3, thirds, count);
	CHECK(count[0] == 3334 && count[1] == 3333 && count[2] == 3333);
	mlops_slots_divide(3, rounded, count);
	CHECK(count[0] + count[1] + count[2] == MLOPS_SLOTS && count[2] == 3334);
	mlops_slots_divide(10, tenths, count);
	for (i = 0; i < 10; i++)
		CHECK(count[i] == 1000);
	mlops_slots_divide(3, tiny, count);
	CHECK(count[0] == 9998 && count[1] == 1 && count[2] == 1);
	mlops_slots_divide(2, zero, count);
	CHECK(count[0] == 0 && count[1] == MLOPS_SLOTS);
}

/* Whatever the shares before and after: the slots moved are those that must. */
static void
test_move(void)
{
	static uint8_t slots[MLOPS_SLOTS],
				before[MLOPS_SLOTS];
	int			have[8] = {0};
	int			round,
				i;

	memset(slots, MLOPS_SLOT_FREE, sizeof(slots));
	for (round = 0; round < 300; round++)
	{
		double		share[8];
		double		sum = 0;
		int			want[8];
		int			count[8] = {0};
		int			grown = 0,
					moved = 0;

		for (i = 0; i < 8; i++)
		{
			share[i] = unit_random() < 0.3 ? 0 : unit_random();
			sum += share[i];
		}
		if (sum == 0)
			continue;
		for (i = 0; i < 8; i++)
			share[i] /= sum;
		mlops_slots_divide(8, share, want);
		memcpy(before, slots, sizeof(slots));
		mlops_slots_move(slots, 8, want);
		for (i = 0; i < MLOPS_SLOTS; i++)
		{
			moved += slots[i] != before[i];
			CHECK(slots[i] < 8);
			count[slots[i]]++;
		}
		for (i = 0; i < 8; i++)
		{
			CHECK(count[i] == want[i]);
			grown += want[i] > have[i] ? want[i] - have[i] : 0;
			have[i] = want[i];
		}
		CHECK(moved == grown);
	}
}

/* A canary that grows and is taken back has the keys it had. */
static void
test_reverse(void)
{
	static uint8_t slots[MLOPS_SLOTS],
				before[MLOPS_SLOTS];
	int			base[2] = {9000, 1000};
	int			steps[3][2] = {{8000, 2000}, {5000, 5000}, {0, 10000}};
	int			i;

	memset(slots, MLOPS_SLOT_FREE, sizeof(slots));
	mlops_slots_move(slots, 2, base);
	memcpy(before, slots, sizeof(slots));
	for (i = 0; i < 3; i++)
		mlops_slots_move(slots, 2, steps[i]);
	mlops_slots_move(slots, 2, base);
	CHECK(memcmp(before, slots, sizeof(slots)) == 0);
}

void
test_slots(void)
{
	test_pinned();
	test_even();
	test_divide();
	test_move();
	test_reverse();
}
