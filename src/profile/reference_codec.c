/*-------------------------------------------------------------------------
 *
 * reference_codec.c
 *	  A reference as bytes, section "refr" of a stored model, and back.
 *
 * What the signature says already is not repeated: categories are their codes.
 * Neighbouring cuts begin with the same bytes and fine ones end in zeros
 * (freeze.c), and neighbouring bins have nearly as many rows, so a cut and its
 * count take about four bytes.  docs/model-format.md is normative.
 *
 * IDENTIFICATION
 *	  src/profile/reference_codec.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/int.h"
#include "miscadmin.h"

#include "mlops/bytes.h"
#include "mlops/reference.h"

#define REFERENCE_FORMAT	1
#define HELD_OUT			1
#define MAX_CUTS			(MLOPS_CUTS_ROOM(MLOPS_DRIFT_FINE) + 2)
#define MAX_STEPS			1000

#define PACKED(n)	((n) * ((n) + 1) / 2)

/* a cut's first byte */
#define CUT_BEFORE			0x80
#define CUT_PSI				0x40
#define CUT_SAME(b)			(((b) >> 3) & 7)	/* bytes at the beginning as in the cut before */
#define CUT_ZEROS(b)		((b) & 7)	/* bytes of zeros at the end */

static void
put_varint(StringInfo buf, uint64 v)
{
	while (v >= 0x80)
	{
		mlops_put_uint(buf, v | 0x80, 1);
		v >>= 7;
	}
	mlops_put_uint(buf, v, 1);
}

static uint64
get_varint(StringInfo buf, uint64 max, const char *what)
{
	uint64		v = 0;

	for (int shift = 0;; shift += 7)
	{
		uint64		b = mlops_get_uint(buf, 1);

		ML_CHECK_BYTES(shift < 63 || (shift == 63 && b <= 1), what);
		v |= (b & 0x7f) << shift;
		if (b < 0x80)
		{
			ML_CHECK_BYTES((b != 0 || shift == 0) && v <= max, what);
			return v;
		}
	}
}

/* Each as the difference from the one before, small ones of either sign being small. */
static void
put_counts(StringInfo buf, const int64 *counts, int n)
{
	int64		previous = 0;

	for (int i = 0; i < n; i++)
	{
		int64		delta = counts[i] - previous;

		put_varint(buf, ((uint64) delta << 1) ^ (uint64) (delta >> 63));
		previous = counts[i];
	}
}

static void
get_counts(StringInfo buf, int64 *counts, int n, int64 *rows)
{
	int64		previous = 0;

	for (int i = 0; i < n; i++)
	{
		uint64		v = get_varint(buf, PG_UINT64_MAX, "counts of its reference");
		int64		delta = (int64) (v >> 1) ^ -(int64) (v & 1);

		ML_CHECK_BYTES(!pg_add_s64_overflow(previous, delta, &counts[i]) && counts[i] >= 0 &&
					   !pg_add_s64_overflow(*rows, counts[i], rows), "counts of its reference");
		previous = counts[i];
	}
}

static void
put_cut(StringInfo buf, const MlCut *cut, bool is_psi, uint64 *previous)
{
	uint64		key = mlops_double_key(cut->value);
	int			same = 0;
	int			zeros = 0;

	while (same < 7 && ((key ^ *previous) >> (56 - 8 * same)) == 0)
		same++;
	while (zeros < Min(7, 8 - same) && ((key >> (8 * zeros)) & 0xff) == 0)
		zeros++;
	mlops_put_uint(buf, (cut->before ? CUT_BEFORE : 0) | (is_psi ? CUT_PSI : 0) | same << 3 | zeros, 1);
	mlops_put_uint(buf, key >> (8 * zeros), 8 - same - zeros);
	*previous = key;
}

