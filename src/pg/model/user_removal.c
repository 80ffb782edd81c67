/*
 * user_removal.c: writes the user side of a version anew, without one user, for recadv_forget().
 *
 * Piece by piece: the blocks from the user's on are deleted and written again with the rows of
 * those who follow.  The snapshot does not see that, so that all is read from the version as it
 * was.
 */
#include "pg/model/user_removal.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "core/sorted.h"
#include "pg/base/settings.h"
#include "pg/ids/id_text.h"
#include "pg/model/statement.h"
#include "pg/model/dictionary.h"
#include "pg/model/interactions.h"
#include "pg/model/learnt.h"
#include "pg/model/parts.h"
#include "pg/model/pieces.h"
#include "pg/model/table_sink.h"

typedef struct Removal {
    ModelTable *table;
    ModelStore *store;
    ModelSink *sink;
    Header header;
    Model model; /* as it was, without data */
    uint32 user;
    uint32 users; /* that stay */
    Id id;
    uint32 *seen; /* items of the user */
    uint32 seen_count;
    bool held;     /* had the user a held-out interaction? */
    uint32 added;  /* users since the training that stay */
    uint32 window; /* fingerprints that stay */
} Removal;

/* The place, in the version as it was, of a user who stays. */
static uint32 OldIndex(const Removal *r, uint32 user)
{
    return user < r->user ? user : user + 1;
}

static void DeleteFrom(const Removal *r, const char *part, uint32 block)
{
    Oid types[] = {INT4OID, TEXTOID, INT4OID};

    StatementRun(r->table,
                 "DELETE FROM ONLY %s WHERE version OPERATOR(pg_catalog.=) $1 "
                 "AND part OPERATOR(pg_catalog.=) $2 AND block OPERATOR(pg_catalog.>=) $3",
                 3, types,
                 (Datum[]){Int32GetDatum(r->store->version), CStringGetTextDatum(part),
                           Int32GetDatum((int32)block)});
}

/* Ids [first, end) of `all`, without the user's. */
static IdList IdsWithout(const Removal *r, const IdList *all, uint32 first, uint32 end)
{
    IdList ids = IdListCreate(all->kind, end - first);

    for (uint32 i = first; i < end; i++)
        if (i != r->user)
            IdListAppend(&ids, IdListGet(all, i));
    return ids;
}

static void RemoveId(Removal *r)
{
    Dictionary dictionary, written;
    IdList all, trained, added;

    DictionaryOpen(r->store, &r->header, AXIS_USER, &dictionary);
    all = DictionaryRead(&dictionary, r->store);
    trained = IdsWithout(r, &all, 0, dictionary.trained);
    added = IdsWithout(r, &all, dictionary.trained, all.count);
    r->added = added.count;
    DeleteFrom(r, dictionary.part, 0);
    DeleteFrom(r, RootName(dictionary.part), 0);
    DeleteFrom(r, psprintf("%s_added", dictionary.part), 0);
    DeleteFrom(r, psprintf("%s_added_order", dictionary.part), 0);
    DictionaryWrite(r->sink, AXIS_USER, &trained);
    written = (Dictionary){.part = dictionary.part,
                           .trained = trained.count,
                           .root = {.kind = all.kind},
                           .added = IdListCreate(all.kind, 0)};
    DictionaryAppend(r->sink, &written, &added);
}

/* The items of the users [first, first + rows) that stay, as one block. */
static void WriteLists32(Removal *r, ListReader *reader, uint32 number, uint32 rows)
{
    uint64 offset[LIST_USERS_PER_BLOCK + 1] = {0};
    uint32 *lists[LIST_USERS_PER_BLOCK], count, *item;

    for (uint32 i = 0; i < rows; i++) {
        lists[i] = ListReaderGet(reader, OldIndex(r, number * LIST_USERS_PER_BLOCK + i), &count);
        offset[i + 1] = offset[i] + count;
    }
    item = PallocArray(uint32, offset[rows] + 1);
    for (uint32 i = 0; i < rows; i++) {
        memcpy(item + offset[i], lists[i], (offset[i + 1] - offset[i]) * sizeof(uint32));
        pfree(lists[i]);
    }
    WriteListBlock(r->sink, reader->lists, number, rows, offset, item);
    pfree(item);
}

