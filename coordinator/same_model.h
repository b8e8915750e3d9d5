#pragma once

#include <optional>
#include <string>
#include <utility>

#include "common/ids.h"
#include "common/messages/messages.h"

namespace kvcompare {

// Checks that all workers compute with the model that the coordinator has read. A worker reports which files
// it has read, or which weights it has on its device, or both. A worker that received its weights from others
// has read no file, so its weights must be those of the workers that have.
class SameModel {
 public:
  // model : SHA-256 of the model that the coordinator has read
  explicit SameModel(std::string model) : model_(std::move(model)) {}

  // Throws CheckpointError if the worker has read another model than the coordinator, or has other weights
  // than a worker before it.
  void check(Rank from, const Hello& hello);

 private:
  struct Reported {
    Rank from;
    std::string host;
    std::string weights;
  };

  std::string model_;
  std::optional<Reported> first_;  // the first worker that reported its weights
};

}  // namespace kvcompare
