/* loaded.c: reading every part of a model. */
#include "pg/loaded.h"

#include "pg/settings.h"

void LoadModel(ModelStore *store, BackendHost *backend, Loaded *loaded)
{
    MemoryContext caller = MemoryContextSwitchTo(backend->context);
    Header *header = &loaded->header;

    *header = HeaderRead(store);
    HeaderLayout(header, &loaded->model);
    /* Ids and offsets take at least this much; nothing is read before the header is plausible. */
    CheckMemory(SizeAdd(ModelMemory(&loaded->model),
                        ((Size)header->users + header->items) * 2 * sizeof(int64)),
                "loading the model");
    ModelAllocate(&backend->host, &loaded->model);
    for (int i = 0; i < loaded->model.parts; i++)
        ReadPart(store, &loaded->model, &loaded->model.part[i]);
    loaded->user_ids = ReadIds(store, "user_ids", header->user_kind, header->users);
    loaded->item_ids = ReadIds(store, "item_ids", header->item_kind, header->items);
    ReadIdRoot(store, "user_ids", header->user_kind, header->users);
    ReadIdRoot(store, "item_ids", header->item_kind, header->items);
    ReadInteractions(store, &backend->host, header, &loaded->data);
    MemoryContextSwitchTo(caller);
}