static void RemoveList(Removal *r, const ItemLists *lists)
{
    ListReader reader = {.store = r->store, .lists = lists, .header = &r->header};
    uint32 first = r->user / LIST_USERS_PER_BLOCK;

    DeleteFrom(r, lists->part, first);
    for (uint32 b = first; b < ListBlocks(r->users); b++)
        WriteLists32(r, &reader, b, BlockRows(r->users, LIST_USERS_PER_BLOCK, b));
}

/* Interactions hold their users' indexes, so all blocks change. */
static void RemoveHeld(Removal *r)
{
    HeldPairs held = ReadHeldPairs(r->store, &r->header);
    uint32 kept = 0;

    for (uint32 i = 0; i < held.count; i++) {
        uint32 user = held.pairs[2 * i];

        if (user == r->user) {
            r->held = true;
            continue;
        }
        held.pairs[2 * kept] = user < r->user ? user : user - 1;
        held.pairs[2 * kept++ + 1] = held.pairs[2 * i + 1];
    }
    held.count = kept;
    DeleteFrom(r, PART_HELD, 0);
    WriteHeldPairs(r->sink, &held);
}

/* Rows of a part are read a block at a time, in ascending order. */
static void RemoveRow(Removal *r, const Part *stored)
{
    uint32 size = PartBlockRows(&r->model, stored), first = r->user / size, loaded = UNKNOWN_ID;
    float *block = AllocateFloats(size, stored->stride),
          *from = AllocateFloats(size, stored->stride);
    Part part = *stored;

    part.data = block;
    DeleteFrom(r, part.name, first);
    for (uint32 b = first; b < BlockCount(r->users, size); b++) {
        uint32 rows = BlockRows(r->users, size, b);

        for (uint32 i = 0; i < rows; i++) {
            uint32 old = OldIndex(r, b * size + i);

            if (old / size != loaded) {
                loaded = old / size;
                ReadPartBlock(r->store, &r->model, stored, loaded, from);
            }
            memcpy(block + (Size)i * part.stride, from + (Size)(old % size) * part.stride,
                   part.stride * sizeof(float));
        }
        WritePartBlock(r->sink, &part, b, 0, rows);
        CHECK_FOR_INTERRUPTS();
    }
}

/* Is it the fingerprint of one of the user's events?  The lists tell quickly that most are not. */
static bool IsOfUser(const Removal *r, const IdList *items, const uint32 *hashes, uint32 count,
                     const Fingerprint *print)
{
    if (r->header.learnt && !ContainsSorted(hashes, count, (uint32)print->key))
        return false;
    for (uint32 i = 0; i < r->seen_count; i++)
        if (FingerprintOf(r->id, IdListGet(items, r->seen[i]), print->time).key == print->key)
            return true;
    return false;
}

static void RemoveFingerprints(Removal *r)
{
    Window window = WindowRead(r->store, &r->header);
    ListReader lists = {.store = r->store, .lists = &learnt_lists, .header = &r->header};
    uint32 count = 0, kept = 0, *hashes = NULL;
    Dictionary dictionary;
    IdList items;

    DictionaryOpen(r->store, &r->header, AXIS_ITEM, &dictionary);
    items = DictionaryRead(&dictionary, r->store);
    if (r->header.learnt)
        hashes = ListReaderGet(&lists, r->user, &count);
    for (uint32 i = 0; i < window.count; i++) {
        CHECK_FOR_INTERRUPTS();
        if (!IsOfUser(r, &items, hashes, count, &window.fingerprints[i]))
            window.fingerprints[kept++] = window.fingerprints[i];
    }
    window.count = r->window = kept;
    DeleteFrom(r, PART_WINDOW, 0);
    WindowWrite(r->sink, &window);
}

