/* compat.h: differences between PostgreSQL 14 and 18, and checked allocation. */
#ifndef RECADV_PG_BASE_COMPAT_H
#define RECADV_PG_BASE_COMPAT_H

#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/acl.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/regproc.h"
#include "utils/relcache.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h" /* no part of postgres.h any more */
#endif

#if PG_VERSION_NUM < 140000
#error "recadv needs PostgreSQL 14 or later"
#endif

/* PostgreSQL 15 reserves the prefix of an extension's settings; 14 only warns. */
#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* PostgreSQL 16 folded the ownership checks into one. */
#if PG_VERSION_NUM >= 160000
#define RelationOwnedBy(relid, role) object_ownercheck(RelationRelationId, relid, role)
#define SchemaUsable(schema, role)                                                                 \
    (object_aclcheck(NamespaceRelationId, schema, role, ACL_USAGE) == ACLCHECK_OK)
#else
#define RelationOwnedBy(relid, role) pg_class_ownercheck(relid, role)
#define SchemaUsable(schema, role)   (pg_namespace_aclcheck(schema, role, ACL_USAGE) == ACLCHECK_OK)
#endif

#if PG_VERSION_NUM >= 180000
#define PrimaryKeyOf(relation) RelationGetPrimaryKeyIndex(relation, false)
#else
static inline Oid PrimaryKeyOf(Relation relation)
{
    RelationGetIndexList(relation);
    return relation->rd_pkindex;
}
#endif

/*
 * Before PostgreSQL 16 only superusers could create subscriptions, which write with their rights;
 * now with those of who owns the table.
 */
#if PG_VERSION_NUM >= 160000
#define MaySubscribe(role)         has_privs_of_role(role, ROLE_PG_CREATE_SUBSCRIPTION)
#define SUBSCRIBER_HINT            "GRANT pg_create_subscription to the role that subscribes."
#define SUBSCRIPTION_ACTS_AS_OWNER true
#else
#define MaySubscribe(role)         superuser_arg(role)
#define SUBSCRIBER_HINT            "A superuser creates subscriptions."
#define SUBSCRIPTION_ACTS_AS_OWNER false
#endif

/* PostgreSQL 16 can report the errors of a name softly. */
#if PG_VERSION_NUM >= 160000
#define NamesOfText(text) stringToQualifiedNameList(text, NULL)
#else
#define NamesOfText(text) stringToQualifiedNameList(text)
#endif

/* PostgreSQL 17 asks statistics, too. */
#if PG_VERSION_NUM >= 170000
#define EstimatedLength(root, array) estimate_array_length(root, array)
#else
#define EstimatedLength(root, array) ((double)estimate_array_length(array))
#endif

/* count * size bytes, failing on overflow; may pass 1 GB. */
#define AllocateArray(context, type, count)                                                        \
    ((type *)MemoryContextAllocHuge(context, mul_size(sizeof(type), count)))

/* For kernels that want whole cache lines; freed with its context. */
static inline void *AllocateAligned(MemoryContext context, Size bytes)
{
    return (void *)TYPEALIGN(64, MemoryContextAllocHuge(context, add_size(bytes, 64)));
}

/* rows x stride floats, aligned so, in the current context. */
static inline float *AllocateFloats(Size rows, Size stride)
{
    return AllocateAligned(CurrentMemoryContext, mul_size(mul_size(rows, stride), sizeof(float)));
}

/* Like palloc, for `count` elements in the current context. */
#define PallocArray(type, count) AllocateArray(CurrentMemoryContext, type, count)

#endif
