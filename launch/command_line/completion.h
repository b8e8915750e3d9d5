// What a shell needs to complete a command line of kvcompare, made of the tables of subcommands and flags.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kvcompare {

enum class Shell { kBash, kZsh, kFish };

// "bash", "zsh", "fish".
std::optional<Shell> find_shell(std::string_view name);

// A script for that shell to read.
std::string completion_script(Shell shell);

}  // namespace kvcompare
