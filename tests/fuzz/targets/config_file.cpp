// A configuration file.
#include "launch/command_line/config_file.h"

#include "launch/command_line/command_line.h"
#include "launch/command_line/flag_table.h"
#include "tests/fuzz/fuzzed_input.h"
#include "tests/fuzz/refusal.h"
#include "tests/fuzz/targets.h"

namespace kvcompare::fuzz {

void config_file(std::string_view input) {
  static const InputFolder folder;
  const auto file = folder.write("config.json", input).string();
  if (!is_accepted([&] { read_config_file(file, compare_flags()); }, ExitCode::kUsage, file)) return;
  // Flags that contradict one another: the message names a flag, which may be one that the file left out.
  is_accepted([&] { parse_command_line({"--config", file}); }, ExitCode::kUsage, ": ");
}

}  // namespace kvcompare::fuzz
