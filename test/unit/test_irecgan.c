/* test_irecgan.c: a policy that learns from the returns of logged clicks. */
#include "tests.h"

void TestIrecgan(void)
{
}
