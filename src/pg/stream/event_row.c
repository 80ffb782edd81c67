/*
 * event_row.c: an observed event as a row of the model's table, and back.
 *
 * The part names the user (or the new item), the block holds the rest.  Whoever may INSERT can
 * write any row there, so what is read back is checked.
 */
#include "pg/stream/event_row.h"

#include "utils/builtins.h"

#include "pg/model/id_blocks.h"

char *PartOfId(const char *prefix, Id id)
{
    return psprintf("%s%s", prefix, text_to_cstring(IdToText(id)));
}

bool IdOfPart(const char *part, const char *prefix, IdKind kind, Id *id)
{
    const char *name = part + strlen(prefix);

    return strlen(name) <= MAX_ID_LENGTH && IdConvert(IdOfText(name, strlen(name)), kind, id);
}

/* The texts of a block, one after the other. */
typedef struct Texts {
    uint32 count;
    uint32 *offsets;
    StringInfoData bytes;
} Texts;

static Texts TextsCreate(uint32 count)
{
    Texts texts = {.offsets = PallocArray(uint32, (Size)count + 1)};

    texts.offsets[0] = 0;
    initStringInfo(&texts.bytes);
    return texts;
}

static void EndText(Texts *texts)
{
    texts->offsets[++texts->count] = (uint32)texts->bytes.len;
}

static void AddInteger(Texts *texts, int64 integer)
{
    enlargeStringInfo(&texts->bytes, BIGINT_LENGTH + 1);
    texts->bytes.len += pg_lltoa(integer, texts->bytes.data + texts->bytes.len);
    EndText(texts);
}

/* As the blocks hold ids: UTF-8. */
static void AddId(Texts *texts, Id id)
{
    if (id.kind == ID_INTEGER) {
        AddInteger(texts, id.integer);
        return;
    }
    appendBinaryStringInfo(&texts->bytes, id.text, (int)id.length);
    EndText(texts);
}

static bytea *TextBlock(const char *part, uint32 number, const Texts *texts)
{
    Size head = ((Size)texts->count + 1) * sizeof(uint32);
    DataBlock block = {.type = BLOCK_TEXT,
                       .number = number,
                       .rows = texts->count,
                       .columns = (uint32)texts->bytes.len};
    bytea *bytes = BlockAllocate(&block);

    memcpy(BlockData(bytes), texts->offsets, head);
    memcpy((char *)BlockData(bytes) + head, texts->bytes.data, (Size)texts->bytes.len);
    BlockSeal(VARDATA(bytes), SealName(part, 0), &block, Crc32c);
    return bytes;
}

/* Two texts an event: the time as a number, and the item. */
bytea *EventBlock(const char *part, uint32 number, const PendingEvent **events, uint32 count)
{
    Texts texts = TextsCreate(2 * count);

    for (uint32 i = 0; i < count; i++) {
        AddInteger(&texts, events[i]->time);
        AddId(&texts, events[i]->item);
    }
    return TextBlock(part, number, &texts);
}

/* A new item's row says nothing but its name. */
bytea *ItemBlock(const char *part, uint32 number)
{
    DataBlock block = {.type = BLOCK_JSON, .number = number, .rows = 1, .columns = 2};
    bytea *bytes = BlockAllocate(&block);

    memcpy(BlockData(bytes), "{}", 2);
    BlockSeal(VARDATA(bytes), SealName(part, 0), &block, Crc32c);
    return bytes;
}

bytea *ItemsBlock(uint32 number, const Id *items, uint32 count)
{
    Texts texts = TextsCreate(count);

    for (uint32 i = 0; i < count; i++)
        AddId(&texts, items[i]);
    return TextBlock(ITEMS_PART, number, &texts);
}

/* A time as EventBlock writes it; false if it is none. */
static bool ReadTime(const char *text, uint32 length, int64 *time)
{
    char *digits = pnstrdup(text, length), *end;

    errno = 0;
    *time = strtoll(digits, &end, 10);
    return length > 0 && errno == 0 && end == digits + length;
}

static const char *Parse(const char *part, uint32 number, bytea *bytes, DataBlock *block)
{
    return BlockParse(VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ, SealName(part, 0), number, Crc32c,
                      block);
}

static bool IsPack(const char *part)
{
    return strncmp(part, EVENTS_PREFIX, strlen(EVENTS_PREFIX)) == 0;
}

static bool HoldsEvents(const char *part, const DataBlock *block)
{
    if (block->type != BLOCK_TEXT)
        return false;
    return IsPack(part) ? block->rows > 0 && block->rows % 2 == 0 && block->rows <= 2 * MAX_PACK
                        : block->rows == 2;
}

static bool IdOfEntry(IdKind kind, const DataBlock *block, uint32 row, Id *id)
{
    uint32 length;
    const char *text = BlockEntry(block, row, &length);

    return IsIdText(text, length) && IdConvert((Id){ID_TEXT, 0, text, length}, kind, id);
}

static const char *ReadEvent(const Header *header, const DataBlock *block, uint32 row,
                             PendingEvent *event)
{
    uint32 length;
    const char *text = BlockEntry(block, row, &length);

    if (!ReadTime(text, length, &event->time))
        return "its time is no number";
    if (!IdOfEntry(header->item_kind, block, row + 1, &event->item))
        return "its ids are not of the model's kinds";
    return NULL;
}

const char *ParseEvents(const Header *header, const char *part, uint32 number, bytea *bytes,
                        PendingEvent **events, uint32 *count)
{
    DataBlock block;
    const char *problem = Parse(part, number, bytes, &block);
    PendingEvent event;

    if (problem == NULL && !HoldsEvents(part, &block))
        problem = "it is not an event";
    if (problem != NULL)
        return problem;
    *count = block.rows / 2;
    *events = PallocArray(PendingEvent, *count);
    for (uint32 i = 0; problem == NULL && i < *count; i++) {
        problem = ReadEvent(header, &block, 2 * i, &event);
        (*events)[i] = event;
    }
    if (problem == NULL && !IdOfPart(part, IsPack(part) ? EVENTS_PREFIX : EVENT_PREFIX,
                                     header->user_kind, &event.user))
        problem = "its ids are not of the model's kinds";
    for (uint32 i = 0; problem == NULL && i < *count; i++)
        (*events)[i].user = event.user;
    if (problem != NULL)
        pfree(*events);
    return problem;
}

uint32 CountEvents(const char *part, uint32 number, bytea *bytes)
{
    DataBlock block;

    return Parse(part, number, bytes, &block) == NULL && HoldsEvents(part, &block) ? block.rows / 2
                                                                                   : 1;
}

const char *ParseItems(IdKind kind, uint32 number, bytea *bytes, Id **items, uint32 *count)
{
    DataBlock block;
    const char *problem = Parse(ITEMS_PART, number, bytes, &block);

    if (problem == NULL && (block.type != BLOCK_TEXT || block.rows > MAX_PACK))
        problem = "it is no list of items";
    if (problem != NULL)
        return problem;
    *items = PallocArray(Id, (Size)block.rows + 1);
    *count = 0;
    for (uint32 i = 0; i < block.rows; i++)
        *count += IdOfEntry(kind, &block, i, &(*items)[*count]);
    return NULL;
}
