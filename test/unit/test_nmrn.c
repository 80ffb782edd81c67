#include "tests.h"
void TestNmrn(void) {}
