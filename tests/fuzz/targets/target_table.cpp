// The file of a prompt to which a surrogate of kvzap is fitted.
#include "worker/training/target_table.h"

#include <array>
#include <filesystem>

#include "tests/fuzz/fuzzed_input.h"
#include "tests/fuzz/refusal.h"
#include "tests/fuzz/targets.h"

namespace kvcompare::fuzz {

void target_table(std::string_view input) {
  static const InputFolder folder;
  const std::array files{folder.write("prompt.safetensors", input)};
  LayerTargets targets;
  if (!is_accepted([&] { targets = read_targets(files, 0); }, ExitCode::kBadInput, files[0].string())) return;
  expect(targets.hidden.dim() == 2 && targets.scores.dim() == 2, "targets that are no tables");
  expect(targets.hidden.size(0) == targets.scores.size(0), "positions without targets");
}

}  // namespace kvcompare::fuzz