static void
get_cut(StringInfo buf, MlCut *cut, bool *is_psi, uint64 *previous)
{
	int			first = (int) mlops_get_uint(buf, 1);
	int			same = CUT_SAME(first);
	int			zeros = CUT_ZEROS(first);
	uint64		key = 0;

	ML_CHECK_BYTES(same + zeros <= 8, "cuts of its reference");
	if (same > 0)
		key = *previous >> (64 - 8 * same) << (64 - 8 * same);
	key |= mlops_get_uint(buf, 8 - same - zeros) << (8 * zeros);
	cut->value = mlops_key_double(key);
	cut->before = (first & CUT_BEFORE) != 0;
	*is_psi = (first & CUT_PSI) != 0;
	*previous = key;
	ML_CHECK_BYTES(!isnan(cut->value) && mlops_double_key(cut->value) == key,
				   "cuts of its reference");
}

static void
put_numbers(StringInfo buf, const MlProfile *p)
{
	uint64		previous = 0;

	put_varint(buf, p->ncuts);
	for (int i = 0; i < p->ncuts; i++)
		put_cut(buf, &p->cuts[i], p->bin[i + 1] != p->bin[i], &previous);
	mlops_put_double(buf, p->sd);
	put_counts(buf, p->counts, p->ncuts + 2);
}

static MlProfile *
get_numbers(StringInfo buf)
{
	MlCut		cuts[MAX_CUTS];
	MlCut		psi[MAX_CUTS];
	int			ncuts = (int) get_varint(buf, MAX_CUTS, "cuts of its reference");
	int			npsi = 0;
	uint64		previous = 0;
	int64		rows = 0;
	double		sd;
	MlProfile  *p;

	for (int i = 0; i < ncuts; i++)
	{
		bool		is_psi;

		get_cut(buf, &cuts[i], &is_psi, &previous);
		if (is_psi)
			psi[npsi++] = cuts[i];
		ML_CHECK_BYTES(i == 0 || cuts[i - 1].value < cuts[i].value ||
					   (cuts[i - 1].value == cuts[i].value &&
						cuts[i - 1].before && !cuts[i].before), "cuts of its reference");
	}
	sd = mlops_get_double(buf);
	ML_CHECK_BYTES(npsi <= MLOPS_CUTS_ROOM(MLOPS_DRIFT_BINS) && !(sd < 0), "bins of its reference");
	p = mlops_profile_with_cuts(cuts, ncuts, psi, npsi);
	p->sd = sd;
	get_counts(buf, p->counts, ncuts + 2, &rows);
	return p;
}

/* Codes of the slots of their own, in the slots' order. */
static void
put_categories(StringInfo buf, const MlTrack *track)
{
	const MlProfile *p = track->profile;
	int			top[MLOPS_DRIFT_TOP];

	for (int i = 0; i < track->ncodes; i++)
		if (track->code_slot[i] < p->ntop)
			top[track->code_slot[i]] = i;
	put_varint(buf, p->ntop);
	for (int i = 0; i < p->ntop; i++)
		put_varint(buf, top[i]);
	put_counts(buf, p->counts, p->ntop + 1);
	put_varint(buf, p->counts[p->null_slot]);
}

static void
get_categories(StringInfo buf, MlTrack *track, const MlCategory *dictionary, int n, bool open)
{
	int			ntop = (int) get_varint(buf, Min(n, MLOPS_DRIFT_TOP), "categories of its reference");
	int			top[MLOPS_DRIFT_TOP];
	int64		rows = 0;
	MlProfile  *p;

	for (int i = 0; i < ntop; i++)
	{
		top[i] = (int) get_varint(buf, (uint64) n - 1, "categories of its reference");
		for (int j = 0; j < i; j++)
			ML_CHECK_BYTES(top[i] != top[j], "categories of its reference");
	}
	p = track->profile = mlops_profile_with_top(dictionary, n, top, ntop, open);
	get_counts(buf, p->counts, ntop + 1, &rows);
	p->counts[p->null_slot] = (int64) get_varint(buf, PG_INT64_MAX, "counts of its reference");
	ML_CHECK_BYTES(!pg_add_s64_overflow(rows, p->counts[p->null_slot], &rows),
				   "counts of its reference");
	for (int i = 0; i < ntop; i++)
		p->top[i].count = p->counts[i];
	mlops_track_set_codes(track, n, open, top);
}

