/*-------------------------------------------------------------------------
 *
 * card_text.c
 *	  A card as Markdown (CommonMark, and tables as GitHub has them).
 *
 * Whatever people wrote, and every name, stays text: nothing in it can open a
 * heading, a link, an element of HTML, a cell or a block of code.  So all
 * punctuation that means something is escaped, and lines that the text breaks
 * are broken lines of the same paragraph.
 *
 * Sections are those of Mitchell et al. in their order; one in which nothing
 * was written says so.
 *
 * IDENTIFICATION
 *	  src/api/card_text.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "mlops/card.h"

#include "card_text.h"

/* Where a text goes decides what it may break. */
typedef enum Place
{
	IN_PARAGRAPH,				/* lines and paragraphs of its own */
	IN_LINE						/* a list's item or a cell: no line of its own */
} Place;

static bool
is_line_end(char c)
{
	return c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

/* Would it number an item of a list: digits at the line's beginning, then this, then a space? */
static bool
numbers_item(const char *text, const char *p)
{
	const char *q = p;

	if (p[1] != ' ' && p[1] != '\t' && p[1] != '\0' && !is_line_end(p[1]))
		return false;
	while (q > text && q[-1] >= '0' && q[-1] <= '9')
		q--;
	if (q == p)
		return false;
	while (q > text && (q[-1] == ' ' || q[-1] == '\t'))
		q--;
	return q == text || is_line_end(q[-1]);
}

static bool
begins_line(const char *text, const char *p)
{
	while (p > text && (p[-1] == ' ' || p[-1] == '\t'))
		p--;
	return p == text || is_line_end(p[-1]);
}

static void
append_char(StringInfo buf, const char *text, const char *p)
{
	unsigned char c = (unsigned char) *p;

	if (c == '<')
		appendStringInfoString(buf, "&lt;");
	else if (c == '>')
		appendStringInfoString(buf, "&gt;");
	else if (c == '&')
		appendStringInfoString(buf, "&amp;");
	else if (c < ' ' || c == 0x7f)
		appendStringInfoChar(buf, ' ');
	else if (strchr("\\`*_{}[]#|~$!@", c) != NULL ||
			 (strchr("-+=", c) != NULL && begins_line(text, p)) ||
			 (strchr(".)", c) != NULL && numbers_item(text, p)) ||
			 (c == ':' && p[1] == '/') ||
			 (c == '.' && p - text >= 3 && pg_strncasecmp(p - 3, "www", 3) == 0))
	{
		appendStringInfoChar(buf, '\\');
		appendStringInfoChar(buf, c);
	}
	else
		appendStringInfoChar(buf, c);
}

/* Text that stays text. */
static void
append_text(StringInfo buf, const char *text, Place place)
{
	const char *p = text;

	while (is_line_end(*p) || *p == ' ' || *p == '\t')
		p++;
	while (*p)
	{
		int			lines = 0;

		if (!is_line_end(*p))
		{
			append_char(buf, text, p++);
			continue;
		}
		for (; is_line_end(*p) || *p == ' ' || *p == '\t'; p++)
			lines += *p == '\n' || (*p == '\r' && p[1] != '\n');
		if (*p == '\0')
			break;
		appendStringInfoString(buf, place == IN_LINE ? " " : lines > 1 ? "\n\n" : "\\\n");
	}
}

/* ------------------------------------------------------------- jsonb in */

/* A member of an object, in *space; NULL where there is none, or a null. */
static JsonbValue *
get(const JsonbValue *object, const char *key, JsonbValue *space)
{
	JsonbValue *v;

	if (object == NULL || object->type != jbvBinary ||
		!JsonContainerIsObject(object->val.binary.data))
		return NULL;
	v = getKeyJsonValueFromContainer(object->val.binary.data, key, strlen(key), space);
	return v == NULL || v->type == jbvNull ? NULL : v;
}

/* A value in words; elements of an array with commas between them. */
static char *
to_text(const JsonbValue *v)
{
	StringInfoData buf;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	element;

	switch (v->type)
	{
		case jbvString:
			return pnstrdup(v->val.string.val, v->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric)));
		case jbvBool:
			return pstrdup(v->val.boolean ? "yes" : "no");
		case jbvBinary:
			break;
		default:
			return pstrdup("");
	}
	initStringInfo(&buf);
	if (JsonContainerIsObject(v->val.binary.data))
		return JsonbToCString(&buf, v->val.binary.data, v->val.binary.len);
	it = JsonbIteratorInit(v->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &element, true)) != WJB_DONE)
		if (token == WJB_ELEM)
			appendStringInfo(&buf, "%s%s", buf.len ? ", " : "", to_text(&element));
	return buf.data;
}

/* ------------------------------------------------------------ sections */

typedef struct Writer
{
	StringInfo	buf;
	const JsonbValue *written;
	const JsonbValue *generated;
	bool		is_empty;		/* of the section at hand: nothing was written there */
} Writer;

/* "field_name" as people read it. */
static char *
title(const char *field)
{
	char	   *text = pstrdup(field);

	for (char *p = text; *p; p++)
		if (*p == '_')
			*p = ' ';
	text[0] = pg_toupper(text[0]);
	return text;
}

