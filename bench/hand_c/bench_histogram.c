/*
 * bench_histogram.c: the rate of the bare histogram kernel.
 *
 * usage: bench_histogram SLOTS PROCESSES
 *
 * Each process adds the packed gradients of its share of 1,000,000 rows to
 * histograms of 256 bins a slot, all rows, in order, again and again for a
 * second: no partition, no search, no waiting.  Prints the sum of the rates in
 * updates (row x slot) per second.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROWS 1000000

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static void
add_rows(int64_t *histogram, const uint8_t *rows, const uint32_t *packed,
		 int nrows, int nslots, int stride)
{
	for (int i = 0; i + 2 <= nrows; i += 2)
	{
		const uint8_t *a = rows + (size_t) i * stride;
		const uint8_t *b = a + stride;
		int64_t		ga = (int64_t) ((uint64_t) (int64_t) (int16_t) (packed[i] >> 16) << 32) + (packed[i] & 0xffff);
		int64_t		gb = (int64_t) ((uint64_t) (int64_t) (int16_t) (packed[i + 1] >> 16) << 32) + (packed[i + 1] & 0xffff);
		int64_t    *h = histogram;

		for (int s = 0; s < nslots; s++, h += 256)
		{
			h[a[s]] += ga;
			h[b[s]] += gb;
		}
	}
}

static double
measure(int nslots, int nrows)
{
	int			stride = (nslots + 3) / 4 * 4;
	uint8_t    *rows = aligned_alloc(64, ((size_t) nrows * stride + 63) / 64 * 64);
	uint32_t   *packed = malloc(sizeof(uint32_t) * nrows);
	int64_t    *histogram = aligned_alloc(64, sizeof(int64_t) * 256 * nslots);
	uint64_t	state = 88172645463325252ULL + getpid();
	double		start;
	double		seconds;
	int			passes = 0;

	for (size_t i = 0; i < (size_t) nrows * stride; i++)
	{
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		rows[i] = state >> 24;
		if (i < (size_t) nrows)
			packed[i] = state >> 32;
	}
	memset(histogram, 0, sizeof(int64_t) * 256 * nslots);
	start = now();
	do
	{
		add_rows(histogram, rows, packed, nrows, nslots, stride);
		passes++;
		seconds = now() - start;
	} while (seconds < 1);
	if (histogram[1] == 42)		/* keeps the work from being optimised away */
		fputs(" ", stderr);
	return (double) passes * nrows * nslots / seconds;
}

int
main(int argc, char **argv)
{
	int			nslots = argc > 1 ? atoi(argv[1]) : 28;
	int			nprocesses = argc > 2 ? atoi(argv[2]) : 1;
	double		sum = 0;
	int			ends[2];

	if (pipe(ends) != 0)
		return 1;
	for (int i = 0; i < nprocesses; i++)
	{
		if (fork() == 0)
		{
			double		rate = measure(nslots, ROWS / nprocesses);

			return write(ends[1], &rate, sizeof(rate)) == sizeof(rate) ? 0 : 1;
		}
	}
	for (int i = 0; i < nprocesses; i++)
	{
		double		rate;

		if (read(ends[0], &rate, sizeof(rate)) != sizeof(rate))
			return 1;
		sum += rate;
	}
	while (wait(NULL) > 0)
		;
	printf("%.0f\n", sum);
	return 0;
}