static void
put_track(StringInfo buf, const MlTrack *track)
{
	mlops_put_uint(buf, track->kind, 1);
	if (track->kind == ML_TRACK_FEATURE)
		put_varint(buf, track->slot);
	if (track->code_slot == NULL)
		put_numbers(buf, track->profile);
	else
		put_categories(buf, track);
}

/* The feature of a slot of a row. */
static int
feature_of_slot(const MlSignature *sig, int slot)
{
	int			low = 0;
	int			high = sig->nfeatures;

	while (high - low > 1)
	{
		int			middle = low + (high - low) / 2;

		if (sig->features[middle].slot <= slot)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static void
get_track(StringInfo buf, const MlSignature *sig, MlTrack *track, const MlTrack *previous)
{
	MlCategory *dictionary;
	int			n;
	bool		open;

	memset(track, 0, sizeof(*track));
	track->kind = (MlTrackKind) mlops_get_uint(buf, 1);
	ML_CHECK_BYTES(track->kind >= ML_TRACK_FEATURE && track->kind <= ML_TRACK_JOINT &&
				   (previous == NULL || previous->kind < track->kind ||
					(previous->kind == ML_TRACK_FEATURE && track->kind == ML_TRACK_FEATURE)),
				   "tracks of its reference");
	if (track->kind == ML_TRACK_FEATURE)
	{
		track->slot = (int) get_varint(buf, (uint64) sig->width - 1, "tracks of its reference");
		track->feature = feature_of_slot(sig, track->slot);
		ML_CHECK_BYTES((previous == NULL || previous->slot < track->slot) &&
					   mlops_feature_has_tracks(sig, track->feature), "tracks of its reference");
	}
	dictionary = mlops_track_dictionary(track, sig, &n, &open);
	if (dictionary == NULL)
		track->profile = get_numbers(buf);
	else
	{
		get_categories(buf, track, dictionary, n, open);
		pfree(dictionary);
	}
}

static void
put_joint(StringInfo buf, const MlJoint *joint)
{
	put_varint(buf, joint->n);
	for (int i = 0; i < joint->n; i++)
	{
		put_varint(buf, joint->slot[i]);
		mlops_put_double(buf, joint->mean[i]);
		mlops_put_double(buf, joint->scale[i]);
	}
	for (int i = 0; i < PACKED(joint->n); i++)
		mlops_put_double(buf, joint->whiten[i]);
}

static void
get_joint(StringInfo buf, const MlSignature *sig, MlJoint *joint)
{
	int			n = (int) get_varint(buf, MLOPS_JOINT_NUMBERS, "distance of its reference");

	joint->n = n;
	joint->slot = palloc(sizeof(int) * Max(n, 1));
	joint->mean = palloc(sizeof(double) * Max(n, 1));
	joint->scale = palloc(sizeof(double) * Max(n, 1));
	joint->whiten = palloc(sizeof(double) * Max(PACKED(n), 1));
	for (int i = 0; i < n; i++)
	{
		joint->slot[i] = (int) get_varint(buf, (uint64) sig->width - 1, "distance of its reference");
		joint->mean[i] = mlops_get_double(buf);
		joint->scale[i] = mlops_get_double(buf);
		ML_CHECK_BYTES((i == 0 || joint->slot[i - 1] < joint->slot[i]) &&
					   isfinite(joint->mean[i]) && isfinite(joint->scale[i]) && joint->scale[i] > 0,
					   "distance of its reference");
	}
	/* bounded, so that no distance is NaN */
	for (int i = 0; i < PACKED(n); i++)
	{
		joint->whiten[i] = mlops_get_double(buf);
		ML_CHECK_BYTES(fabs(joint->whiten[i]) < 1e100, "distance of its reference");
	}
}

static void
put_calibration(StringInfo buf, const MlCalibration *calibration)
{
	put_varint(buf, calibration->nsteps);
	if (calibration->nsteps == 0)
		return;
	put_varint(buf, calibration->nrows);
	mlops_put_double(buf, calibration->error);
	for (int i = 0; i < calibration->nsteps; i++)
	{
		mlops_put_double(buf, calibration->score[i]);
		mlops_put_double(buf, calibration->rate[i]);
	}
}

static void
get_calibration(StringInfo buf, const MlSignature *sig, MlCalibration *calibration)
{
	int			n = (int) get_varint(buf, sig->nclasses == 2 ? MAX_STEPS : 0, "calibration of its reference");

	calibration->nsteps = n;
	if (n == 0)
		return;
	calibration->nrows = (int64) get_varint(buf, PG_INT64_MAX, "calibration of its reference");
	calibration->error = mlops_get_double(buf);
	ML_CHECK_BYTES(calibration->error >= 0 && calibration->error <= 1,
				   "calibration of its reference");
	calibration->score = palloc(sizeof(double) * n);
	calibration->rate = palloc(sizeof(double) * n);
	for (int i = 0; i < n; i++)
	{
		double		score = calibration->score[i] = mlops_get_double(buf);
		double		rate = calibration->rate[i] = mlops_get_double(buf);

		ML_CHECK_BYTES(isfinite(score) && rate >= 0 && rate <= 1 &&
					   (i == 0 || (calibration->score[i - 1] < score && calibration->rate[i - 1] <= rate)),
					   "calibration of its reference");
	}
}

/*
 * mlops_reference_put - as bytes, the same on every machine
 */
void
mlops_reference_put(StringInfo buf, const MlReference *ref)
{
	mlops_put_uint(buf, REFERENCE_FORMAT, 1);
	mlops_put_uint(buf, ref->held_out ? HELD_OUT : 0, 1);
	put_varint(buf, ref->nrows);
	put_varint(buf, ref->nsample);
	put_varint(buf, ref->ntracks);
	for (int i = 0; i < ref->ntracks; i++)
		put_track(buf, &ref->tracks[i]);
	put_joint(buf, &ref->joint);
	put_calibration(buf, &ref->calibration);
}

/*
 * mlops_reference_get - from bytes that may be anything
 */
MlReference *
mlops_reference_get(StringInfo buf, const MlSignature *sig)
{
	MlReference *ref = palloc0(sizeof(MlReference));
	int			flags;
	bool		has_joint;

	/* a later release may write another format, which is none of a reader's business that does not know it */
	if (mlops_get_uint(buf, 1) != REFERENCE_FORMAT)
	{
		buf->cursor = buf->len;
		return NULL;
	}
	flags = (int) mlops_get_uint(buf, 1);
	ML_CHECK_BYTES((flags & ~HELD_OUT) == 0, "flags of its reference");
	ref->held_out = (flags & HELD_OUT) != 0;
	ref->nrows = (int64) get_varint(buf, PG_INT64_MAX, "rows of its reference");
	ref->nsample = (int64) get_varint(buf, PG_INT64_MAX, "rows of its reference");
	ref->ntracks = (int) get_varint(buf, mlops_reference_room(sig), "tracks of its reference");
	/* the least that a track takes */
	ML_CHECK_BYTES((Size) ref->ntracks * 4 <= mlops_bytes_left(buf), "tracks of its reference");
	ref->tracks = palloc(sizeof(MlTrack) * Max(ref->ntracks, 1));
	for (int i = 0; i < ref->ntracks; i++)
	{
		CHECK_FOR_INTERRUPTS();
		get_track(buf, sig, &ref->tracks[i], i > 0 ? &ref->tracks[i - 1] : NULL);
	}
	get_joint(buf, sig, &ref->joint);
	has_joint = ref->ntracks > 0 && ref->tracks[ref->ntracks - 1].kind == ML_TRACK_JOINT;
	ML_CHECK_BYTES(has_joint == (ref->joint.n > 0), "distance of its reference");
	get_calibration(buf, sig, &ref->calibration);
	ML_CHECK_BYTES(buf->cursor == buf->len, "bytes are left over after its reference");
	mlops_reference_lay_out(ref);
	return ref;
}
