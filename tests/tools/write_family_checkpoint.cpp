// write_family_checkpoint CONFIG_JSON FOLDER SEED     a checkpoint with random weights (family_checkpoint.h)
// Prints the hash of the weights.
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/family_checkpoint.h"

int main(int argc, char** argv) try {
  if (argc != 4) {
    std::fputs("usage: write_family_checkpoint CONFIG_JSON FOLDER SEED\n", stderr);
    return 2;
  }
  std::ifstream file(argv[1]);
  const std::string config((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::puts(kvcompare::write_family_checkpoint(argv[2], config, std::stoull(argv[3])).c_str());
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "write_family_checkpoint: %s\n", error.what());
  return 1;
}
