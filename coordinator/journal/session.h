// A session: the program was started, and worked on a run until it was complete or interrupted. Nothing in it
// changes a number.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/utc_time.h"

namespace kvcompare {

struct SessionEnd {
  std::chrono::system_clock::time_point finished;
  double evaluate_seconds = 0;   // wall, first unit dispatched to last one done
  std::int64_t n_evaluated = 0;  // units, failed attempts included
  bool interrupted = false;

  static constexpr std::array kFields{"finished", "evaluate_seconds", "evaluated", "interrupted"};
};

struct Session {
  std::chrono::system_clock::time_point started;
  std::string host;  // of the coordinator
  std::string kvcompare_version;
  std::string libtorch_version;
  std::string compiler;
  std::string commit{};  // build_commit() of the program
  std::vector<std::string> command_line;
  int n_processes = 1;
  int n_workers = 1;
  std::string device;               // of the coordinator's own worker: "cpu", "cuda:0"
  int n_threads = 0;                // of one process
  double load_seconds = 0;          // tokenizer and data set
  std::optional<SessionEnd> end{};  // absent while it goes on, and if it was killed

  static constexpr std::array kFields{"started", "host",         "kvcompare", "libtorch", "compiler",
                                      "commit",  "command_line", "processes", "workers",  "device",
                                      "threads", "load_seconds", "end"};
  static constexpr std::array kLaterFields{"commit"};
};

}  // namespace kvcompare
