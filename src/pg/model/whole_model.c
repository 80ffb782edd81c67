/* whole_model.c: reading every part of a model. */
#include "pg/model/whole_model.h"

#include "pg/model/interactions.h"
#include "pg/base/settings.h"

static IdList ReadSide(ModelStore *store, const Header *header, Axis side)
{
    Dictionary dictionary;

    DictionaryOpen(store, header, side, &dictionary);
    return DictionaryRead(&dictionary, store);
}

void WholeModelRead(ModelStore *store, BackendHost *backend, WholeModel *loaded)
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
    loaded->user_ids = ReadSide(store, header, AXIS_USER);
    loaded->item_ids = ReadSide(store, header, AXIS_ITEM);
    ReadInteractions(store, &backend->host, header, &loaded->data);
    MemoryContextSwitchTo(caller);
}
