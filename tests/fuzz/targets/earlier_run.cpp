// What `kvcompare rerun` reads of a run: detailed_results.json, a NUL, run.json.
#include "launch/command_line/earlier_run.h"

#include "launch/command_line/command_line.h"
#include "launch/command_line/flag_table.h"
#include "tests/fuzz/fuzzed_input.h"
#include "tests/fuzz/refusal.h"
#include "tests/fuzz/targets.h"

namespace kvcompare::fuzz {

void earlier_run(std::string_view input) {
  static const InputFolder folder;
  const auto [results, places] = split_at_nul(input);
  folder.write("detailed_results.json", results);
  folder.write("run.json", places);
  const auto& path = folder.path();
  if (!is_accepted([&] { flags_of_run(path, compare_flags()); }, ExitCode::kUsage, path.string())) return;
  // Flags that contradict one another: the message names a flag.
  is_accepted([&] { parse_command_line({"rerun", path.string()}); }, ExitCode::kUsage, ": ");
}

}  // namespace kvcompare::fuzz
