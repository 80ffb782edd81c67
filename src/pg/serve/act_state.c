/*
 * act_state.c: reads and writes what a session carries from one act to the next.
 */
#include "pg/serve/act_state.h"

#include <math.h>

#include "catalog/pg_type.h"

#define STATE_FORM 1

/* Single precision holds integers of so many bits. */
#define HALF_BITS 24
#define HALF_MASK ((1 << HALF_BITS) - 1)

/* Places of what stands before the numbers of the networks. */
enum {
    STATE_FORM_PLACE,
    STATE_LINEAGE,
    STATE_VERSION = STATE_LINEAGE + 2,
    STATE_FINGERPRINT,
    STATE_HEAD = STATE_FINGERPRINT + 2
};

uint32 ActStateWidth(const Served *served)
{
    return served->model.algorithm->policy->acts->state(&served->model);
}

static void PutHalves(float *numbers, uint64 bits)
{
    numbers[0] = (float)(bits >> HALF_BITS & HALF_MASK);
    numbers[1] = (float)(bits & HALF_MASK);
}

static void WriteHead(const Served *served, float *head)
{
    head[STATE_FORM_PLACE] = STATE_FORM;
    PutHalves(head + STATE_LINEAGE, served->header.lineage);
    head[STATE_VERSION] = (float)(served->current.version & HALF_MASK);
    PutHalves(head + STATE_FINGERPRINT, served->fingerprint);
}

/* --- reading */

static void FailState(const char *message, const char *detail) __attribute__((noreturn));

static void FailState(const char *message, const char *detail)
{
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message),
                    detail == NULL ? 0 : errdetail("%s", detail),
                    errhint("Pass state_after of the session's act before this one, as it is, or "
                            "NULL where the session starts.")));
}

static bool IsSame(const float8 *numbers, const float *head, int first, int count)
{
    for (int i = first; i < first + count; i++)
        if (numbers[i] != (float8)head[i])
            return false;
    return true;
}

static void CheckOwn(const Served *served, const float8 *numbers, int count, const float *head)
{
    if (count < STATE_HEAD || !IsSame(numbers, head, STATE_FORM_PLACE, 1))
        FailState("state is none that recadv_act() has given", NULL);
    if (!IsSame(numbers, head, STATE_LINEAGE, 2))
        FailState(psprintf("state is of another model than \"%s\"", served->store->name),
                  "A model that was dropped and trained anew is another one, too.");
}

static void CheckNumbers(const Served *served, const float8 *numbers, int count)
{
    uint32 width = ActStateWidth(served);

    if ((uint32)(count - STATE_HEAD) != width)
        FailState("state is none that recadv_act() has given",
                  psprintf("It has %d numbers, not %u.", count, width + STATE_HEAD));
    for (int i = STATE_HEAD; i < count; i++)
        if (!isfinite((float)numbers[i]))
            FailState("state is none that recadv_act() has given",
                      "It has a number that is not finite.");
}

static void NoteOther(const Served *served, const float8 *numbers)
{
    ereport(NOTICE,
            (errmsg("state is of version %.0f of model \"%s\", and version %d serves: the session "
                    "starts anew",
                    numbers[STATE_VERSION], served->store->name, served->current.version),
             errdetail("What one version remembers of a session means nothing to another.")));
}

float *ActStateRead(const Served *served, const float8 *numbers, int count)
{
    float head[STATE_HEAD];
    float *own;

    if (count == 0)
        return NULL;
    WriteHead(served, head);
    CheckOwn(served, numbers, count, head);
    if (!IsSame(numbers, head, STATE_FINGERPRINT, 2)) {
        NoteOther(served, numbers);
        return NULL;
    }
    CheckNumbers(served, numbers, count);
    own = AllocateFloats(1, (Size)(count - STATE_HEAD) + 1);
    for (int i = STATE_HEAD; i < count; i++)
        own[i - STATE_HEAD] = (float)numbers[i];
    return own;
}

/* --- writing */

ArrayType *ActStateWrite(const Served *served, const float *numbers)
{
    uint32 width = ActStateWidth(served);
    Datum *values = PallocArray(Datum, STATE_HEAD + (Size)width);
    float head[STATE_HEAD];

    WriteHead(served, head);
    for (int i = 0; i < STATE_HEAD; i++)
        values[i] = Float4GetDatum(head[i]);
    for (uint32 i = 0; i < width; i++)
        values[STATE_HEAD + i] = Float4GetDatum(numbers[i]);
    return construct_array(values, STATE_HEAD + (int)width, FLOAT4OID, sizeof(float4), true,
                           TYPALIGN_INT);
}
