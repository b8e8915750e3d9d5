// What may stand behind a flag, for shells to complete.
#pragma once

#include <string>
#include <vector>

#include "launch/command_line/flag.h"

namespace kvcompare {

struct CompletedValue {
  enum class Kind { kNothing, kWords, kFile, kFolder };
  Kind kind = Kind::kNothing;        // kNothing: a number, or a text that nobody can guess
  std::vector<std::string> words{};  // of kWords
  bool is_list = false;              // several, with commas between them
};

// Of a switch kNothing: it may stand alone.
CompletedValue completed_value(const Flag& flag);

}  // namespace kvcompare
