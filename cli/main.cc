#include <iostream>
#include <string>
#include <vector>

#include "cli/app.h"

int main(int argc, char** argv) {
  return lorasweep::cli::RunProgram(std::vector<std::string>(argv, argv + argc), std::cout, std::cerr);
}
