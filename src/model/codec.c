/*-------------------------------------------------------------------------
 *
 * codec.c
 *	  A model to its stored form (type mlops.model) and back.
 *
 *		stored form = header (56 bytes), LZ4 frames of the content
 *		content     = bytes 8..15 of the header, sections
 *		section     = tag (4 bytes), length (4 bytes), bytes
 *
 * The hash in the header covers the content, and the content repeats the
 * header's versions and algorithm: equal hashes mean equal models, so the hash
 * alone is a cache key.  Compression is not covered, so recompressing a model
 * does not change what it is.
 *
 * Any bytes may come in.  The output of decompression grows with what has been
 * decompressed, never from the declared length, which LZ4's ratio of at most
 * 255 bounds beforehand.  Everything is built in a context below the caller's
 * and handed to its final parent when finished, so an error leaves nothing.
 *
 * docs/model-format.md is the normative description.
 *
 * IDENTIFICATION
 *	  src/model/codec.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <lz4frame.h>

#include "common/cryptohash.h"
#include "common/sha2.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "mlops/bytes.h"
#include "mlops/model.h"
#include "mlops/reference.h"

#include "model_bytes.h"

/* offsets in the header */
#define HEADER_VERSION	8
#define HEADER_ALGO		10
#define HEADER_BODY		12
#define HEADER_FLAGS	14
#define HEADER_LENGTH	16
#define HEADER_HASH		24
#define HEADER_LEN		56

/* bytes of the header that the content repeats */
#define PREAMBLE_LEN	(HEADER_LENGTH - HEADER_VERSION)

/* No LZ4 block expands by more than this (a match length byte stands for 255 bytes). */
#define LZ4_MAX_RATIO	255

#define LZ4_MAGIC		0x184D2204U

/* Work between two interrupt checks. */
#define CHUNK_LEN		((Size) 1024 * 1024)

#define TAG_SIGNATURE	"SIGN"
#define TAG_FACTS		"FACT"
#define TAG_BODY		"BODY"
#define TAG_REFERENCE	"refr"
#define TAG_LEN			4

/* Not text, not 7-bit clean, and damaged by newline conversion. */
static const uint8 magic[HEADER_VERSION] = {0x8d, 'M', 'L', 'O', 'P', 'S', '\r', '\n'};

typedef struct Header
{
	uint16		version;
	uint16		algo;
	uint16		body_version;
	uint16		flags;
	uint64		content_len;
	const uint8 *hash;
} Header;

/* Read and check the header at p; newer versions are 0A000, anything else wrong XX001. */
static void
read_header(const char *p, Size len, Header *h)
{
	ML_CHECK_BYTES(len >= HEADER_LEN, "it is shorter than its header");
	ML_CHECK_BYTES(memcmp(p, magic, sizeof(magic)) == 0,
				   "it does not begin as a model does");
	h->version = (uint16) mlops_peek_uint(p + HEADER_VERSION, 2);
	h->algo = (uint16) mlops_peek_uint(p + HEADER_ALGO, 2);
	h->body_version = (uint16) mlops_peek_uint(p + HEADER_BODY, 2);
	h->flags = (uint16) mlops_peek_uint(p + HEADER_FLAGS, 2);
	h->content_len = mlops_peek_uint(p + HEADER_LENGTH, 8);
	h->hash = (const uint8 *) p + HEADER_HASH;

	ML_CHECK_BYTES(h->version > 0, "its format version is zero");
	if (h->version > MLOPS_FORMAT_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("model has format version %u, but this version of mlops reads up to %u",
						h->version, MLOPS_FORMAT_VERSION),
				 errhint("Update the extension mlops.")));
	if (h->flags != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("model has format flags 0x%04x, but this version of mlops knows none",
						h->flags),
				 errhint("Update the extension mlops.")));
}

/* The algorithm of a header, or 0A000 when this version cannot read its body. */
static const MlAlgo *
find_algo(const Header *h)
{
	const MlAlgo *algo = mlops_algo_by_id(h->algo);

	if (algo == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("model uses algorithm number %u, which this version of mlops does not have",
						h->algo),
				 errhint("Update the extension mlops.")));
	ML_CHECK_BYTES(h->body_version > 0, "its body version is zero");
	if (h->body_version > algo->body_version)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("model has version %u of the body of algorithm \"%s\", but this version of mlops reads up to %u",
						h->body_version, algo->name, algo->body_version),
				 errhint("Update the extension mlops.")));
	return algo;
}

