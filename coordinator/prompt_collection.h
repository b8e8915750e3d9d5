// The coordinator's side of the collection of targets (common/messages/messages.h): hands out prompts, and
// gives what comes back to whoever keeps it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/data/repeated_prompt.h"
#include "common/messages/messenger.h"
#include "coordinator/same_model.h"
#include "coordinator/same_numerics.h"

namespace kvcompare {

struct CollectionHooks {
  std::function<void(const PromptTargets&)> keep;                   // durably, before it returns
  std::function<void(std::int64_t n_done, double share)> progress;  // called often; share: of all tokens
  std::function<bool()> stop_requested;                             // true: no new prompt
};

class PromptCollection {
 public:
  // What every worker must have.
  struct Required {
    std::string model;          // SHA-256 of the model that it has read
    std::string device_type{};  // that it computes on; see check_same_device_type
    MixedHardware mixed_hardware = MixedHardware::kRefuse;
  };

  // The messenger outlives it.
  PromptCollection(Messenger& messenger, int n_workers, Required required);

  // Until the targets of every prompt are kept, or a stop is requested and those under way are kept.
  // False if prompts are left. Throws what the messenger and `keep` throw, the error of a worker that cannot
  // go on, CheckpointError if a worker has read another model, and ConfigError if it computes on a device of
  // another type.
  bool collect(const std::vector<RepeatedPrompt>& prompts, const CollectionHooks& hooks);

  // All workers have said hello: none is still loading.
  bool all_are_ready() const { return std::ssize(workers_) == n_workers_; }

  // Answers the workers' signs of life for a while, though there is nothing to do for them.
  void idle(std::chrono::milliseconds duration);

  // Tells the workers to stop, and waits until they have said goodbye.
  void dismiss();

 private:
  struct Worker {
    Rank rank;
    std::int64_t n_tokens_at_once = 0;
    std::size_t n_in_hand = 0;  // prompts
  };

  std::optional<Envelope> receive(std::chrono::milliseconds timeout);  // throws the error of a worker
  void welcome(Rank from, const Hello& hello);
  void take(const Envelope& envelope, const CollectionHooks& hooks);
  void hand_out(const std::vector<RepeatedPrompt>& prompts);

  Messenger& messenger_;
  int n_workers_;
  std::string device_type_;
  SameModel same_model_;
  SameNumerics same_numerics_;
  std::vector<Worker> workers_;  // that have said hello
  std::size_t next_ = 0;         // prompt to hand out
  std::int64_t n_done_ = 0;
};

}  // namespace kvcompare
