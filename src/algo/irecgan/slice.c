/* slice.c: sorts sequences, and lays their answers out by steps; without numbers, so the same in
 * every precision. */
#include "algo/irecgan/slice.h"

void UnrollSet(Unroll *unroll, uint32_t rows, const uint32_t *inputs)
{
    *unroll = (Unroll){.rows = rows, .steps = rows == 0 ? 0 : inputs[0]};
    unroll->first[0] = rows;
    for (uint32_t t = 0; t < unroll->steps; t++) {
        uint32_t active = t == 0 ? rows : unroll->active[t - 1];

        while (active > 0 && inputs[active - 1] <= t)
            active--;
        unroll->active[t] = active;
        unroll->first[t + 1] = unroll->first[t] + active;
    }
}

static uint32_t LengthOf(const Episode *episode, bool clicks)
{
    return clicks ? episode->clicks : episode->count;
}

/* The longest first; of the same length in their order. */
static void Sort(const Episode *const *episodes, uint32_t count, bool clicks,
                 const Episode **sorted)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = i, length = LengthOf(episodes[i], clicks);

        for (; place > 0 && LengthOf(sorted[place - 1], clicks) < length; place--)
            sorted[place] = sorted[place - 1];
        sorted[place] = episodes[i];
    }
}

/* Answers come by steps: where those of each step are. */
typedef struct Cursor {
    const Episode *episode;
    uint32_t next; /* answer of it */
} Cursor;

static const Answer *NextOf(Cursor *cursor, bool clicks)
{
    const Answer *answer = &cursor->episode->answer[cursor->next++];

    while (clicks && ClickedItem(answer) == NOTHING)
        answer = &cursor->episode->answer[cursor->next++];
    return answer;
}

static void LayStep(Slice *s, Cursor *cursors, uint32_t t, bool clicks)
{
    for (uint32_t r = 0; r < s->unroll.rows && s->length[r] > t; r++) {
        uint32_t i = s->count++;

        s->answer[i] = NextOf(&cursors[r], clicks);
        s->sequence[i] = (uint8_t)r;
        s->before[i] = StateBefore(&s->unroll, t, r);
        s->left[i] = t + 1 == s->length[r] && cursors[r].episode->left;
        if (t < s->unroll.steps && r < s->unroll.active[t])
            s->input[s->unroll.first[t] + r - s->unroll.rows] = ClickedItem(s->answer[i]);
    }
}

/* Sequences without an answer are left out. */
static void Lay(const Episode *const *episodes, uint32_t count, bool clicks, Slice *s)
{
    const Episode *sorted[SLICE_ROWS];
    Cursor cursors[SLICE_ROWS];
    uint32_t inputs[SLICE_ROWS] = {0}, rows = 0;

    Sort(episodes, count, clicks, sorted);
    for (; rows < count && LengthOf(sorted[rows], clicks) > 0; rows++) {
        s->length[rows] = LengthOf(sorted[rows], clicks);
        s->simulated[rows] = sorted[rows]->simulated;
        inputs[rows] = clicks ? s->length[rows] - 1 : s->length[rows];
        cursors[rows] = (Cursor){sorted[rows], 0};
    }
    UnrollSet(&s->unroll, rows, inputs);
    s->count = 0;
    for (uint32_t t = 0; rows > 0 && t < s->length[0]; t++)
        LayStep(s, cursors, t, clicks);
}

void SliceOfAnswers(const Host *host, const Episode *const *episodes, uint32_t count, Slice *slice)
{
    Lay(episodes, count, false, slice);
    slice->unroll.host = host;
}

void SliceOfClicks(const Host *host, const Episode *const *episodes, uint32_t count, Slice *slice)
{
    Lay(episodes, count, true, slice);
    slice->unroll.host = host;
}