static void
hash_content(const char *data, Size len, uint8 hash[MLOPS_HASH_LEN])
{
	pg_cryptohash_ctx *ctx = pg_cryptohash_create(PG_SHA256);
	Size		done;
	bool		ok;

	StaticAssertStmt(MLOPS_HASH_LEN == PG_SHA256_DIGEST_LENGTH,
					 "hash length");
	ok = pg_cryptohash_init(ctx) >= 0;
	for (done = 0; ok && done < len; done += CHUNK_LEN)
	{
		CHECK_FOR_INTERRUPTS();
		ok = pg_cryptohash_update(ctx, (const uint8 *) data + done,
								  Min(CHUNK_LEN, len - done)) >= 0;
	}
	if (!ok || pg_cryptohash_final(ctx, hash, MLOPS_HASH_LEN) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not compute the SHA-256 of a model: %s",
						pg_cryptohash_error(ctx))));
	pg_cryptohash_free(ctx);
}

/* LZ4 */

static void
free_compressor(void *arg)
{
	LZ4F_freeCompressionContext(arg);
}

static void
free_decompressor(void *arg)
{
	LZ4F_freeDecompressionContext(arg);
}

/* Free an LZ4 handle with the memory context that is current. */
static void
free_with_context(MemoryContextCallbackFunction func, void *handle)
{
	MemoryContextCallback *cb = palloc0(sizeof(MemoryContextCallback));

	cb->func = func;
	cb->arg = handle;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, cb);
}

static size_t
check_lz4(size_t result)
{
	if (LZ4F_isError(result))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not compress a model: %s",
						LZ4F_getErrorName(result))));
	return result;
}

/* One LZ4 frame of data, appended to out. */
static void
compress_content(const char *data, Size len, StringInfo out)
{
	LZ4F_preferences_t prefs;
	LZ4F_cctx  *cctx;
	Size		done;

	memset(&prefs, 0, sizeof(prefs));
	prefs.frameInfo.contentSize = len;
	prefs.autoFlush = 1;

	if (LZ4F_isError(LZ4F_createCompressionContext(&cctx, LZ4F_VERSION)))
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	free_with_context(free_compressor, cctx);

	enlargeStringInfo(out, LZ4F_HEADER_SIZE_MAX);
	out->len += (int) check_lz4(LZ4F_compressBegin(cctx, out->data + out->len,
												   LZ4F_HEADER_SIZE_MAX, &prefs));
	for (done = 0; done < len; done += CHUNK_LEN)
	{
		Size		n = Min(CHUNK_LEN, len - done);
		Size		room = LZ4F_compressBound(n, &prefs);

		CHECK_FOR_INTERRUPTS();
		enlargeStringInfo(out, (int) room);
		out->len += (int) check_lz4(LZ4F_compressUpdate(cctx, out->data + out->len,
														room, data + done, n, NULL));
	}
	enlargeStringInfo(out, (int) LZ4F_compressBound(0, &prefs));
	out->len += (int) check_lz4(LZ4F_compressEnd(cctx, out->data + out->len,
												 LZ4F_compressBound(0, &prefs), NULL));
}

/* Room for so many bytes more: twice what there was, but not beyond what can come. */
static void
reserve(StringInfo out, Size room, Size most)
{
	Size		need = (Size) out->len + room;

	if (need <= (Size) out->maxlen)
		return;
	out->maxlen = (int) Max(need, Min((Size) out->maxlen * 2, most));
	out->data = repalloc(out->data, out->maxlen);
}

