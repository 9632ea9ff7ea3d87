/*-------------------------------------------------------------------------
 *
 * reference.c
 *	  References: made of training rows, and rows counted by them.
 *
 * Rows are counted column by column, a block of rows at a time: a column's
 * values are put side by side, and several of them look for their bins at once,
 * so that the steps of one search do not wait for those of another.
 *
 * IDENTIFICATION
 *	  src/profile/reference.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "mlops/reference.h"

#define BLOCK_ROWS	128			/* counted together; their slots fit next to the processor */
#define SEARCHES	8			/* at once */
#define STEPS		200			/* of a calibration, about */

/*
 * mlops_feature_has_tracks - or is it an array of too many elements?
 */
bool
mlops_feature_has_tracks(const MlSignature *sig, int feature)
{
	int			width = sig->features[feature].width;

	return width == 1 ||
		(width <= MLOPS_REFERENCE_ELEMENTS && sig->width <= MLOPS_REFERENCE_SLOTS);
}

/*
 * mlops_reference_room - how many tracks there can be
 */
int
mlops_reference_room(const MlSignature *sig)
{
	int			room = 2;

	for (int i = 0; i < sig->nfeatures; i++)
		if (mlops_feature_has_tracks(sig, i))
			room += sig->features[i].width;
	return room;
}

/*
 * mlops_track_dictionary - by code; NULL of numbers
 */
