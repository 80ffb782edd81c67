/* header.c: reading the header back, trusting nothing. */
#include "pg/model/header.h"

#include "pg/model/options.h"
#include "pg/base/times.h"

static uint32 ReadCount(ModelStore *store, Jsonb *json, const char *key, int64 minimum)
{
    int64 value;

    if (!JsonbGetInteger(json, key, &value) || value < minimum || value > MAX_IDS)
        StoreDamaged(store, PART_HEADER, 0, psprintf("\"%s\" is missing or out of range", key));
    return (uint32)value;
}

/* Absent from the header of a training. */
static uint32 ReadAdded(ModelStore *store, Jsonb *json, const char *key, uint32 all)
{
    int64 value;

    if (!JsonbHas(json, key))
        return 0;
    if (!JsonbGetInteger(json, key, &value) || value < 0 || value >= all)
        StoreDamaged(store, PART_HEADER, 0, psprintf("\"%s\" is out of range", key));
    return (uint32)value;
}

static IdKind ReadKind(ModelStore *store, Jsonb *json, const char *key)
{
    char *kind = JsonbGetString(json, key);

    if (kind != NULL && strcmp(kind, IdKindName(ID_INTEGER)) == 0)
        return ID_INTEGER;
    if (kind != NULL && strcmp(kind, IdKindName(ID_TEXT)) == 0)
        return ID_TEXT;
    StoreDamaged(store, PART_HEADER, 0, psprintf("\"%s\" is neither bigint nor text", key));
}

/*
 * Absent from images.  A relation by the schema that it had when it was read: another search path
 * must not lead to another table.
 */
static void ReadSource(Jsonb *json, Source *source)
{
    source->text = JsonbGetString(json, "source_relation");
    if (source->text == NULL)
        source->text = JsonbGetString(json, "source");
    source->user_column = JsonbGetString(json, "user_column");
    source->item_column = JsonbGetString(json, "item_column");
    source->time_column = JsonbGetString(json, "time_column");
    if (source->user_column == NULL || source->item_column == NULL ||
        source->user_column[0] == '\0')
        source->text = NULL;
}

/* NO_TIME if it is not there. */
static int64 ReadTime(ModelStore *store, Jsonb *stream, const char *key)
{
    int64 time = NO_TIME;

    if (JsonbHas(stream, key) && !JsonbGetInteger(stream, key, &time))
        StoreDamaged(store, PART_HEADER, 0, psprintf("its \"%s\" is not a time", key));
    return time;
}

/* -1 if it is not there; the type says whether it makes sense. */
static int32 ReadTypmod(ModelStore *store, Jsonb *stream)
{
    int64 typmod = -1;

    if (JsonbHas(stream, "time_typmod") &&
        (!JsonbGetInteger(stream, "time_typmod", &typmod) || typmod < 0 || typmod > PG_INT32_MAX))
        StoreDamaged(store, PART_HEADER, 0, "its \"time_typmod\" is out of range");
    return (int32)typmod;
}

static void ReadStream(ModelStore *store, Jsonb *stream, Header *header)
{
    char *type;
    int64 events;

    if (header->algorithm->stream == NULL)
        return;
    if (stream == NULL)
        StoreDamaged(store, PART_HEADER, 0, "its \"stream\" is missing");
    type = JsonbGetString(stream, "time_type");
    header->time_type = type == NULL ? InvalidOid : TimeTypeOfName(type);
    if (!OidIsValid(header->time_type))
        StoreDamaged(store, PART_HEADER, 0, "its \"time_type\" is not the type of a time");
    header->time_typmod = ReadTypmod(store, stream);
    header->watermark = ReadTime(store, stream, "watermark");
    header->first = ReadTime(store, stream, "first");
    if (!JsonbGetInteger(stream, "events", &events) || events < 0)
        StoreDamaged(store, PART_HEADER, 0, "\"events\" is missing or out of range");
    header->events = (uint64)events;
    header->window = ReadCount(store, stream, "window", 0);
}

Header HeaderRead(ModelStore *store)
{
    Jsonb *json = StoreReadJson(store, PART_HEADER, 0);
    Header header = {0};
    Jsonb *options;
    char *algorithm, *problem;
    int64 format;

    if (json == NULL)
        StoreDamaged(store, PART_HEADER, 0, "it is missing");
    if (!JsonbGetInteger(json, "format", &format) || format != HEADER_FORMAT)
        StoreDamaged(store, PART_HEADER, 0, "its format is not known to this version of recadv");
    algorithm = JsonbGetString(json, "algorithm");
    if (algorithm != NULL)
        header.algorithm = AlgorithmFind(algorithm);
    if (header.algorithm == NULL)
        StoreDamaged(store, PART_HEADER, 0, "its algorithm is not known to this version of recadv");
    options = JsonbGetObject(json, "options");
    if (options == NULL)
        StoreDamaged(store, PART_HEADER, 0, "its options are missing");
    header.options = OptionsReadStored(header.algorithm, options, &problem);
    if (problem != NULL)
        StoreDamaged(store, PART_HEADER, 0, problem);
    header.users = ReadCount(store, json, "users", 1);
    header.items = ReadCount(store, json, "items", 1);
    header.added_users = ReadAdded(store, json, "added_users", header.users);
    header.added_items = ReadAdded(store, json, "added_items", header.items);
    header.held = ReadCount(store, json, "held_out", 0);
    header.user_kind = ReadKind(store, json, "user_kind");
    header.item_kind = ReadKind(store, json, "item_kind");
    ReadSource(json, &header.source);
    ReadStream(store, JsonbGetObject(json, "stream"), &header);
    return header;
}

void HeaderLayout(const Header *header, Model *model)
{
    ModelLayout(model, header->algorithm, header->options, header->users, header->items);
}
