/*-------------------------------------------------------------------------
 *
 * utility_hook.c
 *	  Commands that want a database, or the extension, for themselves.
 *
 * DROP DATABASE and the like wait five seconds for other sessions to go and
 * then fail, and a worker that is one of them may be new every time.  So the
 * database is held: no worker is started in it, those that are there are asked
 * to leave, and the command begins.  What they did is rolled back and stays
 * due.  The same for commands that drop or change the extension.  DROP OWNED
 * would wait for locks that a job of the role has while the job waits for
 * theirs: that role's workers leave and are not started for some seconds, and
 * nobody else's are kept from anything, as every role can drop what it owns.
 *
 * A hold ends with the command, or where that can be rolled back with the
 * transaction; or with the session.  Who may not do what he asks for holds
 * nothing.
 *
 * IDENTIFICATION
 *	  src/worker/utility_hook.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/ipc.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "mlops/base.h"
#include "mlops/store.h"

#include "worker_private.h"

#define STEP_MS			20
#define SIGNAL_MS		500		/* ask again */
#define TERMINATE_MS	2500	/* then insist */
#define WAIT_MS			5000	/* and then let the command see for itself */
#define PAUSE_SECONDS	5		/* of roles whose workers have left */

static ProcessUtility_hook_type previous_utility = NULL;

typedef struct Hold
{
	Oid			database;		/* InvalidOid: none is needed */
	List	   *roles;			/* only workers of these, for some seconds; NIL: all */
	bool		to_the_end;		/* of the transaction */
} Hold;

/* of this session; a command that is not at the end of its transaction is alone in it */
static Oid	held[8];
static int	nheld = 0;
static bool held_to_the_end = false;

static void
release(void)
{
	if (nheld == 0)
		return;
	LWLockAcquire(mlops_worker_shared->lock, LW_EXCLUSIVE);
	while (nheld > 0)
	{
		WorkerDb   *db = mlops_worker_find_database(held[--nheld], false);

		if (db == NULL)
			continue;
		db->holds--;
		db->look_at = 0;
	}
	mlops_worker_wake_launcher();
	LWLockRelease(mlops_worker_shared->lock);
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (held_to_the_end &&
		(event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE))
		release();
}

static void
at_exit(int code, Datum arg)
{
	release();
}

/* Does the worker stand in the way? */
static bool
is_meant(const Hold *hold, const WorkerSlot *slot)
{
	return slot->phase != WORKER_FREE && slot->database == hold->database && slot->pid != MyProcPid &&
		(hold->roles == NIL || list_member_oid(hold->roles, slot->role));
}

/* Ask the workers to leave, and wait until they have. */
static void
clear_out(const Hold *hold)
{
	for (int waited = 0; waited <= WAIT_MS; waited += STEP_MS)
	{
		int			n = 0;

		LWLockAcquire(mlops_worker_shared->lock, LW_EXCLUSIVE);
		for (int i = 0; i < WORKER_SLOTS; i++)
		{
			WorkerSlot *slot = &mlops_worker_shared->slots[i];

			if (!is_meant(hold, slot))
				continue;
			n++;
			slot->leave = true;
			if (hold->roles != NIL)
				mlops_worker_pause(slot->database, slot->role, PAUSE_SECONDS);
			/* it gives the slot back under the lock, so this is its number */
			if (slot->pid != 0 && waited % SIGNAL_MS == 0)
				(void) kill(slot->pid, waited < TERMINATE_MS ? SIGINT : SIGTERM);
		}
		LWLockRelease(mlops_worker_shared->lock);
		if (n == 0)
			return;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, STEP_MS,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

static void
take_hold(const Hold *hold)
{
	static bool registered = false;
	WorkerDb   *db;

	if (hold->roles != NIL)
	{
		clear_out(hold);
		return;
	}
	if (nheld == lengthof(held))
		return;
	if (!registered)
	{
		RegisterXactCallback(at_transaction_end, NULL);
		before_shmem_exit(at_exit, 0);
	}
	registered = true;
	held_to_the_end = hold->to_the_end;
	LWLockAcquire(mlops_worker_shared->lock, LW_EXCLUSIVE);
	db = mlops_worker_find_database(hold->database, true);
	if (db)
	{
		db->holds++;
		held[nheld++] = hold->database;
	}
	LWLockRelease(mlops_worker_shared->lock);
	if (db)
		clear_out(hold);
}

/* A database of the current user's, or InvalidOid. */
static Oid
own_database(const char *name)
{
	Oid			database = get_database_oid(name, true);

	return OidIsValid(database) && mlops_owns_database(database, GetUserId()) ? database : InvalidOid;
}

/* This one, if the current user may drop the extension. */
static Oid
own_extension(void)
{
	if (OidIsValid(get_extension_oid("mlops", true)) &&
		has_privs_of_role(GetUserId(), mlops_extension_owner()))
		return MyDatabaseId;
	return InvalidOid;
}

static bool
is_ours(List *extensions)
{
	ListCell   *lc;

	foreach(lc, extensions)
		if (strcmp(strVal(lfirst(lc)), "mlops") == 0)
			return true;
	return false;
}

static const char *
option_of(List *options, const char *name)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *option = lfirst(lc);

		if (strcmp(option->defname, name) == 0 && option->arg)
			return defGetString(option);
	}
	return NULL;
}

