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

/* The id as the blocks hold it: UTF-8. */
static char *StoredText(Id id)
{
    return id.kind == ID_INTEGER ? psprintf(INT64_FORMAT, id.integer)
                                 : pnstrdup(id.text, id.length);
}

/* Two texts: the time as a number, and the item. */
bytea *EventBlock(const char *part, uint32 number, const PendingEvent *event)
{
    char *time = psprintf(INT64_FORMAT, event->time);
    char *item = StoredText(event->item);
    uint32 offsets[] = {0, (uint32)strlen(time), (uint32)(strlen(time) + strlen(item))};
    DataBlock block = {.type = BLOCK_TEXT, .number = number, .rows = 2, .columns = offsets[2]};
    bytea *bytes = BlockAllocate(&block);
    char *to = BlockData(bytes);

    memcpy(to, offsets, sizeof(offsets));
    memcpy(to + sizeof(offsets), time, offsets[1]);
    memcpy(to + sizeof(offsets) + offsets[1], item, offsets[2] - offsets[1]);
    BlockSeal(VARDATA(bytes), SealName(part, 0), &block, Crc32c);
    return bytes;
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

/* A time as EventBlock writes it; false if it is none. */
static bool ReadTime(const char *text, uint32 length, int64 *time)
{
    char *digits = pnstrdup(text, length), *end;

    errno = 0;
    *time = strtoll(digits, &end, 10);
    return length > 0 && errno == 0 && end == digits + length;
}

const char *ParseEvent(const Header *header, const char *part, uint32 number, bytea *bytes,
                       PendingEvent *event)
{
    const char *problem, *text;
    DataBlock block;
    uint32 length;
    Id item;

    problem = BlockParse(VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ, SealName(part, 0), number,
                         Crc32c, &block);
    if (problem == NULL && (block.type != BLOCK_TEXT || block.rows != 2))
        problem = "it is not an event";
    if (problem != NULL)
        return problem;
    text = BlockEntry(&block, 0, &length);
    if (!ReadTime(text, length, &event->time))
        return "its time is no number";
    text = BlockEntry(&block, 1, &length);
    item = (Id){ID_TEXT, 0, text, length};
    if (!IsIdText(text, length) || !IdConvert(item, header->item_kind, &event->item) ||
        !IdOfPart(part, EVENT_PREFIX, header->user_kind, &event->user))
        return "its ids are not of the model's kinds";
    return NULL;
}
