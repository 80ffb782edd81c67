/*
 * slice.h: sessions as sequences of answers, and some of them side by side, as networks take them.
 *
 * An answer is a click on one item of a slate, or none.  A step of the log with several clicks is
 * as many answers to the same slate.
 */
#ifndef RECADV_ALGO_IRECGAN_SLICE_H
#define RECADV_ALGO_IRECGAN_SLICE_H

#include "algo/irecgan/recurrent.h"

typedef struct Answer {
    const uint32_t *shown;
    uint32_t count;
    uint32_t place; /* of the item that was clicked; count: none was */
    float reward;   /* what came of it beside the click: 1 is a usual purchase */
    float real;     /* how real the session up to here looks, from 0 to 1 */
    float gain;     /* all that is earned from here on, discounted */
} Answer;

typedef struct Episode {
    Answer *answer;
    uint32_t count;
    uint32_t clicks; /* answers that are one */
    bool left;       /* after the last answer; false: it goes on, unseen */
    bool simulated;
} Episode;

#define NOTHING UINT32_MAX

/* The item that was clicked. */
static inline uint32_t ClickedItem(const Answer *answer)
{
    return answer->place == answer->count ? NOTHING : answer->shown[answer->place];
}

#define MOST_ANSWERS (SLICE_ROWS * MOST_STEPS)

/* Items of a slate, which may have all there are, between two looks at whether the run is
 * cancelled. */
#define SLATE_AT_ONCE 1024

/*
 * Which answers a network is taught, and which it has as its inputs.  Answer i of the slice is that
 * of step t of a sequence where the state before it is before[i].
 */
typedef struct Slice {
    Unroll unroll;
    uint32_t count;
    const Answer *answer[MOST_ANSWERS];
    uint32_t before[MOST_ANSWERS]; /* a state */
    uint32_t input[MOST_ANSWERS];  /* of the unroll: the item that was clicked, or NOTHING */
    uint8_t left[MOST_ANSWERS];    /* did the session end after the answer? */
    uint8_t sequence[MOST_ANSWERS];
    uint32_t length[SLICE_ROWS]; /* answers of each sequence */
    bool simulated[SLICE_ROWS];
} Slice;

/* Of so many sequences with these numbers of inputs, which fall. */
extern void UnrollSet(Unroll *unroll, uint32_t rows, const uint32_t *inputs);

/* All answers, each of which is an input: the last one, too. */
extern void SliceOfAnswers(const Host *host, const Episode *const *episodes, uint32_t count,
                           Slice *slice);

/* The clicks alone, of which the last ones are no input. */
extern void SliceOfClicks(const Host *host, const Episode *const *episodes, uint32_t count,
                          Slice *slice);

#endif
