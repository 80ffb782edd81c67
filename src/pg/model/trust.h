/*
 * trust.h: with whose rights the source is read that a model names.
 *
 * The owner of a model says what its source is, and a view or a query can run any code.  What reads
 * it runs for somebody else: who refreshes the model, or asks for what is in the source now.
 */
#ifndef RECADV_PG_MODEL_TRUST_H
#define RECADV_PG_MODEL_TRUST_H

#include "pg/model/table.h"

/* Who the caller was before. */
typedef struct Caller {
    Oid user;
    int context;
    int settings; /* nesting level of those that end with the owner's rights; 0: none do */
} Caller;

/*
 * The owner's rights, in a security-restricted operation.  Settings that are changed meanwhile,
 * such as the caller's search_path by a function of the owner's, end with it; an error restores the
 * caller and the settings.
 */
extern void ActAsOwner(const ModelTable *table, Caller *caller);
extern void ActAsCaller(const Caller *caller);

/* Could the owner do all that the caller can, anyway?  Or does recadv.trust_model_owners say so? */
extern bool OwnerIsTrusted(const ModelTable *table);

/*
 * Takes the rights with which the source is read: the caller's own where the owner is trusted, the
 * owner's where the caller has been granted that role.  Fails for others; `hint` says what they can
 * do.
 */
extern void TakeSourceRights(const ModelTable *table, const char *hint, Caller *caller);

#endif
