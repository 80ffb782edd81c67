/*
 * warm.c: loads the rows of a stored version and copies them into a model about to be trained.
 *
 * A training with the option warm_start calls it, to go on from what the version that serves has
 * learnt.
 */
#include "pg/train/warm.h"

#include "pg/base/backend.h"
#include "pg/base/settings.h"
#include "pg/model/dictionary.h"
#include "pg/model/parts.h"

struct WarmStart {
    MemoryContext context; /* of all of it */
    Model model;
    IdList users;
    IdList items;
};

Size WarmStartMemory(const Model *model)
{
    return SizeAdd(ModelMemory(model), ((Size)model->users + model->items) * sizeof(int64));
}

static bool IsAlike(const Part *a, const Part *b)
{
    return a->axis == b->axis && a->columns == b->columns && a->stride == b->stride;
}

/* Zero where it is missing: a number that only some options have chosen. */
static bool IsLoneNumber(const Part *part)
{
    return part->axis == AXIS_SHARED && part->rows == 1 && part->columns == 1;
}

static char *Difference(const Part *is, const Part *asked)
{
    if (is->axis != asked->axis)
        return psprintf("Part \"%s\" is of another kind", is->name);
    return psprintf("Rows of part \"%s\" have %u numbers there, and %u with these options",
                    is->name, is->columns, asked->columns);
}

static const Part *FindPart(const Model *model, const char *name)
{
    for (int i = 0; i < model->parts; i++)
        if (strcmp(model->part[i].name, name) == 0)
            return &model->part[i];
    return NULL;
}

/* The first part of a model that cannot be that of another; NULL: there is none. */
static char *OtherPart(const Model *model, const Model *other)
{
    for (int i = 0; i < model->parts; i++) {
        const Part *part = &model->part[i], *match = FindPart(other, part->name);

        if (match == NULL && !IsLoneNumber(part))
            return psprintf("Only one of the two has a part \"%s\"", part->name);
        if (match != NULL && !IsAlike(part, match))
            return Difference(part, match);
    }
    return NULL;
}

/*
 * Same algorithm, same parts, same widths: rows can be taken over; lone numbers may be missing.
 * NULL: so it is; otherwise what is not.
 */
static char *Misfit(const Model *model, const Algorithm *algorithm, const void *options)
{
    Model wanted;
    void *settled;
    char *other;

    if (model->algorithm != algorithm)
        return psprintf("Its algorithm is \"%s\"", model->algorithm->name);
    settled = palloc(algorithm->options_size);
    memcpy(settled, options, algorithm->options_size);
    ModelSettle(model, settled);
    ModelLayout(&wanted, algorithm, settled, model->users, model->items);
    other = OtherPart(model, &wanted);
    return other != NULL ? other : OtherPart(&wanted, model);
}

static void Load(ModelStore *store, const Header *header, WarmStart *warm)
{
    BackendHost backend;
    Dictionary dictionary;

    BackendHostInit(&backend, warm->context, "recadv_train");
    ModelAllocate(&backend.host, &warm->model);
    for (int i = 0; i < warm->model.parts; i++)
        ReadPart(store, &warm->model, &warm->model.part[i]);
    DictionaryOpen(store, header, AXIS_USER, &dictionary);
    warm->users = DictionaryRead(&dictionary, store);
    DictionaryOpen(store, header, AXIS_ITEM, &dictionary);
    warm->items = DictionaryRead(&dictionary, store);
}

WarmStart *WarmStartRead(ModelStore *store, const Algorithm *algorithm, const void *options,
                         MemoryContext parent, Recorded *recorded, char **misfit)
{
    MemoryContext context =
        AllocSetContextCreate(parent, "recadv warm start", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(context);
    WarmStart *warm = palloc0(sizeof(WarmStart));
    Header header = HeaderRead(store);

    warm->context = context;
    HeaderLayout(&header, &warm->model);
    *misfit = Misfit(&warm->model, algorithm, options);
    if (*misfit == NULL) {
        CheckMemory(SizeAdd(MemoryContextMemAllocated(parent, true), WarmStartMemory(&warm->model)),
                    "loading the embeddings to start from");
        Load(store, &header, warm);
        *recorded = RecordedRead(store, &header);
    }
    MemoryContextSwitchTo(caller);
    if (*misfit == NULL)
        return warm;
    *misfit = MemoryContextStrdup(parent, *misfit);
    MemoryContextDelete(context);
    return NULL;
}

static uint32 CountKnown(const IdList *ids, const IdList *old)
{
    uint32 known = 0;

    for (uint32 i = 0; i < ids->count; i++) {
        CHECK_FOR_INTERRUPTS();
        known += IdListFind(old, IdListGet(ids, i)) != UNKNOWN_ID;
    }
    return known;
}

static void CopyRows(const Part *from, const IdList *old_ids, Part *to, const IdList *ids)
{
    for (uint32 i = 0; i < ids->count; i++) {
        uint32 old = IdListFind(old_ids, IdListGet(ids, i));

        if (old != UNKNOWN_ID)
            memcpy(to->data + (Size)i * to->stride, from->data + (Size)old * from->stride,
                   to->stride * sizeof(float));
        CHECK_FOR_INTERRUPTS();
    }
}

/* All but the popularity, which has been counted anew. */
static void CopyParts(const WarmStart *warm, const IdList *users, const IdList *items, Model *model)
{
    for (int i = POPULARITY_PART + 1; i < model->parts; i++) {
        Part *to = &model->part[i];
        const Part *from = FindPart(&warm->model, to->name);

        if (from == NULL)
            continue;
        if (to->axis == AXIS_USER)
            CopyRows(from, &warm->users, to, users);
        else if (to->axis == AXIS_ITEM)
            CopyRows(from, &warm->items, to, items);
        else if (to->rows == from->rows)
            memcpy(to->data, from->data, (Size)to->rows * to->stride * sizeof(float));
    }
}

bool WarmStartSuits(const WarmStart *warm, const IdList *users, const IdList *items, void *options,
                    WarmKnown *known)
{
    known->users = CountKnown(users, &warm->users);
    known->items = CountKnown(items, &warm->items);
    if (known->users >= users->count / 2 && known->items >= items->count / 2) {
        ModelSettle(&warm->model, options);
        return true;
    }
    ereport(NOTICE, (errmsg("only %u of %u users and %u of %u items are known to the current "
                            "version: starting afresh",
                            known->users, users->count, known->items, items->count)));
    return false;
}

void WarmStartApply(const WarmStart *warm, const IdList *users, const IdList *items, Model *model)
{
    CopyParts(warm, users, items, model);
    model->warm = true;
}

void WarmStartRelease(WarmStart *warm)
{
    MemoryContextDelete(warm->context);
}