MlCategory *
mlops_track_dictionary(const MlTrack *track, const MlSignature *sig, int *n, bool *open)
{
	const MlString *strings;
	MlCategory *dictionary;

	if (track->kind == ML_TRACK_FEATURE &&
		sig->features[track->feature].type == ML_COLUMN_TEXT)
	{
		*n = sig->features[track->feature].ncategories;
		*open = sig->features[track->feature].has_other;
		strings = sig->features[track->feature].categories;
	}
	else if (track->kind == ML_TRACK_OUTPUT && sig->nclasses > 2)
	{
		*n = sig->nclasses;
		*open = false;
		strings = sig->classes;
	}
	else
		return NULL;
	dictionary = palloc_extended(sizeof(MlCategory) * Max(*n, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < *n; i++)
	{
		dictionary[i].data = strings[i].data;
		dictionary[i].len = strings[i].len;
		dictionary[i].count = 0;
	}
	return dictionary;
}

/*
 * mlops_track_set_codes - which slot each code is counted in
 */
void
mlops_track_set_codes(MlTrack *track, int n, bool open, const int *top)
{
	const MlProfile *p = track->profile;

	track->code_slot = palloc_extended(sizeof(int) * ((Size) n + 2), MCXT_ALLOC_HUGE);
	track->ncodes = n;
	for (int i = 0; i < n; i++)
		track->code_slot[i] = p->other_slot;
	for (int i = 0; i < p->ntop; i++)
		track->code_slot[top[i]] = i;
	track->code_slot[n] = p->null_slot;
	track->code_slot[n + 1] = open ? p->other_slot : p->new_slot;
}

/*
 * mlops_reference_lay_out - one vector of counts
 */
void
mlops_reference_lay_out(MlReference *ref)
{
	ref->ncounts = 0;
	for (int i = 0; i < ref->ntracks; i++)
	{
		ref->tracks[i].offset = ref->ncounts;
		ref->ncounts += ref->tracks[i].profile->nslots;
	}
}

/* The slot of a code, whatever stands in its place. */
static inline int
slot_of_code(const MlTrack *track, double code)
{
	if (isnan(code))
		return track->profile->null_slot;
	if (!(code >= 0 && code <= track->ncodes + 1))
		return track->profile->new_slot;
	return track->code_slot[(int) code];
}

/* Freeze a profile of the values, which are reordered. */
static void
freeze(MlTrack *track, const MlSignature *sig, double *values, int64 n, double *scratch)
{
	int			ncodes;
	bool		open;
	MlCategory *dictionary = mlops_track_dictionary(track, sig, &ncodes, &open);
	int			top[MLOPS_DRIFT_TOP];
	int64		nulls = 0;
	int64		others = 0;
	int64		kept = 0;

	if (dictionary == NULL)
	{
		for (int64 i = 0; i < n; i++)
			if (!isnan(values[i]))
				values[kept++] = values[i];
		track->profile = mlops_profile_freeze_numbers(values, kept, scratch, n - kept);
		return;
	}
	for (int64 i = 0; i < n; i++)
	{
		if (isnan(values[i]) || values[i] == ncodes)
			nulls++;
		else if (values[i] >= 0 && values[i] < ncodes)
			dictionary[(int) values[i]].count++;
		else
			others++;
	}
	track->profile = mlops_profile_freeze_codes(dictionary, ncodes, others, open, nulls, top);
	mlops_track_set_codes(track, ncodes, open, top);
	pfree(dictionary);
}

static MlTrack *
add_track(MlReference *ref, MlTrackKind kind)
{
	MlTrack    *track = &ref->tracks[ref->ntracks++];

	memset(track, 0, sizeof(*track));
	track->kind = kind;
	return track;
}

static void
make_features(MlReference *ref, const MlSignature *sig, const bool *tracked, const MlSeen *rows,
			  double *values, double *scratch)
{
	for (int f = 0; f < sig->nfeatures; f++)
	{
		const MlFeature *feature = &sig->features[f];

		if ((tracked && !tracked[f]) || !mlops_feature_has_tracks(sig, f))
			continue;
		for (int slot = feature->slot; slot < feature->slot + feature->width; slot++)
		{
			MlTrack    *track = add_track(ref, ML_TRACK_FEATURE);
			const double *x = rows->x + slot;

			CHECK_FOR_INTERRUPTS();
			track->feature = f;
			track->slot = slot;
			for (int64 i = 0; i < rows->nrows; i++, x += rows->width)
				values[i] = *x;
			freeze(track, sig, values, rows->nrows, scratch);
		}
	}
}

static void
make_joint(MlReference *ref, const MlSignature *sig, const MlSeen *rows,
		   double *values, double *scratch)
{
	bool	   *wanted = palloc0(sizeof(bool) * Max(rows->width, 1));

	for (int i = 0; i < ref->ntracks; i++)
		wanted[ref->tracks[i].slot] = ref->tracks[i].code_slot == NULL;
	mlops_joint_learn(rows, wanted, &ref->joint);
	pfree(wanted);
	if (ref->joint.n == 0)
		return;
	for (int64 at = 0; at < rows->nrows; at += MLOPS_BLOCK_ROWS)
	{
		CHECK_FOR_INTERRUPTS();
		mlops_joint_distances(&ref->joint, rows->x + (Size) at * rows->width, rows->width,
							  (int) Min(MLOPS_BLOCK_ROWS, rows->nrows - at), values + at);
	}
	freeze(add_track(ref, ML_TRACK_JOINT), sig, values, rows->nrows, scratch);
}

/*
 * mlops_reference_make - the tracks of features and their distance
 */
MlReference *
mlops_reference_make(const MlSignature *sig, const bool *tracked, const MlSeen *rows, int64 nrows)
{
	MlReference *ref = palloc0(sizeof(MlReference));
	double	   *values = palloc_extended(sizeof(double) * Max(rows->nrows, 1), MCXT_ALLOC_HUGE);
	double	   *scratch = palloc_extended(sizeof(double) * Max(rows->nrows, 1), MCXT_ALLOC_HUGE);

	ref->nrows = nrows;
	ref->nsample = rows->nrows;
	ref->tracks = palloc(sizeof(MlTrack) * mlops_reference_room(sig));
	make_features(ref, sig, tracked, rows, values, scratch);
	make_joint(ref, sig, rows, values, scratch);
	mlops_reference_lay_out(ref);
	pfree(values);
	pfree(scratch);
	return ref;
}

/* What the positive class's probabilities are worth. */
static void
calibrate(MlReference *ref, const MlSeen *answers, double *p, double *y)
{
	int64		n = 0;

	for (int64 i = 0; i < answers->nrows; i++)
	{
		if (isnan(answers->answer[i]))
			continue;
		p[n] = answers->answer[i];
		y[n++] = answers->actual[i];
	}
	mlops_calibration_fit(p, y, n, Max(MLOPS_FROZEN_LEAST, n / STEPS), &ref->calibration);
}

/*
 * mlops_reference_answers - the track of what was answered
 */
void
mlops_reference_answers(MlReference *ref, const MlSignature *sig, const MlSeen *answers, bool held_out)
{
	Size		size = sizeof(double) * Max(answers->nrows, 1);
	double	   *values = palloc_extended(size, MCXT_ALLOC_HUGE);
	double	   *scratch = palloc_extended(size, MCXT_ALLOC_HUGE);
	MlTrack		joint;
	bool		has_joint = ref->ntracks > 0 && ref->tracks[ref->ntracks - 1].kind == ML_TRACK_JOINT;

	if (has_joint)
		joint = ref->tracks[--ref->ntracks];
	ref->held_out = held_out;
	memcpy(values, answers->answer, sizeof(double) * answers->nrows);
	freeze(add_track(ref, ML_TRACK_OUTPUT), sig, values, answers->nrows, scratch);
	if (has_joint)
		ref->tracks[ref->ntracks++] = joint;
	mlops_reference_lay_out(ref);
	if (sig->nclasses == 2 && answers->actual != NULL)
		calibrate(ref, answers, values, scratch);
	pfree(values);
	pfree(scratch);
}

/* Add some numbers to counts: NaN is missing. */
static void
count_numbers(const MlProfile *p, const double *x, int n, int64 *counts)
{
	int			i = 0;

	for (; i + SEARCHES <= n && p->ncuts > 0; i += SEARCHES)
	{
		uint64		key[SEARCHES];
		uint32		at[SEARCHES] = {0};
		int			left = p->ncuts;

		for (int k = 0; k < SEARCHES; k++)
			key[k] = mlops_double_key(x[i + k]);
		while (left > 1)
		{
			uint32		half = (uint32) left / 2;

			for (int k = 0; k < SEARCHES; k++)
				at[k] += half & -(uint32) (p->bounds[at[k] + half - 1] < key[k]);
			left -= (int) half;
		}
		for (int k = 0; k < SEARCHES; k++)
		{
			int			slot = (int) (at[k] + (p->bounds[at[k]] < key[k]));

			counts[isnan(x[i + k]) ? p->null_slot : slot]++;
		}
	}
	for (; i < n; i++)
		counts[isnan(x[i]) ? p->null_slot : mlops_qbin_of(p->ncuts, p->bounds, x[i])]++;
}

static void
count_values(const MlTrack *track, const double *x, int n, int64 *counts)
{
	if (track->code_slot == NULL)
		count_numbers(track->profile, x, n, counts + track->offset);
	else
		for (int i = 0; i < n; i++)
			counts[track->offset + slot_of_code(track, x[i])]++;
}

static void
count_block(const MlReference *ref, const MlSeen *rows, int64 first, int n, const bool *withheld,
			int64 *counts)
{
	const double *x = rows->x + (Size) first * rows->width;
	double		values[BLOCK_ROWS];

	for (int t = 0; t < ref->ntracks; t++)
	{
		const MlTrack *track = &ref->tracks[t];

		switch (track->kind)
		{
			case ML_TRACK_FEATURE:
				if (withheld && withheld[track->feature])
					continue;
				for (int i = 0; i < n; i++)
					values[i] = x[(Size) i * rows->width + track->slot];
				break;
			case ML_TRACK_OUTPUT:
				if (rows->answer == NULL)
					continue;
				memcpy(values, rows->answer + first, sizeof(double) * n);
				break;
			case ML_TRACK_JOINT:
				mlops_joint_distances(&ref->joint, x, rows->width, n, values);
				break;
		}
		count_values(track, values, n, counts);
	}
}

/*
 * mlops_reference_count - add rows to a vector of counts
 */
void
mlops_reference_count(const MlReference *ref, const MlSeen *rows, const bool *withheld, int64 *counts)
{
	for (int64 at = 0; at < rows->nrows; at += BLOCK_ROWS)
	{
		if (at % (BLOCK_ROWS * 64) == 0)
			CHECK_FOR_INTERRUPTS();
		count_block(ref, rows, at, (int) Min(BLOCK_ROWS, rows->nrows - at), withheld, counts);
	}
}

/*
 * mlops_reference_counts - those of the reference itself
 */
int64 *
mlops_reference_counts(const MlReference *ref)
{
	int64	   *counts = palloc_extended(sizeof(int64) * Max(ref->ncounts, 1), MCXT_ALLOC_HUGE);

	for (int i = 0; i < ref->ntracks; i++)
		memcpy(counts + ref->tracks[i].offset, ref->tracks[i].profile->counts,
			   sizeof(int64) * ref->tracks[i].profile->nslots);
	return counts;
}

static bool
is_feature(const MlSignature *sig, const char *name)
{
	for (int i = 0; i < sig->nfeatures; i++)
		if (strcmp(sig->features[i].name, name) == 0)
			return true;
	return false;
}

/*
 * mlops_track_name - what people call it
 *
 * No two tracks have the same: a column can be called "v[1]" beside an array v.
 */
char *
mlops_track_name(const MlTrack *track, const MlSignature *sig)
{
	const MlFeature *feature;
	char	   *name;

	switch (track->kind)
	{
		case ML_TRACK_OUTPUT:
			return pstrdup("(output)");
		case ML_TRACK_JOINT:
			return pstrdup("(joint)");
		case ML_TRACK_FEATURE:
			break;
	}
	feature = &sig->features[track->feature];
	if (feature->width == 1)
		return pstrdup(feature->name);
	name = psprintf("%s[%d]", feature->name, track->slot - feature->slot + 1);
	while (is_feature(sig, name))
		name = psprintf("%s#%d", name, track->feature + 1);
	return name;
}
