#include <iostream>
#include <string_view>

#include "cli/sweep_schema.h"

// Prints docs/sweep_file.md (`reference`) or docs/sweep.schema.json (`schema`), to write them anew after a change of
// the settings:  sweep_file_docs reference > docs/sweep_file.md; sweep_file_docs schema > docs/sweep.schema.json
int main(int argc, char** argv) {
  const std::string_view what = argc == 2 ? argv[1] : "";
  if (what != "reference" && what != "schema") {
    std::cerr << "usage: sweep_file_docs reference|schema\n";
    return 2;
  }
  std::cout << (what == "reference" ? lorasweep::cli::SweepFileReference() : lorasweep::cli::SweepFileJsonSchema());
  return 0;
}
