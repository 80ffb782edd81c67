/*
 * header.c: reads a header into the struct that everything else goes by.
 *
 * The first thing that is read of any version, for serving as for a refresh.  A header that makes
 * no sense is damage; one with names that this version of recadv does not know is a newer
 * version's.
 */
#include "pg/model/header.h"

#include <float.h>
#include <math.h>

#include "pg/ids/id_text.h"
#include "pg/model/options.h"
#include "pg/base/times.h"

static uint32 ReadCount(ModelStore *store, Jsonb *json, const char *key, int64 minimum)
{
    int64 value;

    if (!JsonbGetInteger(json, key, &value) || value < minimum || value > MAX_IDS)
        StoreDamaged(store, PART_HEADER, 0, psprintf("\"%s\" is missing or out of range", key));
    return (uint32)value;
}

/* Only refreshes add users and items, to none or more, and only they write how many. */
static uint32 ReadAdded(ModelStore *store, Jsonb *json, const char *key, uint32 all)
{
    int64 value;

    if (!JsonbHas(json, key))
        return 0;
    if (!JsonbGetInteger(json, key, &value) || value < 0 || value > all)
        StoreDamaged(store, PART_HEADER, 0, psprintf("\"%s\" is out of range", key));
    return (uint32)value;
}

/* A name that decides how the model is read; one that is unknown here is a newer version's. */
static char *ReadName(ModelStore *store, Jsonb *json, const char *key)
{
    char *name = JsonbGetString(json, key);

    if (name == NULL)
        StoreDamaged(store, PART_HEADER, 0, psprintf("its \"%s\" is missing or no text", key));
    return name;
}

static void FailUnknownName(ModelStore *store, const char *key, const char *name)
    __attribute__((noreturn));

static void FailUnknownName(ModelStore *store, const char *key, const char *name)
{
    StoreNewer(store, PART_HEADER, 0,
               psprintf("its \"%s\" \"%s\" is not known to this version", key, name));
}

static IdKind ReadKind(ModelStore *store, Jsonb *json, const char *key)
{
    char *kind = ReadName(store, json, key);

    if (strcmp(kind, IdKindName(ID_INTEGER)) == 0)
        return ID_INTEGER;
    if (strcmp(kind, IdKindName(ID_TEXT)) == 0)
        return ID_TEXT;
    FailUnknownName(store, key, kind);
}

/*
 * Images have no source.  A relation is known by the schema it was in when it was read, so that
 * another search_path does not lead a refresh to another table.
 */
static void ReadSource(const ModelStore *store, Jsonb *json, Source *source)
{
    source->model = store->name == NULL ? NULL : pstrdup(store->name);
    source->text = JsonbGetString(json, "source_relation");
    if (source->text == NULL)
        source->text = JsonbGetString(json, "source");
    source->user_column = JsonbGetString(json, "user_column");
    source->item_column = JsonbGetString(json, "item_column");
    source->time_column = JsonbGetString(json, "time_column");
    source->weight_column = JsonbGetString(json, "weight_column");
    if (source->user_column == NULL || source->item_column == NULL ||
        source->user_column[0] == '\0')
        source->text = NULL;
}

/* NO_TIME if the key is missing: nothing has been learnt yet. */
static int64 ReadTime(ModelStore *store, Jsonb *stream, const char *key)
{
    int64 time = NO_TIME;

    if (JsonbHas(stream, key) && !JsonbGetInteger(stream, key, &time))
        StoreDamaged(store, PART_HEADER, 0, psprintf("its \"%s\" is not a time", key));
    return time;
}

/* -1 if the key is missing; whether the type takes it shows when it is used. */
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
    type = ReadName(store, stream, "time_type");
    header->time_type = TimeTypeOfName(type);
    if (!OidIsValid(header->time_type))
        FailUnknownName(store, "time_type", type);
    header->time_typmod = ReadTypmod(store, stream);
    header->watermark = ReadTime(store, stream, "watermark");
    header->first = ReadTime(store, stream, "first");
    if (!JsonbGetInteger(stream, "events", &events) || events < 0)
        StoreDamaged(store, PART_HEADER, 0, "\"events\" is missing or out of range");
    header->events = (uint64)events;
    header->learnt = JsonbHas(stream, "learnt");
    header->window = ReadCount(store, stream, "window", 0);
}

