#include "coordinator/same_model.h"

#include "common/errors.h"

namespace kvcompare {
namespace {

std::string name_of(Rank worker, const std::string& host) {
  return "worker " + std::to_string(worker.value) + " on " + host;
}

}  // namespace

void SameModel::check(Rank from, const Hello& hello) {
  const bool was_sent_its_weights = hello.model.empty() && !hello.weights.empty();
  if (!was_sent_its_weights && hello.model != model_)
    throw CheckpointError("model_name", "",
                          name_of(from, hello.host) + " has read another model (SHA-256 " + hello.model +
                              ") than the coordinator (" + model_ + "); every host must see the same files");
  if (hello.weights.empty()) return;
  if (!first_) first_ = Reported{from, hello.host, hello.weights};
  if (hello.weights != first_->weights)
    throw CheckpointError("model_name", "",
                          name_of(from, hello.host) + " has other weights on " + hello.device + " (SHA-256 " +
                              hello.weights + ") than " + name_of(first_->from, first_->host) + " (" +
                              first_->weights +
                              "), though of the same model: memory, a disk or a connection of one of them is "
                              "faulty");
}

}  // namespace kvcompare
