/*
 * bench_trees.c: bare loops over trees and rows in memory.
 *
 * usage: bench_trees TREES ROWS WIDTH BASE
 *
 * TREES: lines "tree node slot threshold left right value" in order of tree
 * and node, both counted from 1; slot -1: a leaf.  ROWS: COPY's binary format,
 * WIDTH columns of type float8 without nulls.
 *
 * Prints the seconds of each loop over all rows and the sum of the answers
 * 1 / (1 + exp(-s)).  The loops add in the same order: their sums must be equal.
 */
#include <endian.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_TREES 1000
#define LANES 8
#define CHAINS 10
#define TILE 64

typedef struct Node
{
	double		threshold;
	int			slot;			/* -1: a leaf */
	int			left;
	int			right;
	double		value;
} Node;

/* children side by side; a leaf is its own left child */
typedef struct Fast
{
	uint64_t	key;
	uint32_t	child;
	uint32_t	slot;
} Fast;

static Node *nodes;
static Fast *fast;
static double *value;
static int	start[MAX_TREES + 1];
static int	depth[MAX_TREES];
static int	ntrees;
static int	width;
static double base;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static void
fail(const char *what)
{
	fprintf(stderr, "bench_trees: %s\n", what);
	exit(1);
}

static void
read_trees(const char *name)
{
	FILE	   *file = fopen(name, "r");
	int			room = 1 << 16;
	int			n = 0;
	int			tree;
	int			number;
	Node		node;

	if (!file)
		fail("cannot open the trees");
	nodes = malloc(sizeof(Node) * room);
	while (fscanf(file, "%d %d %d %lf %d %d %lf", &tree, &number, &node.slot, &node.threshold,
				  &node.left, &node.right, &node.value) == 7)
	{
		if (tree > MAX_TREES)
			fail("too many trees");
		if (tree > ntrees)
			start[ntrees++] = n;
		if (n == room)
			nodes = realloc(nodes, sizeof(Node) * (room *= 2));
		node.left -= 1;
		node.right -= 1;
		nodes[n++] = node;
	}
	start[ntrees] = n;
	fclose(file);
}

static uint64_t
key_of(double x)
{
	uint64_t	bits;

	x += 0.0;
	memcpy(&bits, &x, sizeof(bits));
	return bits ^ ((uint64_t) ((int64_t) bits >> 63) | 0x8000000000000000);
}

static void
lay_out(void)
{
	int			n = start[ntrees];
	int		   *queue = malloc(sizeof(int) * n);
	int		   *level = malloc(sizeof(int) * n);

	fast = calloc(n, sizeof(Fast));
	value = calloc(n, sizeof(double));
	for (int t = 0; t < ntrees; t++)
	{
		const Node *tree = nodes + start[t];
		int			tail = 1;

		queue[0] = level[0] = 0;
		for (int head = 0; head < start[t + 1] - start[t]; head++)
		{
			const Node *node = tree + queue[head];
			Fast	   *to = fast + start[t] + head;

			if (level[head] > depth[t])
				depth[t] = level[head];
			if (node->slot < 0)
			{
				to->key = UINT64_MAX;
				to->child = start[t] + head;
				value[start[t] + head] = node->value;
				continue;
			}
			to->key = key_of(node->threshold);
			to->slot = node->slot;
			to->child = start[t] + tail;
			level[tail] = level[tail + 1] = level[head] + 1;
			queue[tail++] = node->left;
			queue[tail++] = node->right;
		}
	}
	free(queue);
	free(level);
}

static double *
read_rows(const char *name, long *nrows)
{
	FILE	   *file = fopen(name, "rb");
	char		head[19];
	uint16_t	nfields;
	long		room = 1 << 20;
	double	   *x = malloc(sizeof(double) * room * width);

	if (!file || fread(head, 1, 19, file) != 19)
		fail("cannot read the rows");
	*nrows = 0;
	while (fread(&nfields, 2, 1, file) == 1 && nfields != 0xffff)
	{
		if (be16toh(nfields) != width)
			fail("rows of another width");
		if (*nrows == room)
			x = realloc(x, sizeof(double) * (room *= 2) * width);
		for (int s = 0; s < width; s++)
		{
			uint32_t	length;
			uint64_t	bits;

			if (fread(&length, 4, 1, file) != 1 || be32toh(length) != 8 || fread(&bits, 8, 1, file) != 1)
				fail("not a column of numbers without nulls");
			bits = be64toh(bits);
			memcpy(&x[*nrows * width + s], &bits, 8);
		}
		++*nrows;
	}
	fclose(file);
	return x;
}

