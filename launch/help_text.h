#pragma once

#include <string>

namespace kvcompare {

std::string compare_help();
std::string tokenize_help();
std::string train_kvzap_help();
std::string finalize_help();
std::string rerun_help();
std::string verify_help();
std::string doctor_help();
std::string presses_help();
std::string version_text();

}  // namespace kvcompare