static void
put_entries(Writer *w, const JsonbValue *v)
{
	JsonbIterator *it = JsonbIteratorInit(v->val.binary.data);
	JsonbIteratorToken token;
	JsonbValue	entry;

	while ((token = JsonbIteratorNext(&it, &entry, true)) != WJB_DONE)
	{
		if (token == WJB_KEY || token == WJB_ELEM)
		{
			appendStringInfoString(w->buf, "- ");
			append_text(w->buf, to_text(&entry), IN_LINE);
			appendStringInfoString(w->buf, token == WJB_KEY ? ": " : "\n");
		}
		else if (token == WJB_VALUE)
		{
			append_text(w->buf, to_text(&entry), IN_LINE);
			appendStringInfoChar(w->buf, '\n');
		}
	}
	appendStringInfoChar(w->buf, '\n');
}

/* The fields of a section; several of them, or one whose title is another, under titles. */
static void
put_written(Writer *w, const char *section)
{
	JsonbValue	space;

	for (const MlCardField *f = mlops_card_fields; f->name; f++)
	{
		const JsonbValue *v = strcmp(f->section, section) == 0 ?
			get(w->written, f->name, &space) : NULL;

		if (v == NULL)
			continue;
		w->is_empty = false;
		if (strcmp(title(f->name), section) != 0)
			appendStringInfo(w->buf, "**%s**\n\n", title(f->name));
		if (v->type == jbvBinary)
			put_entries(w, v);
		else
		{
			append_text(w->buf, to_text(v), IN_PARAGRAPH);
			appendStringInfoString(w->buf, "\n\n");
		}
	}
}

/* What was written; the section can go on with what is known otherwise. */
static void
begin_section(Writer *w, const char *section, bool goes_on)
{
	appendStringInfo(w->buf, "## %s\n\n", section);
	w->is_empty = true;
	put_written(w, section);
	if (w->is_empty)
		appendStringInfoString(w->buf, goes_on ? "Not stated. Recorded in training:\n\n" : "Not stated.\n\n");
}

static void
put_cell(Writer *w, const char *text)
{
	appendStringInfoString(w->buf, "| ");
	append_text(w->buf, text, IN_LINE);
	appendStringInfoChar(w->buf, ' ');
}

static void
put_row(Writer *w, const char *name, const char *text)
{
	put_cell(w, name);
	put_cell(w, text);
	appendStringInfoString(w->buf, "|\n");
}

static void
begin_table(Writer *w, const char *first, const char *second)
{
	appendStringInfo(w->buf, "| %s | %s |\n|---|---|\n", first, second);
}

static void
end_table(Writer *w)
{
	appendStringInfoChar(w->buf, '\n');
}

/* Rows of a table for members of an object; keys and titles in turn. */
static void
put_facts(Writer *w, const JsonbValue *object, const char *const *keys)
{
	JsonbValue	space;

	for (; *keys; keys += 2)
	{
		const JsonbValue *v = get(object, keys[0], &space);

		if (v)
			put_row(w, keys[1], to_text(v));
	}
}

/* A table of all members of an object that are no objects themselves, but for "skip". */
static void
put_members(Writer *w, const char *heading, const JsonbValue *object, const char *skip)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	char	   *name = NULL;

	if (object == NULL || object->type != jbvBinary)
		return;
	begin_table(w, heading, "Value");
	it = JsonbIteratorInit(object->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = to_text(&v);
		else if (token == WJB_VALUE && strcmp(name, skip) != 0 && strcmp(name, "candidates") != 0)
			put_row(w, strcmp(name, "n") == 0 ? "rows" : name,
					v.type == jbvNull ? "not known" : to_text(&v));
	}
	end_table(w);
}

/* A list of objects as a table; keys and titles in turn. */
static void
put_list(Writer *w, const JsonbValue *list, const char *const *columns)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	element;

	if (list == NULL || list->type != jbvBinary || JsonContainerSize(list->val.binary.data) == 0)
		return;
	for (const char *const *c = columns; *c; c += 2)
		appendStringInfo(w->buf, "| %s ", c[1]);
	appendStringInfoString(w->buf, "|\n");
	for (const char *const *c = columns; *c; c += 2)
		appendStringInfoString(w->buf, "|---");
	appendStringInfoString(w->buf, "|\n");
	it = JsonbIteratorInit(list->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &element, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		CHECK_FOR_INTERRUPTS();
		for (const char *const *c = columns; *c; c += 2)
		{
			JsonbValue	space;
			const JsonbValue *v = get(&element, c[0], &space);

			put_cell(w, v ? to_text(v) : "");
		}
		appendStringInfoString(w->buf, "|\n");
	}
	end_table(w);
}

static void
put_details(Writer *w)
{
	static const char *const keys[] = {
		"aliases", "Aliases", "stage", "Stage", "owner", "Owner", "algorithm", "Algorithm",
		"task", "Task", "target", "Target", "trained_by", "Trained by",
		"trained_at", "Trained at", "note", "Note", "sha256", "SHA-256", "bytes", "Bytes", NULL
	};
	static const char *const environment[] = {
		"server_version", "PostgreSQL", "extension_version", "mlops", NULL
	};
	JsonbValue	space;

	begin_section(w, "Model details", true);
	begin_table(w, "Fact", "Value");
	put_facts(w, get(w->generated, "model", &space), keys);
	put_facts(w, get(w->generated, "environment", &space), environment);
	end_table(w);
}

