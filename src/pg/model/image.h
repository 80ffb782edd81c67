/*
 * image.h: a model as one bytea, as recadv_fit() returns it.
 *
 *   magic "RADVIMG" and a format byte, uint32 number of blocks, then for each block:
 *   uint32 length of the part's name, the name, uint32 block, uint32 length, the block
 */
#ifndef RECADV_PG_MODEL_IMAGE_H
#define RECADV_PG_MODEL_IMAGE_H

#include "pg/model/blocks.h"

typedef struct ImageSink {
    ModelSink sink;
    char *bytes; /* a growing varlena */
    Size used;
    Size room;
    uint32 blocks;
} ImageSink;

extern void ImageSinkOpen(ImageSink *sink);
extern bytea *ImageSinkClose(ImageSink *sink);

typedef struct ImageBlock {
    const char *part; /* not terminated */
    uint32 part_length;
    uint32 number;
    const char *bytes;
    uint32 size;
} ImageBlock;

typedef struct ImageStore {
    ModelStore store; /* first: an ImageStore is a ModelStore */
    ImageBlock *blocks;
    uint32 count;
} ImageStore;

/* Reads the directory of an untrusted image, which must outlive the store. */
extern void ImageOpen(const bytea *image, ImageStore *store);

#endif
