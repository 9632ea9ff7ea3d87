/*-------------------------------------------------------------------------
 *
 * audit_record.c
 *	  The bytes of an audit record, and their hash.
 *
 * Only the fields' binary values enter, never their text form: that changes
 * with TimeZone, DateStyle and the like.  Strings enter as UTF-8 whatever the
 * database's encoding is, so that a chain can be checked after a restore into
 * another encoding; in SQL_ASCII, which has no encoding, they enter as they
 * are.
 *
 * IDENTIFICATION
 *	  src/gov/audit_record.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/cryptohash.h"
#include "common/hmac.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/timestamp.h"

#include "audit_record.h"

#define FORMAT_VERSION	1
#define NULL_LENGTH		0xffffffff

/* from PostgreSQL's epoch to Unix's */
#define UNIX_OFFSET		((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

struct MlAuditHasher
{
	pg_cryptohash_ctx *sha;
	pg_hmac_ctx *hmac;
	StringInfoData record;
};

MlAuditHasher *
mlops_audit_hasher_begin(void)
{
	MlAuditHasher *hasher = palloc(sizeof(MlAuditHasher));

	hasher->sha = pg_cryptohash_create(PG_SHA256);
	hasher->hmac = pg_hmac_create(PG_SHA256);
	if (hasher->sha == NULL || hasher->hmac == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	initStringInfo(&hasher->record);
	return hasher;
}

void
mlops_audit_hasher_end(MlAuditHasher *hasher)
{
	pg_cryptohash_free(hasher->sha);
	pg_hmac_free(hasher->hmac);
	pfree(hasher->record.data);
	pfree(hasher);
}

static void
sha256(MlAuditHasher *hasher, uint8 *out)
{
	if (pg_cryptohash_init(hasher->sha) < 0 ||
		pg_cryptohash_update(hasher->sha, (const uint8 *) hasher->record.data,
							 hasher->record.len) < 0 ||
		pg_cryptohash_final(hasher->sha, out, MLOPS_AUDIT_HASH) < 0)
		elog(ERROR, "could not compute SHA-256: %s",
			 pg_cryptohash_error(hasher->sha));
}

void
mlops_audit_genesis(MlAuditHasher *hasher, const uint8 *chain, uint8 *out)
{
	resetStringInfo(&hasher->record);
	appendStringInfoString(&hasher->record, "mlops-audit-v1");
	appendBinaryStringInfo(&hasher->record, (const char *) chain, UUID_LEN);
	sha256(hasher, out);
}

void
mlops_audit_commitment(MlAuditHasher *hasher, const uint8 *salt,
					   const void *payload, int len, uint8 *out)
{
	if (pg_hmac_init(hasher->hmac, salt, MLOPS_AUDIT_HASH) < 0 ||
		pg_hmac_update(hasher->hmac, payload, len) < 0 ||
		pg_hmac_final(hasher->hmac, out, MLOPS_AUDIT_HASH) < 0)
		elog(ERROR, "could not compute HMAC-SHA-256: %s",
			 pg_hmac_error(hasher->hmac));
}

static void
put_text(StringInfo buf, const MlAuditText *text)
{
	const char *utf8 = text->data;
	int			len = text->len;

	if (text->data == NULL)
	{
		pq_sendint32(buf, NULL_LENGTH);
		return;
	}
	if (GetDatabaseEncoding() != PG_UTF8 && GetDatabaseEncoding() != PG_SQL_ASCII)
	{
		utf8 = pg_server_to_any(text->data, text->len, PG_UTF8);
		if (utf8 != text->data)
			len = strlen(utf8);
	}
	pq_sendint32(buf, len);
	appendBinaryStringInfo(buf, utf8, len);
	if (utf8 != text->data)
		pfree(unconstify(char *, utf8));
}

void
mlops_audit_hash(MlAuditHasher *hasher, const uint8 *prev,
				 const MlAuditRecord *record, uint8 *out)
{
	StringInfo	buf = &hasher->record;

	resetStringInfo(buf);
	pq_sendbyte(buf, FORMAT_VERSION);
	appendBinaryStringInfo(buf, (const char *) prev, MLOPS_AUDIT_HASH);
	pq_sendint64(buf, record->seq);
	pq_sendint64(buf, record->at + UNIX_OFFSET);
	pq_sendint32(buf, record->actor_oid);
	put_text(buf, &record->actor);
	put_text(buf, &record->session_role);
	put_text(buf, &record->action);
	put_text(buf, &record->kind);
	put_text(buf, &record->object);
	put_text(buf, &record->outcome);
	appendBinaryStringInfo(buf, (const char *) record->commitment, MLOPS_AUDIT_HASH);
	sha256(hasher, out);
}
