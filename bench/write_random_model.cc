// write_random_model tiny|middle|1b FOLDER: a model for benchmarks, see bench/random_model.h.
#include <cstdio>
#include <string>

#include "bench/random_model.h"

int main(int argc, char** argv) {
  const auto shape = argc == 3 ? lorasweep::bench::ShapeNamed(argv[1]) : std::nullopt;
  if (!shape) {
    std::fprintf(stderr, "usage: write_random_model tiny|middle|1b FOLDER\n");
    return 2;
  }
  if (const absl::Status made = lorasweep::bench::WriteRandomModel(*shape, argv[2]); !made.ok()) {
    std::fprintf(stderr, "write_random_model: %s\n", std::string{made.message()}.c_str());
    return 1;
  }
  return 0;
}
