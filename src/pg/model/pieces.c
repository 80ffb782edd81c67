/*
 * pieces.c: writes, loads and copies whole versions, piece by piece.
 *
 * Trainings and recadv_fit() write, evaluations and recadv_save() load, and recadv_save() copies
 * an image into a table.  Each piece has a file of its own that knows its blocks.
 */
#include "pg/model/pieces.h"

#include "pg/model/dictionary.h"
#include "pg/model/interactions.h"
#include "pg/model/parts.h"

static IdList LoadIds(ModelStore *store, const Header *header, Axis side)
{
    Dictionary dictionary;

    DictionaryOpen(store, header, side, &dictionary);
    return DictionaryRead(&dictionary, store);
}

static void UserIdsWrite(ModelSink *sink, const WholeModel *whole)
{
    DictionaryWrite(sink, AXIS_USER, &whole->user_ids);
}

static void UserIdsLoad(ModelStore *store, BackendHost *backend, WholeModel *whole)
{
    whole->user_ids = LoadIds(store, &whole->header, AXIS_USER);
}

static uint32 UserIdsCopy(ModelStore *store, const Header *header, ModelSink *sink)
{
    return DictionaryCopy(store, header, AXIS_USER, sink);
}

static void ItemIdsWrite(ModelSink *sink, const WholeModel *whole)
{
    DictionaryWrite(sink, AXIS_ITEM, &whole->item_ids);
}

static void ItemIdsLoad(ModelStore *store, BackendHost *backend, WholeModel *whole)
{
    whole->item_ids = LoadIds(store, &whole->header, AXIS_ITEM);
}

static uint32 ItemIdsCopy(ModelStore *store, const Header *header, ModelSink *sink)
{
    return DictionaryCopy(store, header, AXIS_ITEM, sink);
}

static void InteractionsWrite(ModelSink *sink, const WholeModel *whole)
{
    WriteInteractions(sink, &whole->data);
}

static void InteractionsLoad(ModelStore *store, BackendHost *backend, WholeModel *whole)
{
    ReadInteractions(store, &backend->host, &whole->header, &whole->data);
}

static uint32 InteractionsCopy(ModelStore *store, const Header *header, ModelSink *sink)
{
    return CopyInteractions(store, header, sink);
}

static void RecentItemsWrite(ModelSink *sink, const WholeModel *whole)
{
    WriteRecent(sink, whole->model.algorithm, whole->model.options, &whole->data);
}

/* Queries that are made of an ordered history find it with the interactions. */
static void RecentItemsLoad(ModelStore *store, BackendHost *backend, WholeModel *whole)
{
    whole->data.events = ReadRecent(store, &backend->host, &whole->header);
}

static uint32 RecentItemsCopy(ModelStore *store, const Header *header, ModelSink *sink)
{
    return CopyRecent(store, header, sink);
}

static void PartsWrite(ModelSink *sink, const WholeModel *whole)
{
    WriteModelParts(sink, &whole->model);
}

static void PartsLoad(ModelStore *store, BackendHost *backend, WholeModel *whole)
{
    Model *model = &whole->model;

    for (int i = 0; i < model->parts; i++)
        ReadPart(store, model, &model->part[i]);
}

static uint32 PartsCopy(ModelStore *store, const Header *header, ModelSink *sink)
{
    uint32 copied = 0;
    Model model;

    HeaderLayout(header, &model);
    for (int i = 0; i < model.parts; i++) {
        const Part *part = &model.part[i];

        copied += CopyPart(store, part->name, BlockCount(part->rows, PartBlockRows(&model, part)),
                           BLOCK_FLOAT, sink);
    }
    return copied;
}

static void RecentPopularityWrite(ModelSink *sink, const WholeModel *whole)
{
    RecentWrite(sink, &whole->recent);
}

static void RecentPopularityLoad(ModelStore *store, BackendHost *backend, WholeModel *whole)
{
    whole->recent = RecentRead(store, &whole->header, 0);
}

static uint32 RecentPopularityCopy(ModelStore *store, const Header *header, ModelSink *sink)
{
    return RecentCopy(store, header, sink);
}

static void LearntEventsWrite(ModelSink *sink, const WholeModel *whole)
{
    LearntWrite(sink, &whole->learnt);
}

static void LearntEventsLoad(ModelStore *store, BackendHost *backend, WholeModel *whole)
{
    LearntCheck(store, &whole->header);
}

static uint32 LearntEventsCopy(ModelStore *store, const Header *header, ModelSink *sink)
{
    return LearntCopy(store, header, sink);
}

static void FingerprintsWrite(ModelSink *sink, const WholeModel *whole)
{
    WindowWrite(sink, &whole->window);
}

static void FingerprintsLoad(ModelStore *store, BackendHost *backend, WholeModel *whole)
{
    whole->window = WindowRead(store, &whole->header);
}

static uint32 FingerprintsCopy(ModelStore *store, const Header *header, ModelSink *sink)
{
    return WindowCopy(store, header, sink);
}

static void HistoryWrite(ModelSink *sink, const WholeModel *whole)
{
    SinkPutJson(sink, PART_HISTORY, 0, whole->history_text);
}

/* The learning curve is for people: recadv_history() reads it, no computation does. */
static void HistoryLoad(ModelStore *store, BackendHost *backend, WholeModel *whole)
{
}

static uint32 HistoryCopy(ModelStore *store, const Header *header, ModelSink *sink)
{
    return CopyPart(store, PART_HISTORY, 1, BLOCK_JSON, sink);
}

static void HeaderWrite(ModelSink *sink, const WholeModel *whole)
{
    SinkPutJson(sink, PART_HEADER, 0, whole->header_text);
}

/* Whoever loads has read it: it says what there is to load. */
static void HeaderLoad(ModelStore *store, BackendHost *backend, WholeModel *whole)
{
}

static uint32 HeaderCopy(ModelStore *store, const Header *header, ModelSink *sink)
{
    return CopyPart(store, PART_HEADER, 1, BLOCK_JSON, sink);
}

typedef struct Piece {
    void (*write)(ModelSink *sink, const WholeModel *whole);
    void (*load)(ModelStore *store, BackendHost *backend, WholeModel *whole);
    uint32 (*copy)(ModelStore *store, const Header *header, ModelSink *sink);
} Piece;

#define ENTRY(name) {name##Write, name##Load, name##Copy},
static const Piece pieces[] = {MODEL_PIECES(ENTRY)};

void WritePieces(ModelSink *sink, const WholeModel *whole)
{
    for (int i = 0; i < (int)lengthof(pieces); i++)
        pieces[i].write(sink, whole);
}

void LoadPieces(ModelStore *store, BackendHost *backend, WholeModel *whole)
{
    for (int i = 0; i < (int)lengthof(pieces); i++)
        pieces[i].load(store, backend, whole);
}

uint32 CopyPieces(ModelStore *store, const Header *header, ModelSink *sink)
{
    uint32 copied = 0;

    for (int i = 0; i < (int)lengthof(pieces); i++)
        copied += pieces[i].copy(store, header, sink);
    return copied;
}
