#pragma once

#include <optional>
#include <string>
#include <utility>

#include "common/ids.h"
#include "common/messages/messages.h"

namespace kvcompare {

// Whether all workers compute with the model that the coordinator has read. A worker says which files it has
// read, or which weights it has on its device, or both. Those that were sent their weights by others have
// read no file: theirs must be the weights of those that have.
class SameModel {
 public:
  // model: SHA-256 of what the coordinator has read.
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
  std::optional<Reported> first_;  // that told its weights
};

}  // namespace kvcompare
