#include "coordinator/prompt_collection.h"

#include <algorithm>
#include <map>
#include <utility>
#include <variant>

#include "common/errors.h"
#include "common/files/fault_point.h"
#include "coordinator/same_device.h"

namespace kvcompare {
namespace {

constexpr std::chrono::milliseconds kPollInterval{100};

}  // namespace

PromptCollection::PromptCollection(Messenger& messenger, int n_workers, Required required)
    : messenger_(messenger),
      n_workers_(n_workers),
      device_type_(std::move(required.device_type)),
      same_model_(std::move(required.model)),
      same_numerics_({}, required.mixed_hardware) {}

bool PromptCollection::collect(const std::vector<RepeatedPrompt>& prompts, const CollectionHooks& hooks) {
  const auto in_hand = [&] {
    return std::ranges::any_of(workers_, [](const auto& w) { return w.n_in_hand > 0; });
  };
  std::map<SampleIndex, double> n_tokens;
  double all_tokens = 0, n_tokens_done = 0;
  for (const auto& prompt : prompts)
    all_tokens += n_tokens[prompt.sample] = static_cast<double>(prompt.ids.size());
  for (bool stops = false; in_hand() || (!stops && next_ < prompts.size());) {
    stops = stops || hooks.stop_requested();
    if (!stops) hand_out(prompts);
    if (const auto envelope = receive(kPollInterval)) {
      take(*envelope, hooks);
      if (const auto* targets = std::get_if<PromptTargets>(&envelope->message))
        n_tokens_done += n_tokens.at(targets->sample);
    }
    hooks.progress(n_done_, all_tokens > 0 ? n_tokens_done / all_tokens : 0);
  }
  return n_done_ == std::ssize(prompts);
}

void PromptCollection::hand_out(const std::vector<RepeatedPrompt>& prompts) {
  for (auto& worker : workers_) {
    if (worker.n_in_hand > 0) continue;
    AssignPrompts assign;
    for (std::int64_t n_tokens = 0; next_ < prompts.size(); ++next_) {
      n_tokens += prompts[next_].n_context;
      if (!assign.prompts.empty() && n_tokens > worker.n_tokens_at_once) break;
      assign.prompts.push_back(prompts[next_]);
    }
    if (assign.prompts.empty()) return;
    fault_point("before_dispatch");
    worker.n_in_hand = assign.prompts.size();
    messenger_.send(worker.rank, std::move(assign));
  }
}

std::optional<Envelope> PromptCollection::receive(std::chrono::milliseconds timeout) {
  auto envelope = messenger_.receive(timeout);
  if (envelope)
    if (const auto* failed = std::get_if<WorkerFailed>(&envelope->message))
      throw Error(failed->code, failed->reason);
  return envelope;
}

void PromptCollection::welcome(Rank from, const Hello& hello) {
  check_same_device_type(from, hello, device_type_);
  same_model_.check(from, hello);
  same_numerics_.admit(from, hello);
  workers_.push_back({from, hello.n_tokens_at_once});
}

void PromptCollection::take(const Envelope& envelope, const CollectionHooks& hooks) {
  if (const auto* hello = std::get_if<Hello>(&envelope.message)) return welcome(envelope.from, *hello);
  const auto* targets = std::get_if<PromptTargets>(&envelope.message);
  require(targets != nullptr, "the collection of targets was sent another message");
  hooks.keep(*targets);
  const auto worker = std::ranges::find(workers_, envelope.from, &Worker::rank);
  require(worker != workers_.end() && worker->n_in_hand > 0, "targets came that nobody was asked for");
  --worker->n_in_hand;
  ++n_done_;
}

void PromptCollection::idle(std::chrono::milliseconds duration) {
  const auto envelope = receive(duration);
  if (!envelope) return;
  const auto* hello = std::get_if<Hello>(&envelope->message);
  require(hello != nullptr, "an idle worker has sent something");
  welcome(envelope->from, *hello);
}

void PromptCollection::dismiss() {
  for (int worker = 1; worker <= n_workers_; ++worker) messenger_.send(Rank(worker), Stop{});
  for (int n_left = n_workers_; n_left > 0;)
    if (const auto envelope = receive(kPollInterval))
      if (std::holds_alternative<Goodbye>(envelope->message)) --n_left;
}

}  // namespace kvcompare
