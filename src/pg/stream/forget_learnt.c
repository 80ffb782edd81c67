/*
 * forget_learnt.c: deletes the observed events that a training has learnt from its source.
 *
 * An application observes an event and inserts it into the source, too.  A training that has read
 * the row leaves the event to no later refresh: publish.c calls this before the new version is
 * committed.
 */
#include "pg/stream/forget_learnt.h"

#include "utils/snapmgr.h"

#include "pg/stream/pending.h"
#include "pg/model/window.h"

/*
 * An event of the window is learnt if the window has its fingerprint.  An event from before the
 * window came later than the option lateness allows for, and has none: it counts as learnt if the
 * user has had the item.
 */
static bool IsLearnt(void *arg, const PendingEvent *event)
{
    const Collected *c = arg;
    uint32 user, item;

    if (event->time >= WindowStart(c->window))
        return WindowCount(c->window, FingerprintOf(event->user, event->item, event->time).key) > 0;
    user = IdListFind(&c->users, event->user);
    item = IdListFind(&c->items, event->item);
    return user != UNKNOWN_ID && item != UNKNOWN_ID && InteractionsContain(&c->data, user, item);
}

static bool IsKnownItem(void *arg, Id item)
{
    const Collected *c = arg;

    return IdListFind(&c->items, item) != UNKNOWN_ID;
}

void ForgetLearnt(Oid relid, const Collected *learnt)
{
    PendingTests tests = {IsLearnt, IsKnownItem, (void *)learnt};
    ModelTable table;
    Header kinds;

    if (learnt->window == NULL)
        return;
    kinds = (Header){.user_kind = learnt->users.kind,
                     .item_kind = learnt->items.kind,
                     .time_type = learnt->window->time_type};
    ModelTableOpenOwned(relid, &table);
    PushActiveSnapshot(GetLatestSnapshot());
    PendingForget(&table, &kinds, &tests);
    PopActiveSnapshot();
    ModelTableClose(&table);
}
