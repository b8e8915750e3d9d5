// config.json of a model.
#include "worker/checkpoint/model_config.h"

#include <optional>

#include "tests/fuzz/fuzzed_input.h"
#include "tests/fuzz/refusal.h"
#include "tests/fuzz/targets.h"

namespace kvcompare::fuzz {

void model_config(std::string_view input) {
  static const InputFolder folder;
  const auto file = folder.write("config.json", input);
  std::optional<ModelConfig> config;
  if (!is_accepted([&] { config = read_model_config(file); }, ExitCode::kBadInput, file.string())) return;
  expect(config->decoder.n_layers() > 0, "a model without layers");
}

}  // namespace kvcompare::fuzz
