/* choose.c: slates of the best items, tile by tile. */
#include "algo/actor_critic/choose.h"

#include "core/products.h"

/* One hyper-action's scores of a tile. */
static void AddTile(const Choice *c, uint32_t row, uint32_t first, uint32_t count,
                    const float *scores, Random *random, TopK *top)
{
    float threshold = TopKThreshold(top);

    for (uint32_t i = 0; i < count; i++) {
        float score = random == NULL ? scores[i] : scores[i] + (float)RandomGumbel(random);

        if (!(score > threshold) || (c->may != NULL && !c->may(c->arg, row, first + i)))
            continue;
        TopKAdd(top, score, first + i);
        threshold = TopKThreshold(top);
    }
}

static uint32_t Finish(TopK *top, uint32_t *slate)
{
    TopKFinish(top);
    for (uint32_t i = 0; i < top->count; i++)
        slate[i] = top->entries[i].item;
    return top->count;
}

static void ScoreTile(const Choice *c, const float *z, uint32_t count, uint32_t first,
                      uint32_t tile)
{
    MultiplyTransposed(z, c->rows + (size_t)first * c->stride, count, tile, c->stride, c->scores);
}

static void EmptyHeaps(const Choice *c, uint32_t count, TopK *top)
{
    for (uint32_t r = 0; r < count; r++)
        top[r] = (TopK){c->entries + (size_t)r * c->slate, c->slate, 0};
}

void ChooseSlates(const Choice *choice, const float *z, uint32_t count, Random *random,
                  uint32_t *slates, uint32_t *sizes)
{
    const Choice *c = choice;
    TopK top[CHOOSE_ROWS];

    EmptyHeaps(c, count, top);
    for (uint32_t first = 0; first < c->items && !HostCancelled(c->host); first += CHOOSE_TILE) {
        uint32_t left = c->items - first, tile = left < CHOOSE_TILE ? left : CHOOSE_TILE;

        ScoreTile(c, z, count, first, tile);
        for (uint32_t r = 0; r < count; r++)
            AddTile(c, r, first, tile, c->scores + (size_t)r * tile,
                    random != NULL ? &random[r] : NULL, &top[r]);
    }
    for (uint32_t r = 0; r < count; r++)
        sizes[r] = Finish(&top[r], slates + (size_t)r * c->slate);
}
