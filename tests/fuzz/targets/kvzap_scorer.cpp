// The scorer of kvzap: config.json, a NUL, model.safetensors.
#include <optional>

#include "tests/fuzz/fuzzed_input.h"
#include "tests/fuzz/refusal.h"
#include "tests/fuzz/targets.h"
#include "tests/support/decoder_of_two_layers.h"
#include "worker/checkpoint/kvzap_checkpoint.h"

namespace kvcompare::fuzz {

void kvzap_scorer(std::string_view input) {
  static const InputFolder folder;
  static const Decoder decoder = decoder_of_two_layers();
  const auto [config, weights] = split_at_nul(input);
  folder.write("config.json", config);
  folder.write("model.safetensors", weights);
  KvzapSurrogate scorer;
  const auto load = [&] {
    scorer = load_kvzap_surrogate(folder.path(), decoder, std::nullopt, at::kDouble, at::kCPU);
  };
  if (is_accepted(load, ExitCode::kBadInput, folder.path().string()))
    expect(scorer.layers.size() == 2, "a scorer of another number of layers");
}

}  // namespace kvcompare::fuzz
