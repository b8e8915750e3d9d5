#include "worker/engine/worker_loop.h"

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
#include "common/files/fault_point.h"
#include "common/run/instance_name.h"

namespace kvcompare {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kWaitForUnit{1000};
constexpr std::chrono::milliseconds kWorkInterval{500};  // the least time between two messages WorkDone

void add_bins(UnitOutcome& outcome, std::int64_t bin_width) {
  if (auto* result = std::get_if<UnitResult>(&outcome); result && bin_width > 0)
    result->nll_by_position = nll_by_position(result->token_nll, bin_width, result->scored);
}

Message answer(UnitOutcome outcome, bool with_token_nll) {
  if (auto* failure = std::get_if<UnitFailure>(&outcome)) return std::move(*failure);
  auto result = std::get<UnitResult>(std::move(outcome));
  if (!with_token_nll) {
    result.token_nll = {};
    result.token_quality = {};
    result.span_evidence = {};
  }
  return result;
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

  void note(const UnitOutcome& outcome, const MethodSpec& method) {
    const auto* result = std::get_if<UnitResult>(&outcome);
    if (descriptor_ < 0 || !result) return;
    const auto line = std::to_string(result->unit.sample.value) + " " + instance_name(method) + " " +
                      digest(*result) + "\n";
    if (::write(descriptor_, line.data(), line.size()) != std::ssize(line)) fail();
  }

 private:
  [[noreturn]] void fail() const {
    throw OutputError(path_.string(), std::string("cannot be written: ") + std::strerror(errno));
  }

  std::filesystem::path path_;
  int descriptor_ = -1;
};

// A worker's side of the protocol.
class WorkerLoop {
 public:
  WorkerLoop(Messenger& messenger, Evaluator& evaluator, const std::filesystem::path& computed_log)
      : messenger_(messenger), evaluator_(evaluator), log_(computed_log) {}

  void run(Hello hello) {
    hello.n_tokens_at_once = evaluator_.n_tokens_at_once();
    evaluator_.observe_work([this](double share) { tell_work(share); });
    messenger_.send(kCoordinator, std::move(hello));
    while (!is_stopped_) {
      listen([&] { return in_hand_.empty(); });
      if (is_stopped_) break;
      const auto assign = std::move(in_hand_.front());
      in_hand_.pop_front();
      under_way_ = assign.units.front().unit;
      work_told_ = Clock::now();
      auto outcomes = evaluator_.evaluate(assign.units, assign.baseline);
      // The results of at most one assignment are unacknowledged. A crash can cost no more.
      listen([&] { return n_unacknowledged_ > 0; });
      for (std::size_t i = 0; i < outcomes.size(); ++i) {
        add_bins(outcomes[i], assign.nll_bin_width);
        log_.note(outcomes[i], assign.units[i].method);
        deliver(std::move(outcomes[i]), assign.with_token_nll);
      }
    }
    messenger_.send(kCoordinator, Goodbye{});
  }

 private:
  // Handles the messages that have arrived, and waits for more as long as the condition holds.
  template <class Condition>
  void listen(Condition must_wait) {
    for (;;) {
      const bool waits = must_wait() && !(is_stopped_ && n_unacknowledged_ == 0);
      auto envelope = messenger_.receive(waits ? kWaitForUnit : std::chrono::milliseconds(0));
      if (envelope)
        take(std::move(envelope->message));
      else if (!waits)
        return;
    }
  }

  void take(Message message) {
    if (std::holds_alternative<Stop>(message)) {
      is_stopped_ = true;
    } else if (const auto* acknowledge = std::get_if<Acknowledge>(&message)) {
      n_unacknowledged_ -= acknowledge->n;
    } else {
      auto* assign = std::get_if<Assign>(&message);
      require(assign != nullptr, "a worker was sent a message that only a coordinator gets");
      in_hand_.push_back(std::move(*assign));
    }
  }

  // The evaluator calls this, on this thread. If the messenger throws here, its exception may be taken for an
  // error of the unit. The messenger then throws it again at the next message, which is not part of a unit.
  void tell_work(double share) {
    const auto now = Clock::now();
    if (now - work_told_ < kWorkInterval) return;
    work_told_ = now;
    messenger_.send(kCoordinator, WorkDone{under_way_, share});
  }

  void deliver(UnitOutcome outcome, bool with_token_nll) {
    fault_point("worker_before_send");
    messenger_.send(kCoordinator, answer(std::move(outcome), with_token_nll));
    ++n_unacknowledged_;
  }

  Messenger& messenger_;
  Evaluator& evaluator_;
  ComputedLog log_;
  std::deque<Assign> in_hand_;
  std::int64_t n_unacknowledged_ = 0;
  UnitId under_way_;  // the first of the units being evaluated
  Clock::time_point work_told_;
  bool is_stopped_ = false;
};

}  // namespace

void run_worker(Messenger& messenger, Evaluator& evaluator, Hello hello,
                const std::filesystem::path& computed_log) {
  WorkerLoop(messenger, evaluator, computed_log).run(std::move(hello));
}

}  // namespace kvcompare
