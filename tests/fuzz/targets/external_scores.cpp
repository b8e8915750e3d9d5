// A file of --external_scores: the scores of one sample.
#include <array>

#include "tests/fuzz/fuzzed_input.h"
#include "tests/fuzz/refusal.h"
#include "tests/fuzz/targets.h"
#include "tests/support/decoder_of_two_layers.h"
#include "worker/checkpoint/scores_folder.h"

namespace kvcompare::fuzz {

void external_scores(std::string_view input) {
  static const InputFolder folder;
  static const std::array samples{Sample{.index = SampleIndex(0), .ids = {1, 2, 3}}};
  const auto file = folder.write(sample_file_name(SampleIndex(0)), input).string();
  const ScoresFolder scores(folder.path(), decoder_of_two_layers());
  is_accepted([&] { scores.check(samples, "abc", 1); }, ExitCode::kBadInput, file);
  is_accepted([&] { expect(scores.of_sample(SampleIndex(0)).dim() == 3, "scores of another shape"); },
              ExitCode::kBadInput, file);
}

}  // namespace kvcompare::fuzz
