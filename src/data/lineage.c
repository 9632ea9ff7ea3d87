/*-------------------------------------------------------------------------
 *
 * lineage.c
 *	  From an output column of a source to the columns of relations beneath it.
 *
 * The query is looked at as it was written, before views are replaced by their
 * queries, so that views are relations too: they can be labelled and belong to
 * the lineage.  Every place where a column could come from is followed; where
 * that cannot be told apart, everything there is counts.
 *
 * A level is a query and the query around it: what a Var means depends on
 * both.  The queries of views have no level above them.
 *
 * IDENTIFICATION
 *	  src/data/lineage.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/prs2lock.h"
#include "rewrite/rewriteHandler.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "data.h"

typedef struct Level
{
	Query	   *query;
	struct Level *outer;		/* NULL: none */
} Level;

typedef struct ViewQuery
{
	Oid			relid;
	Query	   *query;			/* NULL: it has none */
} ViewQuery;

/* A column of a query that has been followed. */
typedef struct Visited
{
	const Query *query;
	int			resno;
} Visited;

typedef struct Trace
{
	List	   *views;			/* ViewQuery *, each copied once */
	List	   *visited;		/* Visited *, for one output column */
	List	   *columns;		/* MlBaseColumn *, its result */
	List	   *relations;		/* MlBaseRelation * */
} Trace;

typedef struct ExprWalk
{
	Trace	   *trace;
	Level	   *level;
} ExprWalk;

static void trace_expr(Trace *trace, Level *level, Node *expr);
static void trace_column(Trace *trace, Level *level, int resno);
static bool expr_walker(Node *node, void *context);
static bool relation_walker(Node *node, void *context);

static Level *
make_level(Query *query, Level *outer)
{
	Level	   *level = palloc(sizeof(Level));

	level->query = query;
	level->outer = outer;
	return level;
}

static Level *
outer_level(Level *level, int up)
{
	while (up-- > 0 && level != NULL)
		level = level->outer;
	if (level == NULL)
		elog(ERROR, "reference to a query level that is not there");
	return level;
}

/* The query of a view or materialized view, always the same copy; NULL: none. */
static Query *
view_query(Trace *trace, Oid relid)
{
	ViewQuery  *view;
	Relation	rel;
	ListCell   *lc;

	foreach(lc, trace->views)
	{
		view = (ViewQuery *) lfirst(lc);
		if (view->relid == relid)
			return view->query;
	}
	view = palloc0(sizeof(ViewQuery));
	view->relid = relid;
	rel = relation_open(relid, AccessShareLock);
	for (int i = 0; rel->rd_rules != NULL && i < rel->rd_rules->numLocks; i++)
	{
		RewriteRule *rule = rel->rd_rules->rules[i];

		if (rule->event == CMD_SELECT)
			view->query = copyObject(linitial_node(Query, rule->actions));
	}
	relation_close(rel, NoLock);
	trace->views = lappend(trace->views, view);
	return view->query;
}

static bool
has_query(char relkind)
{
	return relkind == RELKIND_VIEW || relkind == RELKIND_MATVIEW;
}

static void trace_relation_column(Trace *trace, Oid relid, char relkind, AttrNumber attnum);

/* The columns of the same row that a generated column is computed from. */
static void
trace_generated(Trace *trace, Oid relid, char relkind, AttrNumber attnum)
{
	Relation	rel = relation_open(relid, AccessShareLock);
	Bitmapset  *used = NULL;
	int			member = -1;

	pull_varattnos(build_column_default(rel, attnum), 1, &used);
	relation_close(rel, NoLock);
	while ((member = bms_next_member(used, member)) >= 0)
	{
		AttrNumber	from = member + FirstLowInvalidHeapAttributeNumber;

		if (from > 0)
			trace_relation_column(trace, relid, relkind, from);
	}
}

