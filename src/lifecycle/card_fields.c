/*-------------------------------------------------------------------------
 *
 * card_fields.c
 *	  What people can write on a model's card.
 *
 * The sections are those of Mitchell et al. [1], the fields theirs and those
 * of the content schema of SageMaker's model cards [2] in snake_case; a sheet
 * about the data [3] is the last section but one.
 *
 * [1] Mitchell et al.: Model Cards for Model Reporting, FAT* 2019
 * [2] Amazon SageMaker developer guide, Model cards, content schema
 * [3] Gebru et al.: Datasheets for Datasets, CACM 64(12), 2021
 *
 * IDENTIFICATION
 *	  src/lifecycle/card_fields.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "mlops/card.h"

#define MAX_TEXT	20000		/* characters of a text, */
#define MAX_ITEM	2000		/* of an item of a list or an object's value, */
#define MAX_KEY		100			/* of a name in an object */
#define MAX_ITEMS	100			/* items of a list, entries of an object */

#define DETAILS		"Model details"
#define USE			"Intended use"
#define FACTORS		"Factors"
#define METRICS		"Metrics"
#define EVALUATION	"Evaluation data"
#define TRAINING	"Training data"
#define ANALYSES	"Quantitative analyses"
#define ETHICS		"Ethical considerations"
#define CAVEATS		"Caveats and recommendations"
#define DATASHEET	"Datasheet"
#define CUSTOM		"Custom details"

const MlCardField mlops_card_fields[] = {
	{"model_details", ML_CARD_TEXT, DETAILS,
	"what the model is, who made it, licence, where to ask"},
	{"purpose_of_model", ML_CARD_TEXT, DETAILS,
	"what it is for, in a sentence or two"},
	{"intended_use", ML_CARD_LIST, USE,
	"what it was made to be used for"},
	{"intended_uses", ML_CARD_LIST, USE,
	"the same under the name that SageMaker gives it"},
	{"primary_users", ML_CARD_LIST, USE,
	"whom it was made for"},
	{"out_of_scope_uses", ML_CARD_LIST, USE,
	"what it must not be used for"},
	{"business_problem", ML_CARD_TEXT, USE,
	"the problem that it helps with"},
	{"business_stakeholders", ML_CARD_LIST, USE,
	"who has an interest in it"},
	{"line_of_business", ML_CARD_TEXT, USE,
	"which part of the organisation it belongs to"},
	{"factors", ML_CARD_LIST, FACTORS,
	"groups, instruments and environments that matter to how well it does"},
	{"factors_affecting_model_efficiency", ML_CARD_LIST, FACTORS,
	"what makes it do worse"},
	{"metrics", ML_CARD_TEXT, METRICS,
	"which measures were chosen and why, thresholds of decision"},
	{"evaluation_data", ML_CARD_TEXT, EVALUATION,
	"what it was evaluated on besides the held-out rows, and why"},
	{"training_data", ML_CARD_TEXT, TRAINING,
	"what the rows are that it was trained on"},
	{"quantitative_analyses", ML_CARD_TEXT, ANALYSES,
	"results by group and by combinations of groups"},
	{"ethical_considerations", ML_CARD_LIST, ETHICS,
	"sensitive data, harms, what was done about them"},
	{"risk_rating", ML_CARD_RISK, ETHICS,
	"High, Medium, Low or Unknown"},
	{"explanations_for_risk_rating", ML_CARD_TEXT, ETHICS,
	"why that rating"},
	{"caveats_and_recommendations", ML_CARD_LIST, CAVEATS,
	"what else to know before using it"},
	{"motivation", ML_CARD_TEXT, DATASHEET,
	"why the data was gathered, by whom, who paid"},
	{"composition", ML_CARD_TEXT, DATASHEET,
	"what a row stands for, what is missing, whether it identifies people"},
	{"collection_process", ML_CARD_TEXT, DATASHEET,
	"how, when and from whom the data was gathered"},
	{"preprocessing", ML_CARD_TEXT, DATASHEET,
	"cleaning and labelling"},
	{"uses", ML_CARD_LIST, DATASHEET,
	"what the data has been or should not be used for"},
	{"distribution", ML_CARD_TEXT, DATASHEET,
	"who else has the data, under what terms"},
	{"maintenance", ML_CARD_TEXT, DATASHEET,
	"who keeps the data, how often it changes"},
	{"lawful_basis", ML_CARD_TEXT, DATASHEET,
	"the law that the processing rests on"},
	{"retention", ML_CARD_TEXT, DATASHEET,
	"how long rows are kept"},
	{"subject_key", ML_CARD_TEXT, DATASHEET,
	"the column that names the person a row is about"},
	{"custom_details", ML_CARD_OBJECT, CUSTOM,
	"anything else, by names of your own"},
	{NULL}
};

