/*
 * item_side.h: the items of a model, ready to be scored, in one piece of memory: the item parts,
 * the compact codes that a scan looks at first (algo/rank/scan.h), and the items' ids.
 *
 * The piece holds no pointers, so it can lie in memory that processes share.  The struct ItemSide
 * holds the pointers that one process has into it.
 */
#ifndef RECADV_PG_SERVE_ITEM_SIDE_H
#define RECADV_PG_SERVE_ITEM_SIDE_H

#include "pg/ids/id_list.h"
#include "pg/model/parts.h"

#include "algo/rank/scan.h"

/* What of a header decides where things lie; without padding, since it is compared by memcmp. */
typedef struct ItemLayout {
    const Algorithm *algorithm;
    uint32 kind;
    uint32 items;
    uint32 added;
    uint32 served; /* a bit for each part that is there */
    uint32 columns[MAX_PARTS];
} ItemLayout;

/* What decides where things lie in the memory. */
typedef struct ItemShape {
    ItemLayout layout;
    int64 base;        /* of integer ids: the first; the others are stored as distances to it */
    uint32 width;      /* of integer ids: bytes of a distance; 0: ids without gaps need none */
    uint32 text_bytes; /* of text ids */
} ItemShape;

typedef struct ItemSide {
    Model model; /* item parts only */
    Scan scan;
    ItemShape shape;
    IdKind kind;
    uint32 trained; /* items whose ids ascend; those of the others do not */
    union {
        uint32 *narrow;  /* integer ids: distances */
        int64 *wide;     /* integer ids: distances */
        uint32 *offsets; /* text ids: items + 1 places in `texts` */
    } ids;
    char *texts;
} ItemSide;

/* Bytes of a model's item side; SIZE_MAX if they do not fit. */
extern Size ItemSideSize(const Header *header, const Model *model, const ItemShape *shape);

/* Bytes that it takes at least, before the ids have been read. */
extern Size ItemSideLeast(const Header *header, const Model *model);

/* The shape that a header and a list of ids make; false if texts are too long together. */
extern bool ItemShapeOf(const Header *header, const Model *model, const IdList *ids,
                        ItemShape *shape);

/* Was the memory laid out for this header?  With another one, reads would miss what is there. */
extern bool ItemShapeFits(const ItemShape *shape, const Header *header, const Model *model);

/* Points into 64-byte aligned memory of that size; the struct must stay at its address. */
extern void ItemSidePlace(ItemSide *side, const Header *header, const Model *model,
                          const ItemShape *shape, void *memory);

/* Fills the memory from where the model is stored. */
extern void ItemSideLoad(ItemSide *side, ModelStore *store, const IdList *ids);

extern Id ItemSideId(const ItemSide *side, uint32 item);

/* Index of an id among those that ascend, or UNKNOWN_ID. */
extern uint32 ItemSideFind(const ItemSide *side, Id id);

#endif
