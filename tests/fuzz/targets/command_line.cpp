// The command line: an argument a line.
#include "launch/command_line/command_line.h"

#include <algorithm>
#include <string>
#include <vector>

#include "tests/fuzz/refusal.h"
#include "tests/fuzz/targets.h"

namespace kvcompare::fuzz {
namespace {

std::vector<std::string> arguments_of(std::string_view input) {
  std::vector<std::string> arguments;
  for (std::size_t begin = 0; begin <= input.size();) {
    const auto end = std::min(input.find('\n', begin), input.size());
    arguments.emplace_back(input.substr(begin, end - begin));
    begin = end + 1;
  }
  return arguments;
}

}  // namespace

void command_line(std::string_view input) {
  if (input.find('\0') != std::string_view::npos) return;     // no argument holds one
  if (input.find("/dev/") != std::string_view::npos) return;  // some of these never end
  try {
    parse_command_line(arguments_of(input));
  } catch (const ConfigError& error) {
    expect(!error.key.empty() && !error.problem.empty(), std::string("says too little: ") + error.what());
    check_message(error.what(), error.key);
  }
}

}  // namespace kvcompare::fuzz