/* What a column of a relation is made of: itself and, of a view, what is beneath. */
static void
trace_relation_column(Trace *trace, Oid relid, char relkind, AttrNumber attnum)
{
	MlBaseColumn *column;
	ListCell   *lc;

	foreach(lc, trace->columns)
	{
		column = (MlBaseColumn *) lfirst(lc);
		if (column->relid == relid && column->attnum == attnum)
			return;
	}
	column = palloc0(sizeof(MlBaseColumn));
	column->relid = relid;
	column->attnum = attnum;
	trace->columns = lappend(trace->columns, column);
	if (get_attgenerated(relid, attnum) != '\0')
		trace_generated(trace, relid, relkind, attnum);
	if (has_query(relkind))
	{
		Query	   *query = view_query(trace, relid);

		if (query != NULL)
			trace_column(trace, make_level(query, NULL), attnum);
	}
}

/* A column of a relation, or all of them (0). */
static void
trace_relation(Trace *trace, Oid relid, AttrNumber attnum)
{
	char		relkind = get_rel_relkind(relid);
	Relation	rel;

	if (attnum > 0)
	{
		trace_relation_column(trace, relid, relkind, attnum);
		return;
	}
	rel = relation_open(relid, AccessShareLock);
	for (int i = 1; i <= RelationGetNumberOfAttributes(rel); i++)
	{
		if (!TupleDescAttr(RelationGetDescr(rel), i - 1)->attisdropped)
			trace_relation_column(trace, relid, relkind, i);
	}
	relation_close(rel, NoLock);
}

/*
 * A value of a relation's row type that comes from a function counts as a row
 * of the relation, wherever the function has it from.  InvalidOid: it is of
 * another type.
 */
static Oid
relation_of_type(Oid type)
{
	Oid			relid = get_typ_typrelid(getBaseType(type));

	if (OidIsValid(relid) && get_rel_relkind(relid) == RELKIND_COMPOSITE_TYPE)
		return InvalidOid;
	return relid;
}

/* A column of a function in FROM: its arguments, and its type. */
static void
trace_function(Trace *trace, Level *level, const RangeTblEntry *rte, int number)
{
	int			first = 0;
	ListCell   *lc;

	foreach(lc, rte->functions)
	{
		RangeTblFunction *function = lfirst_node(RangeTblFunction, lc);
		Node	   *expr = function->funcexpr;
		Oid			relid = relation_of_type(exprType(expr));
		int			column = number - first;

		first += function->funccolcount;
		if (number > 0 && (column <= 0 || column > function->funccolcount))
			continue;
		if (OidIsValid(relid))
			trace_relation(trace, relid, number > 0 ? column : 0);
		if (IsA(expr, FuncExpr))
			expr = (Node *) ((FuncExpr *) expr)->args;
		trace_expr(trace, level, expr);
	}
}

/* A column of a WITH query; level is where the reference to it stands. */
static void
trace_cte(Trace *trace, Level *level, const RangeTblEntry *rte, int resno)
{
	Level	   *home = outer_level(level, rte->ctelevelsup);
	ListCell   *lc;

	foreach(lc, home->query->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);

		if (strcmp(cte->ctename, rte->ctename) == 0)
		{
			trace_column(trace, make_level(castNode(Query, cte->ctequery), home), resno);
			return;
		}
	}
}

/* A column of a list of expressions, 0: all of them. */
static void
trace_item(Trace *trace, Level *level, List *exprs, int number)
{
	if (number > 0 && number <= list_length(exprs))
		trace_expr(trace, level, (Node *) list_nth(exprs, number - 1));
	else
		trace_expr(trace, level, (Node *) exprs);
}

static void
trace_values(Trace *trace, Level *level, const RangeTblEntry *rte, int number)
{
	ListCell   *lc;

	foreach(lc, rte->values_lists)
		trace_item(trace, level, (List *) lfirst(lc), number);
}

