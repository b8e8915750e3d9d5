#include "worker/worker_loop.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <string>
#include <utility>
#include <variant>

#include <fcntl.h>
#include <unistd.h>

#include "common/errors.h"
#include "common/fault_point.h"

namespace kvcompare {
namespace {

constexpr std::chrono::milliseconds kPatience{1000};

Message answer(UnitOutcome outcome, bool with_token_nll) {
  if (auto* failure = std::get_if<UnitFailure>(&outcome)) return Failure{std::move(*failure)};
  auto result = std::get<UnitResult>(std::move(outcome));
  if (!with_token_nll) result.token_nll = {};
  return Result{std::move(result)};
}

class ComputedLog {
 public:
  explicit ComputedLog(std::filesystem::path path) : path_(std::move(path)) {
    if (path_.empty()) return;
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (descriptor_ < 0) fail();
  }
  ComputedLog(const ComputedLog&) = delete;
  ComputedLog& operator=(const ComputedLog&) = delete;
  ~ComputedLog() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  void note(const UnitOutcome& outcome) {
    const auto* result = std::get_if<UnitResult>(&outcome);
    if (descriptor_ < 0 || !result) return;
    const auto line = std::to_string(result->unit.sample.value) + " " +
                      std::to_string(result->unit.method.value) + " " + digest(*result) + "\n";
    if (::write(descriptor_, line.data(), line.size()) != std::ssize(line)) fail();
  }

 private:
  [[noreturn]] void fail() const {
    throw OutputError(path_.string(), std::string("cannot be written: ") + std::strerror(errno));
  }

  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace

void run_worker(Messenger& messenger, Evaluator& evaluator, Hello hello,
                const std::filesystem::path& computed_log) {
  ComputedLog log(computed_log);
  hello.n_tokens_at_once = evaluator.n_tokens_at_once();
  messenger.send(kCoordinator, std::move(hello));
  std::deque<Assign> in_hand;
  for (;;) {
    while (auto envelope = messenger.receive(in_hand.empty() ? kPatience : std::chrono::milliseconds(0))) {
      if (std::holds_alternative<Stop>(envelope->message)) {
        messenger.send(kCoordinator, Goodbye{});
        return;
      }
      auto* assign = std::get_if<Assign>(&envelope->message);
      require(assign != nullptr, "a worker was sent a message that is neither Assign nor Stop");
      in_hand.push_back(std::move(*assign));
    }
    if (in_hand.empty()) continue;
    const auto assign = std::move(in_hand.front());
    in_hand.pop_front();
    for (auto& outcome : evaluator.evaluate(assign.units)) {
      log.note(outcome);
      fault_point("worker_before_send");
      messenger.send(kCoordinator, answer(std::move(outcome), assign.with_token_nll));
    }
  }
}

}  // namespace kvcompare
