/*-------------------------------------------------------------------------
 *
 * label.h
 *	  What SECURITY LABEL FOR mlops says of a column: personal data, and how
 *	  it is masked.
 *
 *	label	= word { ' ' word }				at most one of each kind
 *	word	= 'pii' [ ':' kind ]			personal data of a kind: pii:email
 *			| 'mask' ':' strategy			how it is shown: mask:partial
 *			| name [ ':' kind ]				of a later version: a WARNING, kept as it is
 *	name	= [a-z][a-z0-9_]*				kind, strategy = [a-z0-9_]+
 *
 * Labels sit in pg_seclabel, so that pg_dump carries them and ALTER TABLE
 * follows them.  They are no data values and everybody can read them.
 *
 * IDENTIFICATION
 *	  include/mlops/label.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_LABEL_H
#define MLOPS_LABEL_H

#include "access/attnum.h"
#include "nodes/pg_list.h"

#include "mlops/mlops.h"

#define MLOPS_LABEL_PROVIDER "mlops"

/* A label taken apart. */
typedef struct MlLabel
{
	bool		is_pii;
	char	   *pii;			/* the word: "pii" or "pii:email"; NULL where is_pii is false */
	char	   *pii_kind;		/* "email", or NULL */
	char	   *mask;			/* the strategy, perhaps one of a later version; NULL: none named */
} MlLabel;

/* label.c */

/* Become the server's label provider "mlops" (_PG_init). */
extern void mlops_label_init(void);

/* Take a label apart; palloc'd.  False: malformed; such a label counts as personal data of no kind, without a mask. */
extern bool mlops_label_parse(const char *text, MlLabel *label);

/*
 * Set the label of a column of a table, view, materialized view or foreign
 * table; NULL removes it.  Returns the one before (NULL: none).  The caller has
 * checked the right to do so and holds ShareUpdateExclusiveLock.
 */
extern char *mlops_label_set(Oid relid, AttrNumber attnum, const char *text);

/* Another number than before: labels, or columns, may have changed since, in whatever session. */
extern uint64 mlops_label_epoch(void);

/* Remove every label of ours in this database; returns how many there were. */
extern int	mlops_label_remove_all(void);

/* lineage.c */

/* A column of a relation. */
typedef struct MlBaseColumn
{
	Oid			relid;
	AttrNumber	attnum;
	const char *label;			/* that counts for it, or NULL */
} MlBaseColumn;

/* A relation that a source reads, itself or through views. */
typedef struct MlBaseRelation
{
	Oid			relid;
	char	   *schema;
	char	   *name;
	char		relkind;		/* RELKIND_... */
} MlBaseRelation;

/*
 * The columns of relations (MlBaseColumn *) that an output column of a source
 * is made of (number from 0 in source->desc): through views, materialized
 * views, subqueries, WITH, set operations, joins and expressions; those of the
 * views in between are among them.  Conditions (WHERE, ON, GROUP BY) do not
 * count, a subquery inside an expression counts with all it mentions.  What a
 * function reads by itself cannot be seen; its arguments count.  A label of a
 * partition, or of an inheritance parent or child, counts for the relation.
 */
extern List *mlops_source_origin(MlSource *source, int column);

/* The relations (MlBaseRelation *) beneath a source, views among them, each once, in order of first mention. */
extern List *mlops_source_relations(MlSource *source);

/*
 * By output column: NULL, or the first label found among the columns beneath
 * it, one that says personal data before others.
 */
extern const char *const *mlops_source_labels(MlSource *source);

/* The labels of this database as they are now, to be asked for one column after the other; palloc'd. */
typedef struct MlPiiIndex MlPiiIndex;
extern MlPiiIndex *mlops_pii_index(void);

/* Does a label say that the column of this name is personal data?  As above, those of parents and children count. */
extern bool mlops_pii_column(MlPiiIndex *index, Oid relid, const char *column);

/* A column that is used in spite of its label. */
typedef struct MlLabelled
{
	char	   *column;
	char	   *label;
} MlLabelled;

#endif							/* MLOPS_LABEL_H */