static void
trace_var(Trace *trace, Level *level, const Var *var)
{
	RangeTblEntry *rte;

	level = outer_level(level, var->varlevelsup);
	if (var->varattno < 0)
		return;
	rte = rt_fetch(var->varno, level->query->rtable);
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			trace_relation(trace, rte->relid, var->varattno);
			break;
		case RTE_SUBQUERY:
			trace_column(trace, make_level(rte->subquery, level), var->varattno);
			break;
		case RTE_CTE:
			trace_cte(trace, level, rte, var->varattno);
			break;
		case RTE_JOIN:
			trace_item(trace, level, rte->joinaliasvars, var->varattno);
			break;
		case RTE_VALUES:
			trace_values(trace, level, rte, var->varattno);
			break;
		case RTE_FUNCTION:
			trace_function(trace, level, rte, var->varattno);
			break;
		case RTE_TABLEFUNC:
			trace_expr(trace, level, (Node *) rte->tablefunc);
			break;
#if MLOPS_HAS_RTE_GROUP
		case RTE_GROUP:
			trace_item(trace, level, rte->groupexprs, var->varattno);
			break;
#endif
		default:
			break;
	}
}

/* What the rows of a window are parted and ordered by decides its functions' values. */
static void
trace_window(Trace *trace, Level *level, Index winref)
{
	ListCell   *lc;

	foreach(lc, level->query->windowClause)
	{
		WindowClause *window = lfirst_node(WindowClause, lc);
		List	   *exprs;

		if (window->winref != winref)
			continue;
		exprs = list_concat_copy(window->partitionClause, window->orderClause);
		trace_expr(trace, level,
				   (Node *) get_sortgrouplist_exprs(exprs, level->query->targetList));
	}
}

static bool
expr_walker(Node *node, void *context)
{
	ExprWalk   *walk = (ExprWalk *) context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		trace_var(walk->trace, walk->level, (Var *) node);
		return false;
	}
	if (IsA(node, Query))
	{
		/* a subquery in an expression: all that it mentions */
		ExprWalk	inner;

		inner.trace = walk->trace;
		inner.level = make_level((Query *) node, walk->level);
		return query_tree_walker((Query *) node, expr_walker, &inner, QTW_IGNORE_JOINALIASES);
	}
	if (IsA(node, FieldSelect))
	{
		FieldSelect *field = (FieldSelect *) node;
		Oid			relid = relation_of_type(exprType((Node *) field->arg));

		if (OidIsValid(relid))
			trace_relation(walk->trace, relid, field->fieldnum);
		if (IsA(field->arg, FuncExpr))
			return expr_walker((Node *) ((FuncExpr *) field->arg)->args, context);
	}
	if (IsA(node, FuncExpr))
	{
		Oid			relid = relation_of_type(exprType(node));

		if (OidIsValid(relid))
			trace_relation(walk->trace, relid, 0);
	}
	if (IsA(node, WindowFunc))
		trace_window(walk->trace, walk->level, ((WindowFunc *) node)->winref);
	return expression_tree_walker(node, expr_walker, context);
}

static void
trace_expr(Trace *trace, Level *level, Node *expr)
{
	ExprWalk	walk;

	check_stack_depth();
	walk.trace = trace;
	walk.level = level;
	(void) expr_walker(expr, &walk);
}

/* The same column of every arm of UNION, INTERSECT and EXCEPT. */
static void
trace_set_operation(Trace *trace, Level *level, Node *node, int resno)
{
	check_stack_depth();
	if (IsA(node, RangeTblRef))
	{
		RangeTblEntry *rte = rt_fetch(((RangeTblRef *) node)->rtindex, level->query->rtable);

		trace_column(trace, make_level(rte->subquery, level), resno);
	}
	else
	{
		SetOperationStmt *op = castNode(SetOperationStmt, node);

		trace_set_operation(trace, level, op->larg, resno);
		trace_set_operation(trace, level, op->rarg, resno);
	}
}

static bool
visit(Trace *trace, const Query *query, int resno)
{
	Visited    *visited;
	ListCell   *lc;

	foreach(lc, trace->visited)
	{
		visited = (Visited *) lfirst(lc);
		if (visited->query == query && visited->resno == resno)
			return false;
	}
	visited = palloc(sizeof(Visited));
	visited->query = query;
	visited->resno = resno;
	trace->visited = lappend(trace->visited, visited);
	return true;
}