const char *
mlops_card_type_name(MlCardType type)
{
	switch (type)
	{
		case ML_CARD_TEXT:
			return "text";
		case ML_CARD_LIST:
			return "text or an array of text";
		case ML_CARD_RISK:
			return "High, Medium, Low or Unknown";
		case ML_CARD_OBJECT:
			return "an object of text, numbers and booleans";
	}
	pg_unreachable();
}

static const MlCardField *
find_field(const char *name, int len)
{
	for (const MlCardField *f = mlops_card_fields; f->name; f++)
	{
		if ((int) strlen(f->name) == len && memcmp(f->name, name, len) == 0)
			return f;
	}
	return NULL;
}

bool
mlops_card_field_exists(const char *name)
{
	return find_field(name, strlen(name)) != NULL;
}

static char *
list_fields(void)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (const MlCardField *f = mlops_card_fields; f->name; f++)
		appendStringInfo(&buf, "%s%s", buf.len ? ", " : "", f->name);
	return buf.data;
}

static void
refuse_field(const JsonbValue *key)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized field \"%s\" of a card",
					pnstrdup(key->val.string.val,
							 pg_mbcliplen(key->val.string.val, key->val.string.len, NAMEDATALEN - 1))),
			 errhint("Valid fields are: %s.", list_fields())));
}

static void
refuse_type(const MlCardField *f)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("field \"%s\" of a card must be %s", f->name, mlops_card_type_name(f->type)),
			 errhint("null removes a field.")));
}

/* Something must stand there, and not too much. */
static void
check_text(const MlCardField *f, const JsonbValue *v, int max)
{
	const char *p = v->val.string.val;
	int			len = v->val.string.len;
	bool		is_blank = true;

	for (int i = 0; i < len && is_blank; i++)
		is_blank = strchr(" \t\r\n", p[i]) != NULL;
	if (is_blank)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("field \"%s\" of a card must not be empty", f->name),
				 errhint("null removes a field.")));
	if (pg_mbstrlen_with_len(p, len) > max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("field \"%s\" of a card is too long", f->name),
				 errdetail("It can hold %d characters.", max)));
}

static void
check_count(const MlCardField *f, int n)
{
	if (n < 1 || n > MAX_ITEMS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("field \"%s\" of a card must have 1 to %d entries", f->name, MAX_ITEMS),
				 errhint("null removes a field.")));
}

static void
check_risk(const MlCardField *f, const JsonbValue *v)
{
	static const char *const ratings[] = {"High", "Medium", "Low", "Unknown"};

	for (size_t i = 0; i < lengthof(ratings); i++)
	{
		if (v->type == jbvString && v->val.string.len == (int) strlen(ratings[i]) &&
			memcmp(v->val.string.val, ratings[i], v->val.string.len) == 0)
			return;
	}
	refuse_type(f);
}

/* An array of strings, or an object of scalars. */
static void
check_entries(const MlCardField *f, JsonbContainer *container)
{
	JsonbIterator *it = JsonbIteratorInit(container);
	JsonbIteratorToken token;
	JsonbValue	v;

	check_count(f, JsonContainerSize(container));
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			check_text(f, &v, MAX_KEY);
		else if (token == WJB_ELEM || token == WJB_VALUE)
		{
			if (v.type == jbvString)
				check_text(f, &v, MAX_ITEM);
			else if (f->type != ML_CARD_OBJECT || (v.type != jbvNumeric && v.type != jbvBool))
				refuse_type(f);
		}
	}
}

static void
check_value(const MlCardField *f, const JsonbValue *v)
{
	bool		is_array = v->type == jbvBinary && JsonContainerIsArray(v->val.binary.data);
	bool		is_object = v->type == jbvBinary && JsonContainerIsObject(v->val.binary.data);

	if (v->type == jbvNull)
		return;
	if (f->type == ML_CARD_RISK)
		check_risk(f, v);
	else if (v->type == jbvString && f->type != ML_CARD_OBJECT)
		check_text(f, v, MAX_TEXT);
	else if ((is_array && f->type == ML_CARD_LIST) || (is_object && f->type == ML_CARD_OBJECT))
		check_entries(f, v->val.binary.data);
	else
		refuse_type(f);
}

void
mlops_card_check(Jsonb *card)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	const MlCardField *f = NULL;
	JsonbValue	v;

	if (!JB_ROOT_IS_OBJECT(card))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a card must be a JSON object"),
				 errhint("mlops.card_fields() lists its fields.")));
	it = JsonbIteratorInit(&card->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			f = find_field(v.val.string.val, v.val.string.len);
			if (f == NULL)
				refuse_field(&v);
		}
		else if (token == WJB_VALUE)
			check_value(f, &v);
	}
}
