// Exceptions that end the process. Each carries its exit code; what() says what was wrong, where, and what
// would be accepted. A failed unit is no exception but data: see UnitFailure in unit_result.h.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "common/exit_code.h"

namespace kvcompare {

class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode exit_code() const { return code_; }

 private:
  ExitCode code_;
};

// A flag, a key of the configuration file, or a combination of them.
struct ConfigError : Error {
  ConfigError(std::string key_, std::string problem_)
      : Error(ExitCode::kUsage, key_ + ": " + problem_), key(std::move(key_)), problem(std::move(problem_)) {}
  std::string key;
  std::string problem;
};

// The data set, with the line it happened on (1-based; 0: the file as a whole).
struct DataError : Error {
  DataError(std::string file_, std::int64_t line_, std::string problem_)
      : Error(ExitCode::kBadInput, file_ + (line_ > 0 ? ":" + std::to_string(line_) : "") + ": " + problem_),
        file(std::move(file_)),
        line(line_),
        problem(std::move(problem_)) {}
  std::string file;
  std::int64_t line;
  std::string problem;
};

// A file of a checkpoint (config.json, tokenizer.json, *.safetensors) and the key or tensor in it (may be
// empty).
struct CheckpointError : Error {
  CheckpointError(std::string file_, std::string item_, const std::string& problem)
      : Error(ExitCode::kBadInput, file_ + ": " + (item_.empty() ? "" : item_ + ": ") + problem),
        file(std::move(file_)),
        item(std::move(item_)) {}
  std::string file;
  std::string item;
};

// Another run writes into the output directory. owner: host, process and start time, as its LOCK file says.
struct DirectoryInUse : Error {
  DirectoryInUse(std::string folder_, std::string owner_)
      : Error(ExitCode::kDirectoryInUse,
              folder_ + ": is in use by " + owner_ + "; wait for it, or choose another --output_dir"),
        folder(std::move(folder_)),
        owner(std::move(owner_)) {}
  std::string folder;
  std::string owner;
};

struct OutputError : Error {
  OutputError(std::string path_, const std::string& problem)
      : Error(ExitCode::kOutput, path_ + ": " + problem), path(std::move(path_)) {}
  std::string path;
};

// A GPU that fails: nothing that it holds can be read any more. What is done is safe, and the run goes on
// when it is started again, on that GPU or without it. device: "cuda:3 (NVIDIA H100 80GB HBM3, PCI
// 0000:41:00.0)".
struct DeviceLost : Error {
  DeviceLost(std::string device_, const std::string& problem)
      : Error(ExitCode::kInterrupted,
              device_ + " has failed: " + problem + "; run again with --resume to go on"),
        device(std::move(device_)) {}
  std::string device;
};

// What the program itself guarantees did not hold. Never the user's fault.
struct InvariantError : Error {
  explicit InvariantError(const std::string& message) : Error(ExitCode::kInternal, message) {}
};

// Throws InvariantError; on in every build.
inline void require(bool holds, const std::string& message) {
  if (!holds) throw InvariantError(message);
}

}  // namespace kvcompare
