// The flags of each subcommand: the one place where they are named.
#pragma once

#include <string>
#include <vector>

#include "launch/command_line/flag.h"

namespace kvcompare {

const std::vector<Flag>& compare_flags();
const std::vector<Flag>& tokenize_flags();
const std::vector<Flag>& verify_flags();
const std::vector<Flag>& report_flags();
const std::vector<Flag>& inspect_flags();
const std::vector<Flag>& merge_flags();
const std::vector<Flag>& train_kvzap_flags();
const std::vector<Flag>& doctor_flags();
const std::vector<Flag>& dump_flags();

std::vector<std::string> flag_names(const std::vector<Flag>& flags);

// Null if no flag has this name ('-' and '_' are the same).
const Flag* find_flag(const std::vector<Flag>& flags, std::string_view name);

}  // namespace kvcompare