/* The roles whose objects go; with the extension's owner among them all workers are in the way. */
static void
hold_for_drop_owned(const DropOwnedStmt *stmt, Hold *hold)
{
	ListCell   *lc;

	if (!OidIsValid(get_extension_oid("mlops", true)))
		return;
	foreach(lc, stmt->roles)
	{
		Oid			role = get_rolespec_oid(lfirst(lc), true);

		if (!OidIsValid(role) || !has_privs_of_role(GetUserId(), role))
			return;
		hold->roles = lappend_oid(hold->roles, role);
	}
	if (list_member_oid(hold->roles, mlops_extension_owner()))
		hold->roles = NIL;
	hold->database = MyDatabaseId;
}

/* What the command needs. */
static Hold
hold_of(Node *parsetree)
{
	Hold		hold = {InvalidOid, NIL, false};

	switch (nodeTag(parsetree))
	{
		case T_DropdbStmt:
			hold.database = own_database(((DropdbStmt *) parsetree)->dbname);
			break;
		case T_CreatedbStmt:
			{
				const char *source = option_of(((CreatedbStmt *) parsetree)->options, "template");

				hold.database = own_database(source ? source : "template1");
				break;
			}
		case T_AlterDatabaseStmt:
			if (option_of(((AlterDatabaseStmt *) parsetree)->options, "tablespace"))
				hold.database = own_database(((AlterDatabaseStmt *) parsetree)->dbname);
			break;
		case T_RenameStmt:
			if (((RenameStmt *) parsetree)->renameType == OBJECT_DATABASE)
				hold.database = own_database(((RenameStmt *) parsetree)->subname);
			hold.to_the_end = true;
			break;
		case T_DropStmt:
			if (((DropStmt *) parsetree)->removeType == OBJECT_EXTENSION &&
				is_ours(((DropStmt *) parsetree)->objects))
				hold.database = own_extension();
			hold.to_the_end = true;
			break;
		case T_AlterExtensionStmt:
			if (strcmp(((AlterExtensionStmt *) parsetree)->extname, "mlops") == 0)
				hold.database = own_extension();
			hold.to_the_end = true;
			break;
		case T_DropOwnedStmt:
			hold_for_drop_owned((DropOwnedStmt *) parsetree, &hold);
			hold.to_the_end = true;
			break;
		default:
			break;
	}
	return hold;
}

/* The command itself. */
static void
run(PlannedStmt *pstmt, const char *query, bool read_only_tree, ProcessUtilityContext context,
	ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	if (previous_utility)
		previous_utility(pstmt, query, read_only_tree, context, params, environment, dest, completion);
	else
		standard_ProcessUtility(pstmt, query, read_only_tree, context, params, environment, dest, completion);
}

/* CREATE EXTENSION, of this one or of one that needs it. */
static void
create_extension(PlannedStmt *pstmt, const char *query, bool read_only_tree, ProcessUtilityContext context,
				 ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest,
				 QueryCompletion *completion)
{
	bool		was_there = OidIsValid(get_extension_oid("mlops", true));

	run(pstmt, query, read_only_tree, context, params, environment, dest, completion);
	if (!was_there && OidIsValid(get_extension_oid("mlops", true)))
		mlops_wake_at_commit(MLOPS_WAKE_EXTENSION);
}

static void
process(PlannedStmt *pstmt, const char *query, bool read_only_tree, ProcessUtilityContext context,
		ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	Node	   *parsetree = pstmt->utilityStmt;
	Hold		hold = {InvalidOid, NIL, false};

	if (IsA(parsetree, CreateExtensionStmt))
	{
		create_extension(pstmt, query, read_only_tree, context, params, environment, dest, completion);
		return;
	}
	if (mlops_worker_shared && IsTransactionState() && !RecoveryInProgress())
		hold = hold_of(parsetree);
	if (!OidIsValid(hold.database))
	{
		run(pstmt, query, read_only_tree, context, params, environment, dest, completion);
		return;
	}
	PG_TRY();
	{
		take_hold(&hold);
		run(pstmt, query, read_only_tree, context, params, environment, dest, completion);
	}
	PG_FINALLY();
	{
		if (!hold.to_the_end)
			release();
	}
	PG_END_TRY();
}

void
mlops_worker_hook_init(void)
{
	previous_utility = ProcessUtility_hook;
	ProcessUtility_hook = process;
}
