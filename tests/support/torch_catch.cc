// The source of a precompiled header.
#include "tests/support/torch_catch.h"
