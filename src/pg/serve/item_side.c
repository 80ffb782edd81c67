/*
 * item_side.c: lays out, fills and reads the memory of an item side.
 *
 * Sizes and places follow from the header and the ids alone, so a process that did not load the
 * memory finds its way in it.  What is read from a table was checked on the way in.
 */
#include "pg/serve/item_side.h"

#include "pg/base/backend.h"

static Size RoundUp(Size size)
{
    return size > SIZE_MAX - 63 ? SIZE_MAX : TYPEALIGN(64, size);
}

static Size PartSize(const Part *part)
{
    return RoundUp(SizeMultiply(SizeMultiply(part->rows, part->stride), sizeof(float)));
}

static Size IdsSize(IdKind kind, uint32 items, const ItemShape *shape)
{
    Size count = (Size)items + 1;

    if (kind == ID_TEXT)
        return RoundUp(count * sizeof(uint32)) + RoundUp(shape->text_bytes);
    return RoundUp(count * shape->width);
}

Size ItemSideSize(const Header *header, const Model *model, const ItemShape *shape)
{
    Size total = IdsSize(header->item_kind, header->items, shape);

    for (int i = 0; i < model->parts; i++)
        if (PartServes(&model->part[i], AXIS_ITEM))
            total = SizeAdd(total, PartSize(&model->part[i]));
    return SizeAdd(total, RoundUp(ScanSize(model)));
}

Size ItemSideLeast(const Header *header, const Model *model)
{
    ItemShape least = {0};

    return ItemSideSize(header, model, &least);
}

static ItemLayout LayoutOf(const Header *header, const Model *model)
{
    ItemLayout layout = {.algorithm = header->algorithm,
                         .kind = header->item_kind,
                         .items = header->items,
                         .added = header->added_items};

    for (int i = 0; i < model->parts; i++) {
        layout.served |= (uint32)PartServes(&model->part[i], AXIS_ITEM) << i;
        layout.columns[i] = model->part[i].columns;
    }
    return layout;
}

bool ItemShapeFits(const ItemShape *shape, const Header *header, const Model *model)
{
    ItemLayout layout = LayoutOf(header, model);

    StaticAssertStmt(sizeof(ItemLayout) ==
                         sizeof(void *) + (4 + lengthof(layout.columns)) * sizeof(uint32),
                     "ItemLayout has padding");
    return memcmp(&shape->layout, &layout, sizeof(layout)) == 0;
}

bool ItemShapeOf(const Header *header, const Model *model, const IdList *ids, ItemShape *shape)
{
    uint64 total = 0;

    *shape = (ItemShape){.layout = LayoutOf(header, model)};
    if (ids->kind == ID_INTEGER) {
        int64 highest = ids->integers[0];
        uint64 span;

        shape->base = ids->integers[0];
        for (uint32 i = 1; i < ids->count; i++) {
            shape->base = Min(shape->base, ids->integers[i]);
            highest = Max(highest, ids->integers[i]);
        }
        span = (uint64)highest - (uint64)shape->base;
        shape->width = span > PG_UINT32_MAX                           ? sizeof(int64)
                       : span + 1 == ids->count && ids->order == NULL ? 0
                                                                      : sizeof(uint32);
        return true;
    }
    for (uint32 i = 0; i < ids->count; i++)
        total += ids->lengths[i];
    shape->text_bytes = (uint32)total;
    return total <= PG_UINT32_MAX;
}

void ItemSidePlace(ItemSide *side, const Header *header, const Model *model, const ItemShape *shape,
                   void *memory)
{
    char *at = memory;

    *side = (ItemSide){.model = *model,
                       .shape = *shape,
                       .kind = header->item_kind,
                       .trained = header->items - header->added_items};
    for (int i = 0; i < model->parts; i++) {
        if (!PartServes(&model->part[i], AXIS_ITEM))
            continue;
        side->model.part[i].data = (float *)at;
        at += PartSize(&model->part[i]);
    }
    ScanPlace(&side->scan, &side->model, at);
    at += RoundUp(ScanSize(model));
    side->ids.narrow = (uint32 *)at;
    side->texts = at + RoundUp(((Size)header->items + 1) * sizeof(uint32));
}

static void LoadIds(ItemSide *side, const IdList *ids)
{
    uint32 offset = 0;

    for (uint32 i = 0; i < ids->count; i++) {
        if (side->kind == ID_TEXT) {
            side->ids.offsets[i] = offset;
            memcpy(side->texts + offset, ids->texts[i], ids->lengths[i]);
            offset += ids->lengths[i];
        } else if (side->shape.width == sizeof(int64)) {
            side->ids.wide[i] = (int64)((uint64)ids->integers[i] - (uint64)side->shape.base);
        } else if (side->shape.width > 0) {
            side->ids.narrow[i] = (uint32)((uint64)ids->integers[i] - (uint64)side->shape.base);
        }
    }
    if (side->kind == ID_TEXT)
        side->ids.offsets[ids->count] = offset;
}

void ItemSideLoad(ItemSide *side, ModelStore *store, const IdList *ids)
{
    BackendHost backend;

    BackendHostInit(&backend, CurrentMemoryContext, "recadv");
    for (int i = 0; i < side->model.parts; i++)
        if (PartServes(&side->model.part[i], AXIS_ITEM))
            ReadPart(store, &side->model, &side->model.part[i]);
    LoadIds(side, ids);
    ScanBuild(&backend.host, &side->scan);
}

Id ItemSideId(const ItemSide *side, uint32 item)
{
    uint64 base = (uint64)side->shape.base;

    if (side->kind == ID_TEXT)
        return (Id){ID_TEXT, 0, side->texts + side->ids.offsets[item],
                    side->ids.offsets[item + 1] - side->ids.offsets[item]};
    if (side->shape.width == sizeof(int64))
        return IdOfInteger((int64)(base + (uint64)side->ids.wide[item]));
    return IdOfInteger((int64)(base + (side->shape.width > 0 ? side->ids.narrow[item] : item)));
}

uint32 ItemSideFind(const ItemSide *side, Id id)
{
    uint32 low = 0, high = side->trained;
    Id key;

    if (!IdConvert(id, side->kind, &key))
        return UNKNOWN_ID;
    while (low < high) {
        uint32 middle = low + (high - low) / 2;
        int order = CompareIds(ItemSideId(side, middle), key);

        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return UNKNOWN_ID;
}
