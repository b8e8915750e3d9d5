#pragma once

#include <string>
#include <vector>

#include "launch/command_line/flag.h"

namespace kvcompare {

std::string compare_help();
std::string completion_help();
std::string manual_help();
std::string tokenize_help();
std::string train_kvzap_help();
std::string dump_help();
std::string finalize_help();
std::string rerun_help();
std::string report_help();
std::string inspect_help();
std::string verify_help();
std::string doctor_help();
std::string merge_help();
std::string models_help();
std::string presses_help();

// One flag, as these texts show it; all flags of a subcommand.
std::string flag_lines(const Flag& flag);
std::string lines_by_section(const std::vector<Flag>& flags);

}  // namespace kvcompare
