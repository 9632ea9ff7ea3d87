/*-------------------------------------------------------------------------
 *
 * evidence.c
 *	  What is known of a version: its artifact's hash, metrics, facts, who
 *	  trained it, and the model's card.
 *
 * IDENTIFICATION
 *	  src/lifecycle/evidence.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"

#include "mlops/lifecycle.h"
#include "mlops/model.h"

#include "lifecycle_private.h"

MlActor
mlops_actor_of(int row, int first)
{
	MlActor		actor;
	int64		system = DatumGetInt64(mlops_write_result(row, first + 2));

	actor.role = mlops_stored_role(DatumGetObjectId(mlops_write_result(row, first)),
								   NameStr(*DatumGetName(mlops_write_result(row, first + 1))),
								   system);
	actor.session = mlops_stored_role(DatumGetObjectId(mlops_write_result(row, first + 3)),
									  NameStr(*DatumGetName(mlops_write_result(row, first + 4))),
									  system);
	return actor;
}

MlActor
mlops_actor_current(const MlWriter *w)
{
	MlActor		actor;

	actor.role = w->role;
	actor.session = GetSessionUserId();
	return actor;
}

void
mlops_write_actor(MlWriter *w)
{
	mlops_write_role(w, w->role);
	mlops_write_oid(w, GetSessionUserId());
	mlops_write_name(w, GetUserNameFromId(GetSessionUserId(), false));
}

static void
load_card(MlWriter *w, int64 model_id, MlEvidence *out)
{
	out->card_revision = 0;
	out->card = NULL;
	out->editor.role = out->editor.session = InvalidOid;
	mlops_write_int8(w, model_id);
	if (mlops_write_run(w, "SELECT revision, content, editor_oid, edited_by, editor_system,"
						" editor_session_oid, editor_session"
						" FROM mlops_private.card WHERE model_id = $1"
						" ORDER BY revision DESC LIMIT 1") == 0)
		return;
	out->card_revision = DatumGetInt32(mlops_write_result(0, 1));
	out->card = DatumGetJsonbPCopy(mlops_write_result(0, 2));
	out->editor = mlops_actor_of(0, 3);
}

bool
mlops_evidence_load(MlWriter *w, int64 model_id, int version, MlEvidence *out)
{
	mlops_write_int8(w, model_id);
	mlops_write_int4(w, version);
	if (mlops_write_run(w, "SELECT artifact,"
						" sha256(convert_to(metrics::text || facts::text, CASE getdatabaseencoding()"
						" WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END)),"
						" metrics, facts,"
						" (extract(epoch FROM clock_timestamp() - trained_at) / 86400)::float8,"
						" coalesce(metrics ->> 'on' = 'holdout', false),"
						" trainer_oid, trained_by, trainer_system,"
						" trainer_session_oid, trainer_session"
						" FROM mlops_private.version WHERE model_id = $1 AND version = $2") == 0)
		return false;
	mlops_model_peek(mlops_write_result(0, 1), out->hash);
	out->evidence_hash = DatumGetByteaPCopy(mlops_write_result(0, 2));
	out->metrics = DatumGetJsonbPCopy(mlops_write_result(0, 3));
	out->facts = DatumGetJsonbPCopy(mlops_write_result(0, 4));
	out->age = DatumGetFloat8(mlops_write_result(0, 5));
	out->on_holdout = DatumGetBool(mlops_write_result(0, 6));
	out->trainer = mlops_actor_of(0, 7);
	load_card(w, model_id, out);
	return true;
}

static bool
same_role(Oid a, Oid b)
{
	return OidIsValid(a) && a == b;
}

bool
mlops_actor_same(const MlActor *a, const MlActor *b)
{
	return same_role(a->role, b->role) || same_role(a->role, b->session) ||
		same_role(a->session, b->role) || same_role(a->session, b->session);
}
