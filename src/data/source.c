/*-------------------------------------------------------------------------
 *
 * source.c
 *	  Parse and analyse the text that says where rows come from.
 *
 * A text that reads as a name by PostgreSQL's quoting rules is a relation,
 * anything else has to be one SELECT, WITH, VALUES or TABLE statement.  Raw
 * parse trees are kept and analysed anew for every run, because planning
 * scribbles on them; the locks taken by the first analysis last until the
 * transaction ends, so that all runs see the same columns.
 *
 * IDENTIFICATION
 *	  src/data/source.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parsetree.h"
#include "parser/parser.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/tuplestore.h"
#include "utils/varlena.h"

#include "mlops/compat.h"

#include "data.h"

bool		(*mlops_source_stored) (const char *text, MlStoredSource *stored) = NULL;

typedef struct SourceQuery
{
	const char *sql;			/* what is run */
	RawStmt    *raw;
	bool		keep;			/* rows that could differ in another run are kept */
	bool		has_policy;		/* where they are: a policy filtered them */
	Tuplestorestate *kept;
} SourceQuery;

/* Turn an error position in our text into an internal one, as SPI does. */
static void
report_position(void *arg)
{
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery((const char *) arg);
	}
}

static RawStmt *
parse_single(const char *sql)
{
	List	   *list = raw_parser(sql, RAW_PARSE_DEFAULT);
	RawStmt    *raw;

	if (list_length(list) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("source must be a relation or a single SELECT statement")));
	raw = linitial_node(RawStmt, list);
	if (!IsA(raw->stmt, SelectStmt))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("source must be a relation or a single SELECT statement")));
	return raw;
}

static bool
refuse_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		if (query->commandType != CMD_SELECT || query->hasModifyingCTE)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("source must not modify data")));
		if (query->rowMarks != NIL || query->hasForUpdate)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("source must not lock rows")));
		return query_tree_walker(query, refuse_walker, context, 0);
	}
	return expression_tree_walker(node, refuse_walker, context);
}

Query *
mlops_source_parse(MlSource *source)
{
	SourceQuery *sq = (SourceQuery *) source->query;

	return parse_analyze_fixedparams(copyObject(sq->raw), sq->sql, NULL, 0, NULL);
}

Query *
mlops_source_analyze(MlSource *source)
{
	SourceQuery *sq = (SourceQuery *) source->query;
	ErrorContextCallback callback;
	List	   *list;
	Query	   *query;

	callback.callback = report_position;
	callback.arg = unconstify(char *, sq->sql);
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	list = pg_analyze_and_rewrite_fixedparams(copyObject(sq->raw), sq->sql,
											  NULL, 0, NULL);
	error_context_stack = callback.previous;

	if (list_length(list) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("source must be a relation or a single SELECT statement")));
	query = linitial_node(Query, list);
	if (query->commandType == CMD_UTILITY)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("source must not be SELECT INTO")));
	refuse_walker((Node *) query, NULL);
	return query;
}

static bool trace_cte(Query *query, RangeTblEntry *rte, AttrNumber column,
					  Oid *relid, AttrNumber *attnum);

/*
 * Follow an output column down to the table it is taken from unchanged,
 * through views, subqueries and joins.  False: it is computed.
 */
static bool
trace_column(Query *query, Node *expr, Oid *relid, AttrNumber *attnum)
{
	RangeTblEntry *rte;
	Var		   *var;

	check_stack_depth();
	while (expr != NULL && IsA(expr, RelabelType))
		expr = (Node *) ((RelabelType *) expr)->arg;
	if (expr == NULL || !IsA(expr, Var))
		return false;
	var = (Var *) expr;
	if (var->varlevelsup != 0 || var->varattno <= 0)
		return false;
	rte = rt_fetch(var->varno, query->rtable);
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			*relid = rte->relid;
			*attnum = var->varattno;
			return true;
		case RTE_JOIN:
			return trace_column(query,
								(Node *) list_nth(rte->joinaliasvars, var->varattno - 1),
								relid, attnum);
#if MLOPS_HAS_RTE_GROUP
		case RTE_GROUP:
			return trace_column(query,
								(Node *) list_nth(rte->groupexprs, var->varattno - 1),
								relid, attnum);
#endif
		case RTE_SUBQUERY:
			{
				TargetEntry *tle = get_tle_by_resno(rte->subquery->targetList,
													var->varattno);

				if (tle == NULL || rte->subquery->setOperations != NULL)
					return false;
				return trace_column(rte->subquery, (Node *) tle->expr, relid, attnum);
			}
		case RTE_CTE:
			return trace_cte(query, rte, var->varattno, relid, attnum);
		default:
			return false;
	}
}