/* row by row, tree by tree, question by question */
static void
loop_naive(const double *x, long n, double *sum)
{
	for (long i = 0; i < n; i++, x += width)
	{
		double		s = base;

		for (int t = 0; t < ntrees; t++)
		{
			const Node *tree = nodes + start[t];
			const Node *node = tree;

			while (node->slot >= 0)
				node = tree + (x[node->slot] <= node->threshold ? node->left : node->right);
			s += node->value;
		}
		sum[i] = s;
	}
}

static inline uint32_t
step(uint32_t at, const uint64_t *keys)
{
	return fast[at].child + (fast[at].key < keys[fast[at].slot]);
}

/* eight rows down one tree, without branches */
static void
loop_lanes(const double *x, long n, double *sum)
{
	uint64_t	keys[TILE * width];

	for (long from = 0; from < n; from += TILE, x += TILE * width, sum += TILE)
	{
		int			m = n - from < TILE ? n - from : TILE;

		for (int k = 0; k < TILE * width; k++)
			keys[k] = k < m * width ? key_of(x[k]) : 0;
		for (int i = 0; i < m; i++)
			sum[i] = base;
		for (int t = 0; t < ntrees; t++)
			for (int i = 0; i < m; i += LANES)
			{
				uint32_t	at[LANES];

				for (int c = 0; c < LANES; c++)
					at[c] = start[t];
				for (int d = 0; d < depth[t]; d++)
					for (int c = 0; c < LANES; c++)
						at[c] = step(at[c], keys + (i + c) * width);
				for (int c = 0; c < LANES && i + c < m; c++)
					sum[i + c] += value[at[c]];
			}
	}
}

/* one row down ten trees, without branches */
static void
loop_chains(const double *x, long n, double *sum)
{
	uint64_t	keys[width];

	for (long i = 0; i < n; i++, x += width)
	{
		double		s = base;

		for (int k = 0; k < width; k++)
			keys[k] = key_of(x[k]);
		for (int t = 0; t < ntrees; t += CHAINS)
		{
			int			m = ntrees - t < CHAINS ? ntrees - t : CHAINS;
			uint32_t	at[CHAINS];
			uint32_t	moved;

			for (int c = 0; c < CHAINS; c++)
				at[c] = start[t + (c < m ? c : 0)];
			do
			{
				moved = 0;
				for (int c = 0; c < CHAINS; c++)
				{
					uint32_t	next = step(step(at[c], keys), keys);

					moved |= next ^ at[c];
					at[c] = next;
				}
			} while (moved != 0);
			for (int c = 0; c < m; c++)
				s += value[at[c]];
		}
		sum[i] = s;
	}
}

int
main(int argc, char **argv)
{
	static void (*const loops[]) (const double *, long, double *) = {loop_naive, loop_lanes, loop_chains};
	static const char *const names[] = {"naive", "lanes", "chains"};
	double	   *x;
	double	   *first;
	double	   *sum;
	double		total = 0;
	long		n;

	if (argc != 5)
		fail("usage: bench_trees TREES ROWS WIDTH BASE");
	width = atoi(argv[3]);
	base = atof(argv[4]);
	read_trees(argv[1]);
	lay_out();
	x = read_rows(argv[2], &n);
	first = calloc(n + TILE, sizeof(double));
	sum = calloc(n + TILE, sizeof(double));
	for (int l = 0; l < 3; l++)
	{
		double		seconds;

		memset(sum, 1, sizeof(double) * (n + TILE));	/* touched before the clock runs */
		seconds = now();
		loops[l] (x, n, sum);
		seconds = now() - seconds;
		if (l == 0)
			memcpy(first, sum, sizeof(double) * n);
		if (memcmp(first, sum, sizeof(double) * n) != 0)
			fail("the loops do not agree");
		printf("%s %.6f\n", names[l], seconds);
	}
	for (long i = 0; i < n; i++)
		total += 1 / (1 + exp(-first[i]));
	printf("sum %.17g\n", total);
	return 0;
}
