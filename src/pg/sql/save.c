/* save.c: recadv_save(): makes a version of a model table of an image. */
#include "pg/base/compat.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "pg/model/header.h"
#include "pg/model/image.h"
#include "pg/model/interactions.h"
#include "pg/model/table.h"
#include "pg/model/whole_model.h"
#include "pg/model/window.h"
#include "pg/serve/preload.h"
#include "pg/sql/checks.h"
#include "pg/stream/forget_learnt.h"
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

/* Copies exactly the blocks that the header asks for; returns how many. */
static uint32 CopyModel(ModelStore *store, const Header *header, ModelSink *sink)
{
    uint32 copied;
    Model model;

    HeaderLayout(header, &model);
    copied = CopyPart(store, "header", 1, BLOCK_JSON, sink);
    copied += CopyPart(store, "history", 1, BLOCK_JSON, sink);
    copied += DictionaryCopy(store, header, AXIS_USER, sink);
    copied += DictionaryCopy(store, header, AXIS_ITEM, sink);
    copied += WindowCopy(store, header, sink);
    copied += CopyInteractions(store, header, sink);
    for (int i = 0; i < model.parts; i++)
        copied += CopyPart(store, model.part[i].name,
                           BlockCount(model.part[i].rows, PartBlockRows(&model, &model.part[i])),
                           BLOCK_FLOAT, sink);
    return copied;
}

/* Events that were observed before may be among those that the image has learnt. */
static void ForgetSaved(Oid relid, ImageStore *image, const Loaded *loaded)
{
    Collected learnt = {.data = loaded->data, .users = loaded->user_ids, .items = loaded->item_ids};
    Window window;

    if (loaded->header.algorithm->stream == NULL)
        return;
    window = WindowRead(&image->store, &loaded->header);
    learnt.window = &window;
    ForgetLearnt(relid, &learnt);
}

PG_FUNCTION_INFO_V1(recadv_save);

/* Strict. */
Datum recadv_save(PG_FUNCTION_ARGS)
{
    char *name = text_to_cstring(PG_GETARG_TEXT_PP(SAVE_MODEL));
    bytea *bytes = PG_GETARG_BYTEA_P(SAVE_IMAGE);
    BackendHost backend;
    ImageStore image;
    Loaded loaded;
    TableSink sink;
    int32 version;
    Oid relid;

    CheckCanWrite("recadv_save()");
    ImageOpen(bytes, &image);
    /* Every part is read and checked before anything is written. */
    BackendHostInit(&backend, CurrentMemoryContext, "recadv_save");
    LoadModel(&image.store, &backend, &loaded);
    CheckNoSource(&loaded.header);
    SPI_connect();
    relid = ModelTableEnsure(name);
    if (!OidIsValid(relid) || !RunLock(relid, false))
        FailBusy(name);
    version = ModelTableNextVersion(relid);
    TableSinkOpen(relid, version, &sink);
    if (CopyModel(&image.store, &loaded.header, &sink.sink) != image.count)
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                        errmsg("model image is damaged: it holds blocks that are no part of it")));
    TableSinkClose(&sink);
    ModelTablePublish(relid, version,
                      (int)((const TrainOptions *)loaded.header.options)->keep_versions);
    ForgetSaved(relid, &image, &loaded);
    Preload(relid);
    SPI_finish();
    PG_RETURN_INT32(version);
}
