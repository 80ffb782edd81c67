/*
 * whole_model.c: loads a whole version, once its header shows that there is memory for it.
 *
 * recadv_evaluate() and recadv_robustness() need all of a model at once; recadv_save() loads an
 * image to have every piece checked before anything is written.
 */
#include "pg/model/whole_model.h"

#include "pg/base/settings.h"

/* Parts and fingerprints, and at least 16 bytes for the id and the offset of a user or an item. */
static Size LeastMemory(const WholeModel *whole)
{
    const Header *header = &whole->header;
    Size rows = SizeMultiply((Size)header->users + header->items, 2 * sizeof(int64));
    Size window = SizeMultiply(header->window, sizeof(Fingerprint));

    return SizeAdd(SizeAdd(ModelMemory(&whole->model), rows), window);
}

void WholeModelRead(ModelStore *store, BackendHost *backend, WholeModel *whole)
{
    MemoryContext caller = MemoryContextSwitchTo(backend->context);

    memset(whole, 0, sizeof(*whole));
    whole->header = HeaderRead(store);
    HeaderLayout(&whole->header, &whole->model);
    CheckMemory(SizeAdd(MemoryContextMemAllocated(backend->context, true), LeastMemory(whole)),
                "loading the model");
    ModelAllocate(&backend->host, &whole->model);
    LoadPieces(store, backend, whole);
    MemoryContextSwitchTo(caller);
}