static void
put_metrics(Writer *w, const char *part)
{
	JsonbValue	space;
	JsonbValue	member;
	const JsonbValue *metrics = get(w->generated, part, &space);
	const JsonbValue *on = get(metrics, "on", &member);

	put_members(w, on ? psprintf("Metric on the %s", strcmp(to_text(on), "holdout") == 0 ?
								 "holdout" : "training rows") : "Metric",
				metrics, "on");
}

static void
put_evaluation(Writer *w)
{
	static const char *const keys[] = {
		"method", "Validation", "fraction", "Share held out", "rows_held_out", "Rows held out",
		"refit", "Fitted again on all rows", NULL
	};
	JsonbValue	space;
	JsonbValue	member;

	begin_section(w, "Evaluation data", true);
	begin_table(w, "Fact", "Value");
	put_facts(w, get(get(w->generated, "training", &space), "validation", &member), keys);
	end_table(w);
}

static void
put_training(Writer *w)
{
	static const char *const data_keys[] = {
		"source", "Source", "rows_seen", "Rows seen", "row_security", "Row security applied",
		"fingerprint", "Fingerprint", NULL
	};
	static const char *const keys[] = {
		"rows_used", "Rows used", "rows_skipped", "Rows skipped",
		"rows_trained", "Rows trained on", "rows_watched", "Rows watched",
		"values_imputed", "Values imputed", "weighted", "Weighted", "seed", "Seed", NULL
	};
	static const char *const relations[] = {
		"schema", "Schema", "name", "Relation", "kind", "Kind", "oid", "OID", NULL
	};
	static const char *const labelled[] = {"column", "Labelled column", "label", "Label", NULL};
	static const char *const features[] = {
		"name", "Feature", "type", "Type", "missing", "Missing values",
		"missing_seen", "Seen in training", "categories", "Categories", NULL
	};
	JsonbValue	space;
	JsonbValue	member;
	const JsonbValue *part;

	begin_section(w, "Training data", true);
	begin_table(w, "Fact", "Value");
	part = get(w->generated, "data", &space);
	put_facts(w, part, data_keys);
	put_facts(w, get(w->generated, "training", &member), keys);
	end_table(w);
	put_list(w, get(part, "relations", &member), relations);
	put_list(w, get(part, "labelled", &member), labelled);
	put_list(w, get(get(w->generated, "signature", &space), "features", &member), features);
	put_members(w, "Option", get(get(w->generated, "training", &space), "options", &member), "");
}

static void
put_sections(Writer *w)
{
	static const char *const importance[] = {
		"feature", "Feature", "importance", "Importance (share of gain)", NULL
	};
	JsonbValue	space;
	const JsonbValue *list;

	put_details(w);
	begin_section(w, "Intended use", false);
	begin_section(w, "Factors", false);
	begin_section(w, "Metrics", true);
	put_metrics(w, "metrics");
	put_metrics(w, "training_metrics");
	put_evaluation(w);
	put_training(w);
	list = get(w->generated, "importance", &space);
	begin_section(w, "Quantitative analyses", list != NULL);
	put_list(w, list, importance);
	begin_section(w, "Ethical considerations", false);
	begin_section(w, "Caveats and recommendations", false);
	begin_section(w, "Datasheet", false);
	begin_section(w, "Custom details", false);
}

void
mlops_card_to_markdown(Jsonb *card, StringInfo buf)
{
	JsonbValue	root;
	JsonbValue	space[5];
	const JsonbValue *v;
	Writer		w;

	root.type = jbvBinary;
	root.val.binary.data = &card->root;
	root.val.binary.len = VARSIZE(card) - offsetof(Jsonb, root);
	w.buf = buf;
	w.written = get(&root, "written", &space[0]);
	w.generated = get(&root, "generated", &space[1]);
	w.is_empty = true;
	appendStringInfoString(buf, "# Model card: ");
	append_text(buf, to_text(get(&root, "model", &space[2])), IN_LINE);
	appendStringInfo(buf, "\n\nVersion %s, card revision %s",
					 to_text(get(&root, "version", &space[3])),
					 to_text(get(&root, "revision", &space[4])));
	v = get(&root, "edited_by", &space[2]);
	if (v)
	{
		appendStringInfoString(buf, " by ");
		append_text(buf, to_text(v), IN_LINE);
	}
	v = get(w.generated, "redacted", &space[2]);
	appendStringInfoString(buf, v && v->type == jbvBool && v->val.boolean ?
						   ". Some facts are left out for this reader.\n\n" : ".\n\n");
	put_sections(&w);
	/* one line's end at the end */
	while (buf->len > 1 && buf->data[buf->len - 1] == '\n' && buf->data[buf->len - 2] == '\n')
		buf->data[--buf->len] = '\0';
}
