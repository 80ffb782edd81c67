/*
 * trust.c: nothing that the owner of a model wrote runs with rights that the owner lacks.
 *
 * For recadv_refresh() and seen => 'live', which read the source that the model names (a training
 * reads the source that its caller names), and for the statements that write a model's table.
 */
#include "pg/model/trust.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/guc.h"

#include "pg/base/settings.h"

void ActAsOwner(const ModelTable *table, Caller *caller)
{
    GetUserIdAndSecContext(&caller->user, &caller->context);
    SetUserIdAndSecContext(table->relation->rd_rel->relowner,
                           caller->context | SECURITY_RESTRICTED_OPERATION);
    caller->settings = NewGUCNestLevel();
}

void ActAsCaller(const Caller *caller)
{
    if (caller->settings > 0)
        AtEOXact_GUC(false, caller->settings);
    SetUserIdAndSecContext(caller->user, caller->context);
}

bool OwnerIsTrusted(const ModelTable *table)
{
    return recadv_trust_model_owners ||
           has_privs_of_role(table->relation->rd_rel->relowner, GetUserId());
}

static void __attribute__((noreturn)) FailUntrusted(const ModelTable *table, const char *hint)
{
    char *owner = GetUserNameFromId(table->relation->rd_rel->relowner, false);

    ereport(ERROR,
            (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
             errmsg("the source of model \"%s\" is not read with your rights", table->store.name),
             errdetail("It may run code of \"%s\", the owner of the model, who lacks some of them.",
                       owner),
             errhint("%s  A superuser can SET recadv.trust_model_owners for those who trust the "
                     "owners of the models that they use.",
                     hint)));
}

void TakeSourceRights(const ModelTable *table, const char *hint, Caller *caller)
{
    GetUserIdAndSecContext(&caller->user, &caller->context);
    caller->settings = 0;
    if (OwnerIsTrusted(table))
        return;
    if (!is_member_of_role_nosuper(caller->user, table->relation->rd_rel->relowner))
        FailUntrusted(table, hint);
    ActAsOwner(table, caller);
}
