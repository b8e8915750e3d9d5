// The coordinator's side of the collection of targets (common/messages/messages.h). It hands out prompts, and
// passes what comes back to a function that stores it.
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
  std::function<void(const PromptTargets&)> keep;                   // must have stored the targets durably
                                                                    // when it returns
  std::function<void(std::int64_t n_done, double share)> progress;  // called often; share: of the tokens of
                                                                    // all prompts
  std::function<bool()> stop_requested;                             // true: no new prompt is handed out
};

class PromptCollection {
 public:
  // What every worker must agree with.
  struct Required {
    std::string model;          // SHA-256 of the model that the worker must have read
    std::string device_type{};  // the worker must compute on this; see check_same_device_type
    MixedHardware mixed_hardware = MixedHardware::kRefuse;
  };

  // The messenger must outlive this object.
  PromptCollection(Messenger& messenger, int n_workers, Required required);

  // Hands out prompts until the targets of every prompt are stored. If a stop is requested, hands out no
  // more, and waits until those already handed out are stored. Returns false if prompts are left. Throws what
  // the messenger and `keep` throw, the error of a worker that cannot continue, CheckpointError if a worker
  // has read another model, and ConfigError if it computes on a device of another type.
  bool collect(const std::vector<RepeatedPrompt>& prompts, const CollectionHooks& hooks);

  // True once all workers have said hello, so none is still loading.
  bool all_are_ready() const { return std::ssize(workers_) == n_workers_; }

  // Answers the workers' heartbeats for a while, although there is no work for them.
  void idle(std::chrono::milliseconds duration);

  // Tells the workers to stop, and waits until they have said goodbye.
  void dismiss();

 private:
  struct Worker {
    Rank rank;
    std::int64_t n_tokens_at_once = 0;
    std::size_t n_in_hand = 0;  // prompts handed out to it
  };

  std::optional<Envelope> receive(std::chrono::milliseconds timeout);  // throws if a worker reports an error
  void welcome(Rank from, const Hello& hello);
  void take(const Envelope& envelope, const CollectionHooks& hooks);
  void hand_out(const std::vector<RepeatedPrompt>& prompts);

  Messenger& messenger_;
  int n_workers_;
  std::string device_type_;
  SameModel same_model_;
  SameNumerics same_numerics_;
  std::vector<Worker> workers_;  // those that have said hello
  std::size_t next_ = 0;         // the next prompt to hand out
  std::int64_t n_done_ = 0;
};

}  // namespace kvcompare