static int64 NumberOf(Jsonb *json, const char *key)
{
    int64 value = 0;

    JsonbGetInteger(json, key, &value);
    return value;
}

static Jsonb *Merged(Jsonb *old, StringInfo changes)
{
    return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(old),
                                              JsonbPGetDatum(JsonbParse(changes->data))));
}

/* The object "stream" with the new number of fingerprints, all else in it as it was. */
static void DescribeStream(StringInfo json, const Removal *r, Jsonb *old)
{
    Jsonb *stream = JsonbGetObject(old, "stream");
    StringInfoData changes;

    if (stream == NULL || r->header.algorithm->stream == NULL)
        return;
    initStringInfo(&changes);
    JsonOpen(&changes, NULL, '{');
    JsonInteger(&changes, "window", r->window);
    JsonClose(&changes, '}');
    stream = Merged(stream, &changes);
    JsonRaw(json, "stream", JsonbToCString(NULL, &stream->root, VARSIZE(stream)));
}

static void WriteHeader(const Removal *r)
{
    Jsonb *json = StoreReadJson(r->store, PART_HEADER, 0);
    StringInfoData changes;

    initStringInfo(&changes);
    JsonOpen(&changes, NULL, '{');
    JsonInteger(&changes, "users", r->users);
    if (r->header.added_users > 0)
        JsonInteger(&changes, "added_users", r->added);
    JsonInteger(&changes, "held_out", (int64)r->header.held - r->held);
    JsonInteger(&changes, "interactions",
                Max(0, NumberOf(json, "interactions") - (int64)r->seen_count));
    DescribeStream(&changes, r, json);
    JsonClose(&changes, '}');
    json = Merged(json, &changes);
    SinkPutJson(r->sink, PART_HEADER, 0, JsonbToCString(NULL, &json->root, VARSIZE(json)));
}

static void RewriteVersion(Removal *r)
{
    StaticAssertStmt(PIECES == 10, "a removal writes anew each piece that tells of users");
    r->seen = ReadSeen(r->store, &r->header, r->user, &r->seen_count);
    if (r->header.algorithm->stream != NULL)
        RemoveFingerprints(r);
    RemoveId(r);
    RemoveList(r, &seen_lists);
    RemoveHeld(r);
    if (HistoryLists(&r->header) != &seen_lists)
        RemoveList(r, HistoryLists(&r->header));
    if (r->header.learnt)
        RemoveList(r, &learnt_lists);
    for (int i = 0; i < r->model.parts; i++)
        if (r->model.part[i].axis == AXIS_USER)
            RemoveRow(r, &r->model.part[i]);
    WriteHeader(r);
}

/* All ids of users and items, at most a text each. */
static void CheckRemovalMemory(const Header *header)
{
    CheckMemory(mul_size((Size)header->users + header->items, 2 * sizeof(int64)),
                "forgetting a user");
}

uint32 RemoveUser(ModelTable *table, Id id, bool *known)
{
    Removal removal = {.table = table, .store = &table->store};
    Dictionary dictionary;
    TableSink sink;

    removal.header = HeaderRead(removal.store);
    CheckRemovalMemory(&removal.header);
    DictionaryOpen(removal.store, &removal.header, AXIS_USER, &dictionary);
    id = IdCanonical(removal.header.user_text, id);
    removal.user = DictionaryFind(&dictionary, removal.store, id);
    *known = removal.user != UNKNOWN_ID;
    if (!*known)
        return 0;
    IdConvert(id, removal.header.user_kind, &removal.id);
    removal.users = removal.header.users - 1;
    HeaderLayout(&removal.header, &removal.model);
    TableSinkOpen(RelationGetRelid(table->relation), table->store.version, &sink);
    removal.sink = &sink.sink;
    RewriteVersion(&removal);
    TableSinkClose(&sink);
    return removal.seen_count;
}
