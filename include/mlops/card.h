/*-------------------------------------------------------------------------
 *
 * card.h
 *	  The written half of a model's card: which fields there are, and its
 *	  revisions.  Must match sql/install/26_card_tables.sql.
 *
 * IDENTIFICATION
 *	  include/mlops/card.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_CARD_H
#define MLOPS_CARD_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "mlops/catalog.h"
#include "mlops/store.h"

/* What a field holds. */
typedef enum MlCardType
{
	ML_CARD_TEXT,				/* a string */
	ML_CARD_LIST,				/* a string, or an array of strings */
	ML_CARD_RISK,				/* High, Medium, Low or Unknown */
	ML_CARD_OBJECT				/* names with strings, numbers or booleans */
} MlCardType;

typedef struct MlCardField
{
	const char *name;			/* NULL ends the table */
	MlCardType	type;
	const char *section;		/* of the card, in which it appears */
	const char *doc;			/* one line for people */
} MlCardField;

/* card_fields.c: in the order in which they appear */
extern const MlCardField mlops_card_fields[];
extern const char *mlops_card_type_name(MlCardType type);

/*
 * Does every key name a field, with a value of its type or null?  Error 22023
 * that names the field and says what is valid.
 */
extern void mlops_card_check(Jsonb *card);

/* Is this a name of a field? */
extern bool mlops_card_field_exists(const char *name);

/* card_write.c */

/* What a change came to. */
typedef struct MlCardChange
{
	int			revision;		/* the newest now; 0: nothing was ever written */
	List	   *changed;		/* char *: keys set, changed or removed; NIL: no new revision */
} MlCardChange;

/*
 * Write a card that has been checked: merged into the newest revision (a null
 * removes its key), or in its place.  A write section of its own.  The caller
 * needs ML_PRIVILEGE_TRAIN or ML_PRIVILEGE_MANAGE.
 */
extern void mlops_card_set(const char *model, Jsonb *card, bool merge, MlCardChange *out);

#endif							/* MLOPS_CARD_H */
