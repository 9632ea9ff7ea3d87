/*-------------------------------------------------------------------------
 *
 * unit.h
 *	  What the unit tests share.
 *
 * IDENTIFICATION
 *	  src/test/unit/unit.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* count a check; a failure prints the place and goes on */
#define CHECK(condition) \
	unit_check((condition), __FILE__, __LINE__, #condition)
/* |value - expected| <= tolerance * |expected| (absolute where expected is 0) */
#define CHECK_NEAR(value, expected, tolerance) \
	unit_near((value), (expected), (tolerance), __FILE__, __LINE__, #value)

extern void unit_check(bool good, const char *file, int line, const char *what);
extern void unit_near(double value, double expected, double tolerance,
					  const char *file, int line, const char *what);
extern double unit_random(void);	/* uniform on [0, 1), the same in every run */
extern void *unit_alloc(size_t size);	/* or the program ends */

/* Where an ERROR goes; NULL: it ends the program. */
extern sigjmp_buf *unit_error;

extern void test_elementary(void);
extern void test_hash(void);
extern void test_slots(void);
extern void test_paired(void);
extern void test_dist(void);
extern void test_optim(void);
extern void test_lsq(void);
extern void test_nist(void);
extern void test_split(void);
extern void test_bins(void);
extern void test_pack(void);
extern void test_drift(void);
extern void test_profile(void);
extern void test_reference(void);
extern void test_estimate(void);

#endif							/* UNIT_H */