/* The same for a column of a WITH query of this level. */
static bool
trace_cte(Query *query, RangeTblEntry *rte, AttrNumber column, Oid *relid, AttrNumber *attnum)
{
	ListCell   *lc;

	if (rte->ctelevelsup != 0 || rte->self_reference)
		return false;
	foreach(lc, query->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);
		Query	   *inner = castNode(Query, cte->ctequery);
		TargetEntry *tle;

		if (strcmp(cte->ctename, rte->ctename) != 0)
			continue;
		tle = get_tle_by_resno(inner->targetList, column);
		if (tle == NULL || inner->setOperations != NULL)
			return false;
		return trace_column(inner, (Node *) tle->expr, relid, attnum);
	}
	return false;
}

/* Find out of every output column whether it is a key or generated. */
static void
trace_columns(MlSource *source, Query *query)
{
	ListCell   *lc;
	int			i = 0;

	source->is_key = palloc0(sizeof(bool) * Max(source->desc->natts, 1));
	if (query->setOperations != NULL)
		return;
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Oid			relid;
		AttrNumber	attnum;

		if (tle->resjunk)
			continue;
		if (trace_column(query, (Node *) tle->expr, &relid, &attnum))
		{
			Relation	rel = relation_open(relid, AccessShareLock);
			Bitmapset  *key;

			key = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_PRIMARY_KEY);
			source->is_key[i] = bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, key);
			bms_free(key);
			relation_close(rel, NoLock);
		}
		i++;
	}
}

static void
set_query(MlSource *source, const char *sql)
{
	SourceQuery *sq = palloc0(sizeof(SourceQuery));
	ErrorContextCallback callback;
	Query	   *query;

	callback.callback = report_position;
	callback.arg = unconstify(char *, sql);
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	sq->sql = sql;
	sq->raw = parse_single(sql);
	error_context_stack = callback.previous;
	source->query = sq;

	query = mlops_source_analyze(source);
	source->desc = ExecCleanTypeFromTL(query->targetList);
	trace_columns(source, query);
}

/* SELECT of some columns of a relation; wanted NULL means all. */
static char *
select_columns(Relation rel, const bool *wanted)
{
	TupleDesc	desc = RelationGetDescr(rel);
	StringInfoData sql;
	const char *separator = "";
	int			live = 0;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped)
			continue;
		if (wanted == NULL || wanted[live])
		{
			appendStringInfo(&sql, "%s%s", separator,
							 quote_identifier(NameStr(att->attname)));
			separator = ", ";
		}
		live++;
	}
	appendStringInfo(&sql, " FROM %s",
					 quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
												RelationGetRelationName(rel)));
	return sql.data;
}

static void
open_relation(MlSource *source, List *names)
{
	RangeVar   *rv;
	Relation	rel;
	List	   *values = NIL;
	ListCell   *lc;

	foreach(lc, names)
		values = lappend(values, makeString(pstrdup((char *) lfirst(lc))));
	rv = makeRangeVarFromNameList(values);
	source->relid = RangeVarGetRelid(rv, AccessShareLock, false);
	rel = relation_open(source->relid, NoLock);
	switch (rel->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_VIEW:
		case RELKIND_MATVIEW:
		case RELKIND_FOREIGN_TABLE:
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("\"%s\" is not a table or view",
							RelationGetRelationName(rel))));
	}
	set_query(source, select_columns(rel, NULL));
	relation_close(rel, NoLock);
}

MlSource *
mlops_source_open(const char *text)
{
	MlSource   *source = palloc0(sizeof(MlSource));
	MlStoredSource stored;
	List	   *names;

	source->text = pstrdup(text);
	source->relid = InvalidOid;
	if (mlops_source_stored != NULL && mlops_source_stored(text, &stored))
	{
		set_query(source, stored.sql);
		source->is_key = stored.is_key;
		source->labels = stored.labels;
	}
	else if (SplitIdentifierString(pstrdup(text), '.', &names) &&
		names != NIL && list_length(names) <= 3)
		open_relation(source, names);
	else
		set_query(source, source->text);
	return source;
}

