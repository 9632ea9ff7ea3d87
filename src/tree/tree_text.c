/*-------------------------------------------------------------------------
 *
 * tree_text.c
 *	  A tree as lines of text, two blanks a level, and in Graphviz's language.
 *
 * IDENTIFICATION
 *	  src/tree/tree_text.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "mlops/jsonb_out.h"
#include "tree_words.h"

#define MAX_INDENT 40			/* levels */

/* A node's parent and depth, for all nodes of a tree. */
typedef struct Place
{
	uint32		parent;
	int			depth;
} Place;

static Place *
find_places(const MlNode *nodes, uint32 n)
{
	Place	   *place = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Place) * (Size) n);

	memset(&place[0], 0, sizeof(Place));
	for (uint32 i = 0; i < n; i++)
	{
		if ((nodes[i].flags & ML_NODE_LEAF) != 0)
			continue;
		place[i + 1].parent = place[nodes[i].right].parent = i;
		place[i + 1].depth = place[nodes[i].right].depth = place[i].depth + 1;
	}
	return place;
}

void
mlops_tree_text(const MlEnsemble *e, const MlSignature *sig, int tree, StringInfo buf)
{
	uint32		start = e->root[tree];
	uint32		n = e->root[tree + 1] - start;
	const MlNode *nodes = e->nodes + start;
	Place	   *place = find_places(nodes, n);

	for (uint32 i = 0; i < n; i++)
	{
		uint32		parent = place[i].parent;

		CHECK_FOR_INTERRUPTS();
		if (i > 0)
			appendStringInfoChar(buf, '\n');
		appendStringInfoSpaces(buf, 2 * Min(place[i].depth, MAX_INDENT));
		if (i == 0)
			appendStringInfoString(buf, "all rows");
		else
			mlops_tree_question(e, sig, &nodes[parent], i == parent + 1, buf);
		appendStringInfoString(buf, ": ");
		if ((nodes[i].flags & ML_NODE_LEAF) != 0)
		{
			mlops_tree_answer(e, sig, &nodes[i], buf);
			appendStringInfoString(buf, ", ");
		}
		appendStringInfo(buf, "cover %s", mlops_double_text(e->cover[start + i]));
	}
	pfree(place);
}

/* Text inside a quoted label. */
static void
put_label(StringInfo buf, const char *text)
{
	for (; *text != '\0'; text++)
	{
		if (*text == '\n')
			appendStringInfoString(buf, "\\n");
		else
		{
			if (*text == '"' || *text == '\\')
				appendStringInfoChar(buf, '\\');
			appendStringInfoChar(buf, *text);
		}
	}
}

void
mlops_tree_dot(const MlEnsemble *e, const MlSignature *sig, int tree, StringInfo buf)
{
	uint32		start = e->root[tree];
	uint32		n = e->root[tree + 1] - start;
	const MlNode *nodes = e->nodes + start;
	StringInfoData label;

	initStringInfo(&label);
	appendStringInfoString(buf, "digraph tree {\n  node [shape=box];\n");
	for (uint32 i = 0; i < n; i++)
	{
		bool		is_leaf = (nodes[i].flags & ML_NODE_LEAF) != 0;

		CHECK_FOR_INTERRUPTS();
		resetStringInfo(&label);
		if (is_leaf)
			mlops_tree_answer(e, sig, &nodes[i], &label);
		else
			mlops_tree_question(e, sig, &nodes[i], true, &label);
		appendStringInfo(&label, "\ncover %s", mlops_double_text(e->cover[start + i]));
		appendStringInfo(buf, "  n%u [label=\"", i);
		put_label(buf, label.data);
		appendStringInfo(buf, "\"%s];\n", is_leaf ? ", style=rounded" : "");
		if (!is_leaf)
			appendStringInfo(buf, "  n%u -> n%u [label=\"yes\"];\n  n%u -> n%u [label=\"no\"];\n",
							 i, i + 1, i, nodes[i].right);
	}
	appendStringInfoChar(buf, '}');
	pfree(label.data);
}
