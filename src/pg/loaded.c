/* loaded.c: reading every part of a model. */
#include "pg/loaded.h"

#include "pg/settings.h"

static void LoadPart(ModelStore *store, const Model *model, Part *part)
{
    uint32 size = PartBlockRows(model, part);

    for (uint32 b = 0; b < BlockCount(part->rows, size); b++)
        ReadPartBlock(store, model, part, b, part->data + (Size)b * size * part->stride);
}

void LoadModel(ModelStore *store, BackendHost *backend, Loaded *loaded)
{
    MemoryContext caller = MemoryContextSwitchTo(backend->context);
    Header *header = &loaded->header;

    *header = HeaderRead(store);
    HeaderLayout(header, &loaded->model);
    CheckMemory(ModelMemory(&loaded->model), "loading the model");
    ModelAllocate(&backend->host, &loaded->model);
    for (int i = 0; i < loaded->model.parts; i++)
        LoadPart(store, &loaded->model, &loaded->model.part[i]);
    loaded->user_ids = ReadIds(store, "user_ids", header->user_kind, header->users);
    loaded->item_ids = ReadIds(store, "item_ids", header->item_kind, header->items);
    ReadInteractions(store, &backend->host, header, &loaded->data);
    MemoryContextSwitchTo(caller);
}
