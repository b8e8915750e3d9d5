// What is worth knowing about a run beyond its numbers. Differs from run to run.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace kvcompare {

struct RunRecord {
  std::chrono::system_clock::time_point started;
  std::chrono::system_clock::time_point finished;
  std::string host;
  std::string kvcompare_version;
  std::string libtorch_version;
  std::string compiler;
  std::vector<std::string> command_line;
  std::string device;  // "cpu", "cuda:0"
  int n_threads = 0;
  double load_seconds = 0;      // model, tokenizer and data set
  double evaluate_seconds = 0;  // wall, first unit dispatched to last one done
};

// ISO 8601 in UTC, to the second: "2026-02-03T04:05:06Z"
std::string utc_text(std::chrono::system_clock::time_point time);

}  // namespace kvcompare
