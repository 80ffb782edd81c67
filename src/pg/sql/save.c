/* save.c: recadv_save(): makes a version of a model table of an image. */
#include "pg/base/compat.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "pg/model/ensure.h"
#include "pg/model/image.h"
#include "pg/model/whole_model.h"
#include "pg/serve/publish.h"
#include "pg/sql/checks.h"
#include "pg/train/runs.h"

/* Arguments of recadv_save. */
enum { SAVE_MODEL, SAVE_IMAGE };

/* It would be read with the rights of whoever uses the model. */
static void CheckNoSource(const Header *header)
{
    if (header->source.text != NULL)
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                        errmsg("model image is damaged: it names a source"),
                        errhint("An image is the result of recadv_fit().")));
}

typedef struct Saved {
    ImageStore image;
    WholeModel whole;
} Saved;

/* Images know no times: that of the training is when it was saved. */
static char *SavedHeader(ModelStore *image)
{
    Jsonb *header = StoreReadJson(image, PART_HEADER, 0), *merged;
    StringInfoData json;

    initStringInfo(&json);
    JsonOpen(&json, NULL, '{');
    JsonTime(&json, "saved", GetCurrentTimestamp());
    JsonClose(&json, '}');
    merged = DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(header),
                                                JsonbPGetDatum(JsonbParse(json.data))));
    return JsonbToCString(NULL, &merged->root, VARSIZE(merged));
}

static void WriteSaved(void *arg, ModelSink *sink)
{
    Saved *saved = arg;

    if (CopyPieces(&saved->image.store, &saved->whole.header, sink) != saved->image.count)
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                        errmsg("model image is damaged: it holds blocks that are no part of it")));
    SinkPutJson(sink, PART_HEADER, 0, SavedHeader(&saved->image.store));
}

/* What the image was trained on: events that were observed before may be among it. */
static Collected LearntBy(Saved *saved)
{
    WholeModel *whole = &saved->whole;
    Collected learnt = {.data = whole->data, .users = whole->user_ids, .items = whole->item_ids};

    if (whole->header.algorithm->stream != NULL)
        learnt.window = &whole->window;
    return learnt;
}

PG_FUNCTION_INFO_V1(recadv_save);

/* Strict. */
Datum recadv_save(PG_FUNCTION_ARGS)
{
    char *name = text_to_cstring(PG_GETARG_TEXT_PP(SAVE_MODEL));
    bytea *bytes = PG_GETARG_BYTEA_P(SAVE_IMAGE);
    PublishedVersion published = {.write = WriteSaved};
    BackendHost backend;
    Collected learnt;
    int32 version;
    Saved saved;
    Oid relid;

    CheckCanWrite("recadv_save()");
    ImageOpen(bytes, &saved.image);
    /* Every part is read and checked before anything is written. */
    BackendHostInit(&backend, CurrentMemoryContext, "recadv_save");
    WholeModelRead(&saved.image.store, &backend, &saved.whole);
    CheckNoSource(&saved.whole.header);
    learnt = LearntBy(&saved);
    SPI_connect();
    relid = ModelTableEnsure(name);
    if (!OidIsValid(relid) || !RunLock(relid, false))
        FailBusy(name);
    published.keep = (int)((const TrainOptions *)saved.whole.header.options)->keep_versions;
    published.arg = &saved;
    published.learnt = &learnt;
    version = PublishVersion(relid, &published);
    SPI_finish();
    PG_RETURN_INT32(version);
}