/* The LZ4 frames at p to out, which must come out as content_len bytes exactly. */
static void
decompress_content(const char *p, Size len, uint64 content_len, StringInfo out)
{
	LZ4F_dctx  *dctx;
	bool		in_frame = false;

	ML_CHECK_BYTES(content_len >= PREAMBLE_LEN, "its declared length is too small");
	ML_CHECK_BYTES(content_len <= MLOPS_MAX_MODEL, "its declared length is too large");
	ML_CHECK_BYTES(content_len <= (uint64) len * LZ4_MAX_RATIO,
				   "its declared length is more than its bytes can hold");

	if (LZ4F_isError(LZ4F_createDecompressionContext(&dctx, LZ4F_VERSION)))
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	free_with_context(free_decompressor, dctx);

	while (len > 0 || in_frame)
	{
		Size		used = Min(len, CHUNK_LEN);
		Size		left = (Size) content_len - out->len;
		Size		room;
		Size		r;

		CHECK_FOR_INTERRUPTS();
		ML_CHECK_BYTES(len > 0, "its last frame is cut off");
		if (!in_frame)
			ML_CHECK_BYTES(len >= 4 && mlops_peek_uint(p, 4) == LZ4_MAGIC,
						   "an LZ4 frame does not begin as one does");
		in_frame = true;

		/* one byte more than declared shows that there is more */
		room = Min(left + 1, CHUNK_LEN);
		reserve(out, room, (Size) content_len + 1);
		r = LZ4F_decompress(dctx, out->data + out->len, &room, p, &used, NULL);
		ML_CHECK_BYTES(!LZ4F_isError(r), "an LZ4 frame cannot be decompressed");
		ML_CHECK_BYTES(room <= left, "it is longer than declared");
		ML_CHECK_BYTES(room > 0 || used > 0, "an LZ4 frame cannot be decompressed");
		out->len += (int) room;
		p += used;
		len -= used;
		if (r == 0)
			in_frame = false;
	}
	ML_CHECK_BYTES((uint64) out->len == content_len, "it is shorter than declared");
}

/* packing */

static void
put_preamble(StringInfo buf, const MlAlgo *algo)
{
	mlops_put_uint(buf, MLOPS_FORMAT_VERSION, 2);
	mlops_put_uint(buf, algo->id, 2);
	mlops_put_uint(buf, algo->body_version, 2);
	mlops_put_uint(buf, 0, 2);
}

/* Start a section; end_section fills in its length. */
static int
begin_section(StringInfo buf, const char *tag)
{
	appendBinaryStringInfo(buf, tag, TAG_LEN);
	mlops_put_uint(buf, 0, 4);
	return buf->len;
}

static void
check_size(Size len)
{
	if (len > MLOPS_MAX_MODEL)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("model has %zu bytes, but at most %zu can be stored",
						len, MLOPS_MAX_MODEL)));
}

static void
end_section(StringInfo buf, int start)
{
	uint32		n = (uint32) (buf->len - start);
	int			i;

	check_size(buf->len);
	for (i = 0; i < 4; i++)
		buf->data[start - 4 + i] = (char) ((n >> (8 * i)) & 0xff);
}

static void
put_facts(StringInfo buf, Jsonb *facts)
{
	int			start = begin_section(buf, TAG_FACTS);
	char	   *text = JsonbToCString(NULL, &facts->root, VARSIZE(facts));

	mlops_text_send(buf, text, strlen(text));
	pfree(text);
	if ((Size) (buf->len - start) > MLOPS_MAX_FACTS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("facts of the model have %d bytes, but at most %zu can be stored",
						buf->len - start, MLOPS_MAX_FACTS)));
	end_section(buf, start);
}

struct varlena *
mlops_model_pack(MlModel *model)
{
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext,
											   "mlops pack", ALLOCSET_DEFAULT_SIZES);
	MemoryContext result = MemoryContextSwitchTo(work);
	StringInfoData content;
	StringInfoData out;
	int			start;

	initStringInfo(&content);
	put_preamble(&content, model->algo);
	start = begin_section(&content, TAG_SIGNATURE);
	mlops_signature_send(model->sig, &content);
	end_section(&content, start);
	if (model->facts != NULL)
		put_facts(&content, model->facts);
	start = begin_section(&content, TAG_BODY);
	model->algo->body_send(model->sig, model->body, &content);
	end_section(&content, start);
	if (model->reference != NULL)
	{
		start = begin_section(&content, TAG_REFERENCE);
		mlops_reference_put(&content, model->reference);
		end_section(&content, start);
	}

	hash_content(content.data, content.len, model->hash);
	model->content_len = content.len;
	model->format_version = MLOPS_FORMAT_VERSION;

	MemoryContextSwitchTo(result);
	initStringInfo(&out);
	appendStringInfoSpaces(&out, VARHDRSZ);
	appendBinaryStringInfo(&out, (const char *) magic, sizeof(magic));
	put_preamble(&out, model->algo);
	mlops_put_uint(&out, content.len, 8);
	appendBinaryStringInfo(&out, (const char *) model->hash, MLOPS_HASH_LEN);
	MemoryContextSwitchTo(work);
	compress_content(content.data, content.len, &out);
	MemoryContextSwitchTo(result);
	MemoryContextDelete(work);

	check_size(out.len - VARHDRSZ);
	SET_VARSIZE(out.data, out.len);
	return (struct varlena *) out.data;
}

