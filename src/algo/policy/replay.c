/* replay.c: a ring of records. */
#include "algo/policy/replay.h"

#define LINE 64

static size_t WholeLines(size_t size)
{
    size_t rounded = SizeAdd(size, LINE - 1);

    return rounded == SIZE_MAX ? SIZE_MAX : rounded / LINE * LINE;
}

size_t ReplayMemory(size_t size, uint32_t room)
{
    return SizeMultiply(WholeLines(size), room);
}

void ReplayCreate(const Host *host, size_t size, uint32_t room, Replay *replay)
{
    *replay = (Replay){.size = WholeLines(size), .room = room};
    replay->data = HostAllocate(host, room, replay->size);
}

void ReplayRelease(const Host *host, Replay *replay)
{
    HostRelease(host, replay->data);
    *replay = (Replay){0};
}

void *ReplayAdd(Replay *replay)
{
    return replay->data + replay->added++ % replay->room * replay->size;
}

const void *ReplayAt(const Replay *replay, uint32_t i)
{
    return replay->data + (replay->added - 1 - i) % replay->room * replay->size;
}

void ReplaySample(const Replay *replay, Random *random, uint32_t count, uint32_t *ages)
{
    for (uint32_t i = 0; i < count; i++)
        ages[i] = RandomBelow(random, ReplayCount(replay));
}
