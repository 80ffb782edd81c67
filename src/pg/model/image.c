/*
 * image.c: packs the blocks of a model into one bytea, and finds them again in it.
 *
 * For recadv_fit(), which returns a model as a value, and for the functions that take such a value
 * in place of a model's name.
 */
#include "pg/model/image.h"

#define IMAGE_MAGIC  "RADVIMG" /* a byte follows that counts the format */
#define IMAGE_FORMAT 1
#define MAGIC_SIZE   8

static void Append(ImageSink *image, const void *bytes, Size size)
{
    Size needed = add_size(image->used, size);

    if (needed > MaxAllocSize)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("the model is larger than 1 GB and does not fit into one value"),
                        errhint("Use recadv_train(), which stores a model as a table.")));
    if (needed > image->room) {
        image->room = Min(Max(needed, image->room * 2), MaxAllocSize);
        image->bytes = repalloc(image->bytes, image->room);
    }
    memcpy(image->bytes + image->used, bytes, size);
    image->used = needed;
}

static void AppendNumber(ImageSink *image, uint32 number)
{
    Append(image, &number, sizeof(number));
}

static void Put(ModelSink *sink, const char *part, uint32 number, bytea *bytes)
{
    ImageSink *image = (ImageSink *)sink;
    uint32 size = VARSIZE(bytes) - VARHDRSZ;

    CHECK_FOR_INTERRUPTS();
    AppendNumber(image, (uint32)strlen(part));
    Append(image, part, strlen(part));
    AppendNumber(image, number);
    AppendNumber(image, size);
    Append(image, VARDATA(bytes), size);
    image->blocks++;
}

void ImageSinkOpen(ImageSink *image)
{
    uint32 length = 0, blocks = 0;
    uint8 format = IMAGE_FORMAT;

    *image = (ImageSink){.sink = {.put = Put}, .room = 8192};
    image->bytes = palloc(image->room);
    Append(image, &length, VARHDRSZ);
    Append(image, IMAGE_MAGIC, strlen(IMAGE_MAGIC));
    Append(image, &format, sizeof(format));
    Append(image, &blocks, sizeof(blocks));
}

bytea *ImageSinkClose(ImageSink *image)
{
    memcpy(image->bytes + VARHDRSZ + MAGIC_SIZE, &image->blocks, sizeof(image->blocks));
    SET_VARSIZE(image->bytes, image->used);
    return (bytea *)image->bytes;
}

static void FailImage(const char *problem)
{
    ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("model image is damaged: %s", problem),
                    errhint("An image is the result of recadv_fit().")));
}

/* A cursor over untrusted bytes. */
typedef struct Cursor {
    const char *at;
    Size left;
} Cursor;

static const char *Take(Cursor *cursor, Size size)
{
    const char *taken = cursor->at;

    if (size > cursor->left)
        FailImage("it ends too early");
    cursor->at += size;
    cursor->left -= size;
    return taken;
}

static uint32 TakeNumber(Cursor *cursor)
{
    uint32 number;

    memcpy(&number, Take(cursor, sizeof(number)), sizeof(number));
    return number;
}

static bytea *Copy(const ImageBlock *block)
{
    bytea *bytes = palloc(add_size(block->size, VARHDRSZ));

    SET_VARSIZE(bytes, block->size + VARHDRSZ);
    memcpy(VARDATA(bytes), block->bytes, block->size);
    return bytes;
}

static bool Matches(const ImageBlock *block, const char *part, uint32 number)
{
    return block->number == number && block->part_length == strlen(part) &&
           memcmp(block->part, part, block->part_length) == 0;
}

/*
 * Images as recadv_fit() makes them have the blocks of a part one after the other, so block n
 * stands n places behind the first.  The second loop is for images in another order.
 */
static bytea *Fetch(ModelStore *store, const char *part, uint32 number)
{
    ImageStore *image = (ImageStore *)store;

    CHECK_FOR_INTERRUPTS();
    for (uint32 i = 0; i < image->count; i++) {
        const ImageBlock *block = &image->blocks[i];

        if (block->number == 0 && block->part_length == strlen(part) &&
            memcmp(block->part, part, block->part_length) == 0 && number < image->count - i &&
            Matches(&block[number], part, number))
            return Copy(&block[number]);
    }
    for (uint32 i = 0; i < image->count; i++)
        if (Matches(&image->blocks[i], part, number))
            return Copy(&image->blocks[i]);
    return NULL;
}

static void CheckMagic(const char *magic)
{
    uint8 format = (uint8)magic[strlen(IMAGE_MAGIC)];

    if (memcmp(magic, IMAGE_MAGIC, strlen(IMAGE_MAGIC)) != 0 || format < 1)
        FailImage("it does not start as an image does");
    if (format > IMAGE_FORMAT)
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("model image needs a newer version of recadv: its format is %d", format),
                 errhint("Update recadv on this server, or make the image anew with the "
                         "version that is here.")));
}

void ImageOpen(const bytea *image, ImageStore *store)
{
    Cursor cursor = {VARDATA(image), VARSIZE(image) - VARHDRSZ};

    CheckMagic(Take(&cursor, MAGIC_SIZE));
    *store = (ImageStore){.store = {.name = "image",
                                    .fetch = Fetch,
                                    .cure = "Make the image again with recadv_fit()."},
                          .count = TakeNumber(&cursor)};
    if (store->count > cursor.left / (3 * sizeof(uint32)))
        FailImage("it counts more blocks than it can hold");
    store->blocks = PallocArray(ImageBlock, (Size)store->count + 1);
    for (uint32 i = 0; i < store->count; i++) {
        ImageBlock *block = &store->blocks[i];

        block->part_length = TakeNumber(&cursor);
        block->part = Take(&cursor, block->part_length);
        block->number = TakeNumber(&cursor);
        block->size = TakeNumber(&cursor);
        block->bytes = Take(&cursor, block->size);
    }
    if (cursor.left > 0)
        FailImage("something follows its last block");
}