static void CheckFormat(ModelStore *store, Jsonb *json)
{
    int64 format;

    if (!JsonbGetInteger(json, "format", &format) || format < 1)
        StoreDamaged(store, PART_HEADER, 0, "its \"format\" is missing or out of range");
    if (format > HEADER_FORMAT)
        StoreNewer(store, PART_HEADER, 0, psprintf("its format is " INT64_FORMAT, format));
}

static const Algorithm *ReadAlgorithm(ModelStore *store, Jsonb *json)
{
    char *name = ReadName(store, json, "algorithm");
    const Algorithm *algorithm = AlgorithmFind(name);

    if (algorithm == NULL)
        FailUnknownName(store, "algorithm", name);
    return algorithm;
}

/* A value out of range is damage; an option that does not exist here is a newer version's. */
static void *ReadOptions(ModelStore *store, Jsonb *json, const Algorithm *algorithm)
{
    Jsonb *object = JsonbGetObject(json, "options");
    char *problem;
    bool unknown;
    void *options;

    if (object == NULL)
        StoreDamaged(store, PART_HEADER, 0, "its options are missing");
    options = OptionsReadStored(algorithm, object, &problem, &unknown);
    if (problem != NULL && unknown)
        StoreNewer(store, PART_HEADER, 0, problem);
    if (problem != NULL)
        StoreDamaged(store, PART_HEADER, 0, problem);
    return options;
}

/* 1 if the key is missing: no weights. */
static double ReadMeanWeight(ModelStore *store, Jsonb *json)
{
    double mean = 1;

    if (JsonbHas(json, "mean_weight") &&
        (!JsonbGetReal(json, "mean_weight", &mean) || !(mean > 0 && mean <= FLT_MAX)))
        StoreDamaged(store, PART_HEADER, 0, "its \"mean_weight\" is out of range");
    return mean;
}

/* Zeros without the key: nothing is counted so. */
static void ReadRecent(ModelStore *store, Jsonb *json, Header *header)
{
    Jsonb *recent = JsonbGetObject(json, "recent");

    if (recent == NULL)
        return;
    if (!JsonbGetReal(recent, "half_life", &header->half_life) ||
        !JsonbGetReal(recent, "origin", &header->recent_origin) ||
        !(header->half_life > 0 && isfinite(header->half_life)) || !isfinite(header->recent_origin))
        StoreDamaged(store, PART_HEADER, 0, "its \"recent\" is out of range");
}

/* InvalidOid without the key: the ids of this side have one text. */
static Oid ReadTextType(ModelStore *store, Jsonb *ids, const char *key)
{
    char *name = JsonbGetString(ids, key);
    Oid type;

    if (name == NULL)
        return InvalidOid;
    type = IdTextTypeOfName(name);
    if (!OidIsValid(type))
        FailUnknownName(store, key, name);
    return type;
}

static bool HasOutdatedIds(Jsonb *json, const char *key, IdKind kind)
{
    char *type = JsonbGetString(json, key);

    return kind == ID_TEXT && type != NULL && IdTextHasChanged(type);
}

/* Models that do not say that their ids are canonical were trained before ids were. */
static void ReadIds(ModelStore *store, Jsonb *json, Header *header)
{
    Jsonb *ids = JsonbGetObject(json, "canonical_ids");

    if (ids != NULL) {
        header->user_text = ReadTextType(store, ids, "user");
        header->item_text = ReadTextType(store, ids, "item");
        return;
    }
    header->outdated_ids = HasOutdatedIds(json, "user_type", header->user_kind) ||
                           HasOutdatedIds(json, "item_type", header->item_kind);
}

void HeaderCheckIds(const ModelStore *store, const Header *header)
{
    if (header->outdated_ids)
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("model \"%s\" was trained when ids of its types had other texts than now",
                        store->name),
                 errhint("Train it again; until then it answers questions, with the ids that it "
                         "has.")));
}

static const char *NameOf(const ModelStore *store)
{
    return store->name == NULL ? "the image" : psprintf("model \"%s\"", store->name);
}

void HeaderCheckItems(const ModelStore *store, const Header *header)
{
    if (header->scenarios != NULL)
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("%s acts in scenarios and knows neither users nor items", NameOf(store)),
                 errhint("recadv_act() asks it for the weights of a scenario's ranking.")));
}