/* unpacking */

static Jsonb *
recv_facts(const char *p, Size len)
{
	MemoryContext context = CurrentMemoryContext;
	volatile Datum facts = (Datum) 0;
	char	   *text;
	int			text_len;

	ML_CHECK_BYTES(len <= MLOPS_MAX_FACTS, "its facts are too long");
	text = mlops_text_recv(p, (int) len, &text_len);
	PG_TRY();
	{
		facts = DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
	}
	PG_CATCH();
	{
		int			category = ERRCODE_TO_CATEGORY(geterrcode());

		/* syntax, a number's range, nesting; not a cancel or lack of memory */
		MemoryContextSwitchTo(context);
		if (category != ERRCODE_DATA_EXCEPTION &&
			category != ERRCODE_TO_CATEGORY(ERRCODE_PROGRAM_LIMIT_EXCEEDED))
			PG_RE_THROW();
		FlushErrorState();
		ML_CHECK_BYTES(false, "its facts are not JSON");
	}
	PG_END_TRY();
	pfree(text);
	ML_CHECK_BYTES(JB_ROOT_IS_OBJECT(DatumGetJsonbP(facts)),
				   "its facts are not a JSON object");
	return DatumGetJsonbP(facts);
}

/*
 * Let the algorithm read its body.  Its reader may use libpq's pq_getmsg
 * functions, whose complaints become damage.
 */
static void *
recv_body(MlModel *model, StringInfo body, uint16 version)
{
	MemoryContext context = CurrentMemoryContext;
	void	   *volatile result = NULL;

	PG_TRY();
	{
		result = model->algo->body_recv(model->sig, body, version);
	}
	PG_CATCH();
	{
		int			category = ERRCODE_TO_CATEGORY(geterrcode());

		MemoryContextSwitchTo(context);
		if (category != ERRCODE_DATA_EXCEPTION &&
			category != ERRCODE_TO_CATEGORY(ERRCODE_PROTOCOL_VIOLATION))
			PG_RE_THROW();
		FlushErrorState();
		ML_CHECK_BYTES(false, "its body cannot be read");
	}
	PG_END_TRY();
	ML_CHECK_BYTES(body->cursor == body->len, "bytes are left over after its body");
	return result;
}

/* A cursor over the next section's bytes; its tag goes to *tag. */
static void
next_section(StringInfo content, const char **tag, StringInfo section)
{
	Size		len;

	*tag = mlops_get_bytes(content, TAG_LEN);
	len = (Size) mlops_get_uint(content, 4);
	memset(section, 0, sizeof(*section));
	section->data = unconstify(char *, mlops_get_bytes(content, len));
	section->len = (int) len;
}

