#pragma once

// c10 and Catch2 both define CHECK: include this, never either of them, in a test that needs torch.
#include <ATen/ATen.h>

#undef CHECK
#include <catch2/catch.hpp>