void HeaderCheckActs(const ModelStore *store, const Header *header)
{
    const char *other = IsSimulator(header->algorithm) ? "recadv_simulate() plays its visitors"
                        : IsPolicy(header->algorithm)
                            ? "recadv_slate() asks it for the items of a slate"
                            : "recadv_topk() asks it for items";

    if (header->scenarios == NULL)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("%s is of algorithm \"%s\" and does not act in scenarios",
                               NameOf(store), header->algorithm->name),
                        errhint("%s.  recadv_train_policy() trains one that acts, with the "
                                "algorithm %s.",
                                other, AlgorithmNames(ReadsActs))));
}

void HeaderCheckUsers(const ModelStore *store, const Header *header)
{
    HeaderCheckItems(store, header);
    if (!IsPolicy(header->algorithm))
        return;
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
             errmsg("%s is a %s and knows no users", NameOf(store),
                    Recommends(header->algorithm) ? "policy" : "simulator of visitors"),
             errhint("recadv_topk_for() asks it with what a visitor clicked last, recadv_slate() "
                     "does and explores.")));
}

/* Where a policy comes from, beside its log. */
static void ReadPolicy(ModelStore *store, Jsonb *json, Header *header)
{
    int64 version = 0;

    if (!IsPolicy(header->algorithm))
        return;
    if (header->users > 0)
        StoreDamaged(store, PART_HEADER, 0, "\"users\" is out of range");
    header->simulator = JsonbGetString(json, "simulator");
    if (header->simulator != NULL && (!JsonbGetInteger(json, "simulator_version", &version) ||
                                      version < 1 || version > PG_INT32_MAX))
        StoreDamaged(store, PART_HEADER, 0, "\"simulator_version\" is missing or out of range");
    header->simulator_version = (int32)version;
    header->simulator_trained = JsonbGetString(json, "simulator_trained");
}

/* What a model is that acts. */
static void ReadActs(ModelStore *store, Jsonb *json, Header *header)
{
    int64 lineage;

    if (!ReadsActs(header->algorithm))
        return;
    if (header->items > 0)
        StoreDamaged(store, PART_HEADER, 0, "\"items\" is out of range");
    header->scenarios = ScenariosRead(store, json, header->item_kind);
    if (!JsonbGetInteger(json, "lineage", &lineage) || lineage < 0 || lineage >> LINEAGE_BITS != 0)
        StoreDamaged(store, PART_HEADER, 0, "\"lineage\" is missing or out of range");
    header->lineage = (uint64)lineage;
}

const char *HeaderTrained(ModelStore *store)
{
    Jsonb *training = JsonbGetObject(StoreReadJson(store, PART_HEADER, 0), "training");

    return training == NULL ? NULL : JsonbGetString(training, "started");
}

Header HeaderRead(ModelStore *store)
{
    Jsonb *json = StoreReadJson(store, PART_HEADER, 0);
    Header header = {0};

    if (json == NULL)
        StoreDamaged(store, PART_HEADER, 0, "it is missing");
    CheckFormat(store, json);
    header.algorithm = ReadAlgorithm(store, json);
    header.options = ReadOptions(store, json, header.algorithm);
    header.users = ReadCount(store, json, "users", 0);
    header.items = ReadCount(store, json, "items", 0);
    header.mean_weight = ReadMeanWeight(store, json);
    header.added_users = ReadAdded(store, json, "added_users", header.users);
    header.added_items = ReadAdded(store, json, "added_items", header.items);
    header.held = ReadCount(store, json, "held_out", 0);
    header.held_learnt = JsonbHas(json, "held_out_learnt") || header.algorithm->counts_held;
    header.user_kind = ReadKind(store, json, "user_kind");
    header.item_kind = ReadKind(store, json, "item_kind");
    ReadRecent(store, json, &header);
    ReadIds(store, json, &header);
    ReadSource(store, json, &header.source);
    ReadStream(store, JsonbGetObject(json, "stream"), &header);
    ReadPolicy(store, json, &header);
    ReadActs(store, json, &header);
    return header;
}

void HeaderLayout(const Header *header, Model *model)
{
    if (header->scenarios != NULL)
        ModelLayoutActs(model, header->algorithm, header->options, &header->scenarios->shape);
    else
        ModelLayout(model, header->algorithm, header->options, header->users, header->items);
}