/* A column of a query; all of them where it is not in its list (0: a whole row; what SEARCH and CYCLE add). */
static void
trace_column(Trace *trace, Level *level, int resno)
{
	Query	   *query = level->query;
	TargetEntry *wanted = get_tle_by_resno(query->targetList, resno);
	ListCell   *lc;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (!visit(trace, query, wanted != NULL ? resno : 0))
		return;
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (wanted != NULL ? tle != wanted : tle->resjunk)
			continue;
		if (query->setOperations != NULL)
			trace_set_operation(trace, level, query->setOperations, tle->resno);
		else
			trace_expr(trace, level, (Node *) tle->expr);
	}
}

/* The columns beneath one of the query's output columns. */
static List *
trace_output(Trace *trace, Query *query, int resno)
{
	trace->visited = NIL;
	trace->columns = NIL;
	trace_column(trace, make_level(query, NULL), resno);
	return trace->columns;
}

/* Note a relation, and those beneath it. */
static void
add_relation(Trace *trace, Oid relid)
{
	MlBaseRelation *base;
	ListCell   *lc;

	foreach(lc, trace->relations)
	{
		if (((MlBaseRelation *) lfirst(lc))->relid == relid)
			return;				/* a view's query has entries for the view itself */
	}
	base = palloc(sizeof(MlBaseRelation));
	base->relid = relid;
	base->schema = get_namespace_name(get_rel_namespace(relid));
	base->name = get_rel_name(relid);
	base->relkind = get_rel_relkind(relid);
	trace->relations = lappend(trace->relations, base);
	if (has_query(base->relkind))
		(void) relation_walker((Node *) view_query(trace, relid), trace);
}

static bool
relation_walker(Node *node, void *context)
{
	Trace	   *trace = (Trace *) context;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Query))
	{
		ListCell   *lc;

		foreach(lc, ((Query *) node)->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

			if (rte->rtekind == RTE_RELATION)
				add_relation(trace, rte->relid);
		}
		return query_tree_walker((Query *) node, relation_walker, context, QTW_IGNORE_JOINALIASES);
	}
	return expression_tree_walker(node, relation_walker, context);
}

List *
mlops_source_relations(MlSource *source)
{
	Trace		trace = {0};

	(void) relation_walker((Node *) mlops_source_parse(source), &trace);
	return trace.relations;
}

/* Labels that count for a relation's columns, by column name. */
typedef struct NamedLabel
{
	const char *column;
	const char *text;
	bool		is_pii;
} NamedLabel;

typedef struct RelationLabels
{
	Oid			relid;
	List	   *labels;			/* NamedLabel * */
} RelationLabels;

/* Add the parents of a relation, and theirs. */
static List *
add_parents(List *relids, Oid relid)
{
	Relation	rel = table_open(InheritsRelationId, AccessShareLock);
	List	   *parents = NIL;
	ListCell   *lc;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, InheritsRelidSeqnoIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		parents = lappend_oid(parents, ((Form_pg_inherits) GETSTRUCT(tuple))->inhparent);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	foreach(lc, parents)
	{
		if (list_member_oid(relids, lfirst_oid(lc)))
			continue;
		relids = lappend_oid(relids, lfirst_oid(lc));
		relids = add_parents(relids, lfirst_oid(lc));
	}
	return relids;
}

/* Of all labels those of a relation, of what it inherits from and of what inherits from it. */
static RelationLabels *
relation_labels(List *all, Oid relid)
{
	RelationLabels *result = palloc0(sizeof(RelationLabels));
	List	   *relids = add_parents(find_all_inheritors(relid, NoLock, NULL), relid);
	ListCell   *lc;

	result->relid = relid;
	foreach(lc, all)
	{
		const MlSetLabel *set = (MlSetLabel *) lfirst(lc);
		NamedLabel *label;
		MlLabel		parsed;

		if (set->object.classId != RelationRelationId ||
			!list_member_oid(relids, set->object.objectId))
			continue;
		label = palloc(sizeof(NamedLabel));
		label->column = get_attname(set->object.objectId, set->object.objectSubId, true);
		if (label->column == NULL)
			continue;
		label->text = set->text;
		(void) mlops_label_parse(set->text, &parsed);
		label->is_pii = parsed.is_pii;
		result->labels = lappend(result->labels, label);
	}
	return result;
}

