// The subcommands: the one place where they are listed for help, man page and completion.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "launch/command_line/flag.h"

namespace kvcompare {

struct Subcommand {
  const char* name;
  const char* summary;                  // one line without a full stop
  std::string (*help)();                // whole text of its --help
  const std::vector<Flag>& (*flags)();  // null if it takes none
  const char* operands = "";  // what stands before the flags: "FOLDER", "FOLDER...", "TOPIC", "bash|zsh|fish"
};

// By name; the main job, compare, first.
std::span<const Subcommand> subcommands();

std::vector<std::string> subcommand_names();

}  // namespace kvcompare
