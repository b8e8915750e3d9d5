// write_tiny_model PRESET FOLDER        a tiny checkpoint of the tests, with its KVzap surrogate and samples
// write_tiny_model --scorer FOLDER LAYERS KV_HEADS HIDDEN SEED   only a surrogate, for a model of that shape
// write_tiny_model --list               the presets
// Prints the hash of the weights.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "tests/support/tiny_model.h"

int main(int argc, char** argv) try {
  using namespace kvcompare;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 1 && arguments[0] == "--list") {
    for (const TinyModelPreset& preset : tiny_model_presets()) std::puts(std::string(preset.name).c_str());
    return 0;
  }
  if (arguments.size() == 6 && arguments[0] == "--scorer") {
    TinyModelSpec spec;
    spec.layers = std::stoll(arguments[2]);
    spec.kv_heads = std::stoll(arguments[3]);
    spec.hidden = std::stoll(arguments[4]);
    spec.seed = std::stoull(arguments[5]);
    std::puts(write_tiny_scorer(arguments[1], spec).c_str());
    return 0;
  }
  if (arguments.size() == 2) {
    std::puts(write_tiny_model(arguments[1], tiny_model_preset(arguments[0])).c_str());
    return 0;
  }
  std::fputs("usage: write_tiny_model PRESET FOLDER | --scorer FOLDER LAYERS KV_HEADS HIDDEN SEED | --list\n",
             stderr);
  return 2;
} catch (const std::exception& error) {
  std::fprintf(stderr, "write_tiny_model: %s\n", error.what());
  return 1;
}