/* The label of a column that counts, one that says personal data before others. */
static const char *
column_label(const RelationLabels *labels, const MlBaseColumn *column)
{
	const char *name = get_attname(column->relid, column->attnum, true);
	const char *found = NULL;
	ListCell   *lc;

	foreach(lc, labels->labels)
	{
		const NamedLabel *label = (NamedLabel *) lfirst(lc);

		if (name == NULL || strcmp(label->column, name) != 0)
			continue;
		if (label->is_pii)
			return label->text;
		if (found == NULL)
			found = label->text;
	}
	return found;
}

/* What of all labels is known of the relations met so far. */
typedef struct LabelIndex
{
	List	   *all;			/* MlSetLabel * */
	List	   *relations;		/* RelationLabels * */
} LabelIndex;

static void
set_labels(LabelIndex *index, List *columns)
{
	ListCell   *lc;

	foreach(lc, columns)
	{
		MlBaseColumn *column = (MlBaseColumn *) lfirst(lc);
		RelationLabels *labels = NULL;
		ListCell   *lc2;

		foreach(lc2, index->relations)
		{
			if (((RelationLabels *) lfirst(lc2))->relid == column->relid)
				labels = (RelationLabels *) lfirst(lc2);
		}
		if (labels == NULL)
		{
			labels = relation_labels(index->all, column->relid);
			index->relations = lappend(index->relations, labels);
		}
		column->label = column_label(labels, column);
	}
}

List *
mlops_source_origin(MlSource *source, int column)
{
	Trace		trace = {0};
	LabelIndex	index = {0};
	List	   *columns = trace_output(&trace, mlops_source_parse(source), column + 1);

	index.all = mlops_label_list();
	if (index.all != NIL)
		set_labels(&index, columns);
	return columns;
}

struct MlPiiIndex
{
	LabelIndex	labels;
};

MlPiiIndex *
mlops_pii_index(void)
{
	MlPiiIndex *index = palloc0(sizeof(MlPiiIndex));

	index->labels.all = mlops_label_list();
	return index;
}

bool
mlops_pii_column(MlPiiIndex *index, Oid relid, const char *column)
{
	RelationLabels *labels = NULL;
	ListCell   *lc;

	if (index->labels.all == NIL)
		return false;
	foreach(lc, index->labels.relations)
	{
		if (((RelationLabels *) lfirst(lc))->relid == relid)
			labels = (RelationLabels *) lfirst(lc);
	}
	if (labels == NULL)
	{
		labels = relation_labels(index->labels.all, relid);
		index->labels.relations = lappend(index->labels.relations, labels);
	}
	foreach(lc, labels->labels)
	{
		const NamedLabel *label = (NamedLabel *) lfirst(lc);

		if (label->is_pii && strcmp(label->column, column) == 0)
			return true;
	}
	return false;
}

/* The first label among columns, one that says personal data before others. */
static const char *
first_label(const List *columns)
{
	const char *found = NULL;
	ListCell   *lc;

	foreach(lc, columns)
	{
		const char *text = ((MlBaseColumn *) lfirst(lc))->label;
		MlLabel		label;

		if (text == NULL)
			continue;
		(void) mlops_label_parse(text, &label);
		if (label.is_pii)
			return text;
		if (found == NULL)
			found = text;
	}
	return found;
}

const char *const *
mlops_source_labels(MlSource *source)
{
	int			natts = source->desc->natts;
	const char **labels = palloc0(sizeof(char *) * Max(natts, 1));
	LabelIndex	index = {0};
	Trace		trace = {0};
	Query	   *query;

	if (source->labels != NULL)
		return source->labels;
	index.all = mlops_label_list();
	if (index.all == NIL)
		return labels;
	query = mlops_source_parse(source);
	for (int i = 0; i < natts; i++)
	{
		List	   *columns = trace_output(&trace, query, i + 1);

		set_labels(&index, columns);
		labels[i] = first_label(columns);
	}
	return labels;
}
