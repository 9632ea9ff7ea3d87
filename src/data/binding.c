/*-------------------------------------------------------------------------
 *
 * binding.c
 *	  A row type matched to a signature, and its rows to slots.
 *
 * IDENTIFICATION
 *	  src/data/binding.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "data.h"

typedef struct BoundFeature
{
	const MlFeature *feature;
	int			source;			/* column of the row type */
	MlConverter conv;
	MlDictionary *dict;			/* codes as in the signature, TEXT only */
} BoundFeature;

struct MlBinding
{
	int			nfeatures;
	BoundFeature *features;
};

MlBinding *
mlops_binding_make(const MlSignature *sig, TupleDesc desc)
{
	MlBinding  *binding = palloc0(sizeof(MlBinding));

	binding->nfeatures = sig->nfeatures;
	binding->features = palloc0(sizeof(BoundFeature) * Max(sig->nfeatures, 1));
	for (int i = 0; i < sig->nfeatures; i++)
	{
		BoundFeature *bound = &binding->features[i];
		const MlFeature *feature = &sig->features[i];
		Oid			type;

		bound->feature = feature;
		bound->source = mlops_column_require_in_row(desc, feature->name);
		type = TupleDescAttr(desc, bound->source)->atttypid;
		mlops_converter_init(&bound->conv, type, feature->name);
		if (mlops_converter_family(&bound->conv) != feature->type)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" does not match the model", feature->name),
					 errdetail("The model expects type %s, the column's type is %s.",
							   mlops_family_name(feature->type), format_type_be(type))));
		if (feature->type == ML_COLUMN_TEXT)
		{
			bound->dict = mlops_dictionary_make(CurrentMemoryContext);
			for (int j = 0; j < feature->ncategories; j++)
				mlops_dictionary_code(bound->dict, feature->categories[j],
									  mlops_dictionary_hash(feature->categories[j]));
		}
	}
	return binding;
}

/* A category's text as the dictionary has it: JSON keeps the blanks that pad char(n). */
MlString
mlops_feature_text(const MlFeature *feature, MlString s)
{
	while (feature->is_padded && s.len > 0 && s.data[s.len - 1] == ' ')
		s.len--;
	return s;
}

MlSignature *
mlops_signature_raw(const MlSignature *sig, bool strict)
{
	MlSignature *raw = palloc(sizeof(MlSignature));

	*raw = *sig;
	raw->features = palloc(sizeof(MlFeature) * Max(sig->nfeatures, 1));
	for (int i = 0; i < sig->nfeatures; i++)
	{
		MlFeature  *feature = &raw->features[i];

		*feature = sig->features[i];
		if (feature->missing != ML_MISSING_ERROR || !strict)
			feature->missing = feature->type == ML_COLUMN_TEXT ? ML_MISSING_CATEGORY : ML_MISSING_NATIVE;
	}
	return raw;
}

static bool
has_answer(const MlFeature *feature)
{
	return feature->missing != ML_MISSING_SKIP && feature->missing != ML_MISSING_ERROR;
}

bool
mlops_signature_fill(const MlSignature *sig, double *x)
{
	for (int i = 0; i < sig->nfeatures; i++)
	{
		const MlFeature *feature = &sig->features[i];
		double	   *slot = x + feature->slot;

		if (feature->type == ML_COLUMN_TEXT)
		{
			if (*slot == feature->ncategories && !has_answer(feature))
				return false;
			continue;
		}
		for (int j = 0; j < feature->width; j++)
		{
			if (likely(!isnan(slot[j])))
				continue;
			if (!has_answer(feature))
				return false;
			if (feature->missing == ML_MISSING_MEAN || feature->missing == ML_MISSING_MEDIAN)
				slot[j] = feature->fill[j];
		}
	}
	return true;
}

bool
mlops_feature_missing(const MlFeature *feature, int element, double *x)
{
	switch (feature->missing)
	{
		case ML_MISSING_ERROR:
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("column \"%s\" contains a missing value", feature->name)));
			break;
		case ML_MISSING_SKIP:
			return false;
		case ML_MISSING_MEAN:
		case ML_MISSING_MEDIAN:
			*x = feature->fill[element];
			break;
		case ML_MISSING_CATEGORY:
			*x = feature->ncategories;
			break;
		case ML_MISSING_NATIVE:
			*x = NAN;
			break;
	}
	return true;
}

