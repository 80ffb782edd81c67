/* replay.c: a ring of records. */
#include "algo/policy/replay.h"

void *ReplayAdd(Replay *replay)
{
    return replay->data + replay->added++ % replay->room * replay->size;
}

const void *ReplayAt(const Replay *replay, uint32_t i)
{
    return replay->data + (replay->added - 1 - i) % replay->room * replay->size;
}