MlSource *
mlops_source_narrow(MlSource *source, const bool *wanted)
{
	MlSource   *narrow;
	Relation	rel;

	if (!OidIsValid(source->relid))
		return source;
	/* rows of a view that are kept are kept for whatever columns are read next */
	if (mlops_source_is_keeping(source) &&
		mlops_query_is_fickle(mlops_source_analyze(source)))
		return source;
	narrow = palloc0(sizeof(MlSource));
	narrow->text = source->text;
	narrow->relid = source->relid;
	rel = relation_open(source->relid, NoLock);
	set_query(narrow, select_columns(rel, wanted));
	relation_close(rel, NoLock);
	return narrow;
}

char *
mlops_source_select(MlSource *source, const bool *wanted, TupleDesc *desc)
{
	MlSource   *narrow = mlops_source_narrow(source, wanted);
	SourceQuery *sq = (SourceQuery *) narrow->query;
	int			start = Max(sq->raw->stmt_location, 0);

	*desc = narrow->desc;
	if (sq->raw->stmt_len == 0)
		return pstrdup(sq->sql + start);
	return pnstrdup(sq->sql + start, sq->raw->stmt_len);
}

void
mlops_source_keep(MlSource *source)
{
	((SourceQuery *) source->query)->keep = true;
}

bool
mlops_source_is_keeping(const MlSource *source)
{
	return ((SourceQuery *) source->query)->keep;
}

Tuplestorestate *
mlops_source_start_keeping(MlSource *source, bool has_policy)
{
	SourceQuery *sq = (SourceQuery *) source->query;
	MemoryContext old;

	old = MemoryContextSwitchTo(GetMemoryChunkContext(sq));
	sq->kept = tuplestore_begin_heap(false, false, work_mem);
	sq->has_policy = has_policy;
	MemoryContextSwitchTo(old);
	return sq->kept;
}

Tuplestorestate *
mlops_source_kept(MlSource *source)
{
	return ((SourceQuery *) source->query)->kept;
}

bool
mlops_source_has_policy(MlSource *source)
{
	return ((SourceQuery *) source->query)->has_policy;
}

void
mlops_source_forget(MlSource *source)
{
	SourceQuery *sq = (SourceQuery *) source->query;

	if (sq->kept != NULL)
		tuplestore_end(sq->kept);
	sq->kept = NULL;
	sq->keep = false;
}

/* The nearest column name, if it is near enough to be meant. */
static const char *
closest_column(TupleDesc desc, const char *name)
{
	const char *best = NULL;
	int			best_distance = 4;
	int			len = strlen(name);

	for (int i = 0; i < desc->natts; i++)
	{
		const char *other = NameStr(TupleDescAttr(desc, i)->attname);
		int			distance;

		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		distance = varstr_levenshtein_less_equal(name, len, other, strlen(other),
												 1, 1, 1, best_distance, true);
		if (distance < best_distance && distance <= len / 2)
		{
			best = other;
			best_distance = distance;
		}
	}
	return best;
}

static int
require_column(TupleDesc desc, const char *name, bool in_row)
{
	int			found = -1;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || strcmp(NameStr(att->attname), name) != 0)
			continue;
		if (found >= 0)
			ereport(ERROR,
					(errcode(ERRCODE_AMBIGUOUS_COLUMN),
					 errmsg("column \"%s\" appears more than once", name)));
		found = i;
	}
	if (found < 0)
	{
		const char *closest = closest_column(desc, name);

		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 in_row ? errmsg("column \"%s\" does not exist in the row", name) :
				 errmsg("column \"%s\" does not exist", name),
				 in_row ? errdetail("The model was trained with it.") : 0,
				 closest ? errhint("Perhaps you meant the column \"%s\".", closest) : 0));
	}
	return found;
}

int
mlops_column_require(TupleDesc desc, const char *name)
{
	return require_column(desc, name, false);
}

int
mlops_column_require_in_row(TupleDesc desc, const char *name)
{
	return require_column(desc, name, true);
}