/* Everything after the preamble, but the reference only if it is asked for.  Runs in the model's context. */
static void
read_sections(MlModel *model, StringInfo content, uint16 body_version, bool whole)
{
	StringInfoData section;
	StringInfoData body;
	StringInfoData reference;
	const char *tags[MLOPS_MAX_SECTIONS];
	int			n = 0;
	int			i;

	memset(&body, 0, sizeof(body));
	memset(&reference, 0, sizeof(reference));
	while (mlops_bytes_left(content) > 0)
	{
		const char *tag;

		CHECK_FOR_INTERRUPTS();
		ML_CHECK_BYTES(n < MLOPS_MAX_SECTIONS, "it has too many sections");
		next_section(content, &tag, &section);
		for (i = 0; i < n; i++)
			ML_CHECK_BYTES(memcmp(tags[i], tag, TAG_LEN) != 0,
						   "a section occurs twice");
		tags[n++] = tag;

		if (memcmp(tag, TAG_SIGNATURE, TAG_LEN) == 0)
		{
			model->sig = mlops_signature_recv(&section);
			ML_CHECK_BYTES(section.cursor == section.len,
						   "bytes are left over after its signature");
		}
		else if (memcmp(tag, TAG_FACTS, TAG_LEN) == 0)
			model->facts = recv_facts(section.data, section.len);
		else if (memcmp(tag, TAG_BODY, TAG_LEN) == 0)
			body = section;
		else if (memcmp(tag, TAG_REFERENCE, TAG_LEN) == 0)
			reference = section;
		else
		{
			for (i = 0; i < TAG_LEN; i++)
				ML_CHECK_BYTES((tag[i] >= 'A' && tag[i] <= 'Z') ||
							   (tag[i] >= 'a' && tag[i] <= 'z'),
							   "a section's tag is wrong");
			if (tag[0] <= 'Z')
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("model has a section of kind \"%.4s\", which this version of mlops does not know",
								tag),
						 errhint("Update the extension mlops.")));
		}
	}
	ML_CHECK_BYTES(model->sig != NULL, "it has no signature");
	ML_CHECK_BYTES(body.data != NULL, "it has no body");
	ML_CHECK_BYTES(model->sig->task == ML_TASK_REGRESSION ?
				   model->algo->does_regression :
				   model->algo->does_classification,
				   "its algorithm does not do its task");
	model->body = recv_body(model, &body, body_version);
	if (whole && reference.data != NULL)
		model->reference = mlops_reference_get(&reference, model->sig);
}

static MlModel *
unpack(const struct varlena *datum, MemoryContext parent, bool whole)
{
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext,
											   "mlops unpack", ALLOCSET_DEFAULT_SIZES);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "mlops model", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(work);
	struct varlena *plain;
	StringInfoData content;
	Header		h;
	const char *p;
	Size		len;
	uint8		hash[MLOPS_HASH_LEN];
	MlModel    *model = MemoryContextAllocZero(context, sizeof(MlModel));

	plain = pg_detoast_datum_packed(unconstify(struct varlena *, datum));
	p = VARDATA_ANY(plain);
	len = VARSIZE_ANY_EXHDR(plain);
	check_size(len);
	read_header(p, len, &h);
	model->context = context;
	model->algo = find_algo(&h);
	model->content_len = (Size) h.content_len;
	model->format_version = h.version;
	memcpy(model->hash, h.hash, MLOPS_HASH_LEN);

	initStringInfo(&content);
	decompress_content(p + HEADER_LEN, len - HEADER_LEN, h.content_len, &content);
	hash_content(content.data, content.len, hash);
	ML_CHECK_BYTES(memcmp(hash, h.hash, MLOPS_HASH_LEN) == 0,
				   "its checksum does not match");
	ML_CHECK_BYTES(memcmp(mlops_get_bytes(&content, PREAMBLE_LEN),
						  p + HEADER_VERSION, PREAMBLE_LEN) == 0,
				   "its header and its content do not belong together");

	MemoryContextSwitchTo(context);
	read_sections(model, &content, h.body_version, whole);

	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
	MemoryContextSetParent(context, parent);
	return model;
}

MlModel *
mlops_model_unpack(const struct varlena *datum, MemoryContext parent)
{
	return unpack(datum, parent, false);
}

MlModel *
mlops_model_unpack_whole(const struct varlena *datum, MemoryContext parent)
{
	return unpack(datum, parent, true);
}

struct MlReference *
mlops_model_reference(Datum artifact, MlModel **model)
{
	*model = mlops_model_unpack_whole((struct varlena *) DatumGetPointer(artifact),
									  CurrentMemoryContext);
	return (*model)->reference;
}

void
mlops_model_validate(const struct varlena *datum)
{
	MlModel    *model = mlops_model_unpack_whole(datum, CurrentMemoryContext);

	MemoryContextDelete(model->context);
}

void
mlops_model_peek(Datum datum, uint8 hash[MLOPS_HASH_LEN])
{
	struct varlena *stored = (struct varlena *) DatumGetPointer(datum);
	struct varlena *slice = stored;
	Header		h;

	if (VARATT_IS_EXTERNAL(stored) || VARATT_IS_COMPRESSED(stored))
		slice = PG_DETOAST_DATUM_SLICE(datum, 0, HEADER_LEN);
	read_header(VARDATA_ANY(slice), VARSIZE_ANY_EXHDR(slice), &h);
	memcpy(hash, h.hash, MLOPS_HASH_LEN);
	if (slice != stored)
		pfree(slice);
}