bool
mlops_feature_missing_all(const MlFeature *feature, double *x)
{
	for (int i = 0; i < feature->width; i++)
	{
		if (!mlops_feature_missing(feature, i, &x[i]))
			return false;
	}
	return true;
}

void
mlops_feature_check_length(const MlFeature *feature, int length)
{
	if (length != feature->width)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("array of column \"%s\" has %d elements, but the model expects %d",
						feature->name, length, feature->width)));
}

static bool
bind_array(const BoundFeature *bound, Datum value, double *x)
{
	ArrayType  *array = DatumGetArrayTypeP(value);

	mlops_feature_check_length(bound->feature,
							   mlops_convert_array_length(&bound->conv, array));
	mlops_convert_array(&bound->conv, array, x);
	for (int i = 0; i < bound->feature->width; i++)
	{
		if (isnan(x[i]) && !mlops_feature_missing(bound->feature, i, &x[i]))
			return false;
	}
	return true;
}

bool
mlops_binding_row(const MlBinding *binding, const Datum *values,
				  const bool *nulls, double *x)
{
	for (int i = 0; i < binding->nfeatures; i++)
	{
		const BoundFeature *bound = &binding->features[i];
		const MlFeature *feature = bound->feature;
		double	   *slot = x + feature->slot;
		Datum		value = values[bound->source];

		if (unlikely(nulls[bound->source]))
		{
			if (!mlops_feature_missing_all(feature, slot))
				return false;
			continue;
		}
		switch (bound->conv.kind)
		{
			case CONVERT_FLOAT8:
				*slot = DatumGetFloat8(value) + 0.0;
				break;
			case CONVERT_FLOAT4:
				*slot = (double) DatumGetFloat4(value) + 0.0;
				break;
			case CONVERT_INT4:
				*slot = DatumGetInt32(value);
				continue;
			case CONVERT_TEXT:
			case CONVERT_BPCHAR:
			case CONVERT_NAME:
			case CONVERT_ENUM:
				{
					MlString	s = mlops_feature_text(feature,
													   mlops_convert_text(&bound->conv, value));
					int			code = mlops_dictionary_find(bound->dict, s,
															 mlops_dictionary_hash(s));

					*slot = code >= 0 ? code : feature->ncategories + 1;
					continue;
				}
			case CONVERT_ARRAY:
				if (!bind_array(bound, value, slot))
					return false;
				continue;
			default:
				*slot = mlops_convert_number(&bound->conv, value);
				break;
		}
		if (unlikely(!isfinite(*slot)))
		{
			if (isinf(*slot))
				mlops_refuse_infinity(feature->name);
			if (!mlops_feature_missing(feature, 0, slot))
				return false;
		}
	}
	return true;
}

bool
mlops_binding_array(const MlSignature *sig, ArrayType *array, double *x)
{
	int			n = ARR_NDIM(array) == 1 ? ARR_DIMS(array)[0] : 0;
	const double *data;
	const bits8 *nulls = ARR_NULLBITMAP(array);

	for (int i = 0; i < sig->nfeatures; i++)
	{
		if (sig->features[i].type == ML_COLUMN_TEXT)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("model has the category \"%s\" and cannot be given an array",
							sig->features[i].name),
					 errhint("Pass a row or a jsonb object.")));
	}
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("array has %d dimensions, but the model expects one",
						ARR_NDIM(array))));
	if (ARR_ELEMTYPE(array) != FLOAT8OID || n != sig->width)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("array has %d elements, but the model expects %d",
						n, sig->width)));
	data = (const double *) mlops_array_data(array);
	for (int i = 0; i < sig->nfeatures; i++)
	{
		const MlFeature *feature = &sig->features[i];

		for (int j = 0; j < feature->width; j++)
		{
			int			at = feature->slot + j;
			double		value = NAN;

			if (nulls == NULL || (nulls[at / 8] & (1 << (at % 8))) != 0)
				value = *data++ + 0.0;
			if (isinf(value))
				mlops_refuse_infinity(feature->name);
			x[at] = value;
			if (isnan(value) && !mlops_feature_missing(feature, j, &x[at]))
				return false;
		}
	}
	return true;
}
