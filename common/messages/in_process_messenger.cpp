#include "common/messages/in_process_messenger.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "common/errors.h"

namespace kvcompare {

// One mailbox a rank, all under one lock: units take long, messages are few.
class InProcessExchange::Impl {
 public:
  explicit Impl(int n_ranks) : mailboxes_(static_cast<std::size_t>(n_ranks)) {}

  void put(Rank from, Rank to, Message message) {
    const std::lock_guard lock(mutex_);
    rethrow_if_aborted();
    mailbox(to).push_back({from, std::move(message)});
    changed_.notify_all();
  }

  std::optional<Envelope> take(Rank rank, std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    auto& box = mailbox(rank);
    changed_.wait_for(lock, timeout, [&] { return !box.empty() || cause_; });
    rethrow_if_aborted();
    if (box.empty()) return std::nullopt;
    auto envelope = std::move(box.front());
    box.pop_front();
    return envelope;
  }

  void abort(std::exception_ptr cause) {
    const std::lock_guard lock(mutex_);
    if (!cause_) cause_ = std::move(cause);
    changed_.notify_all();
  }

 private:
  std::deque<Envelope>& mailbox(Rank rank) {
    require(rank.value >= 0 && rank.value < std::ssize(mailboxes_),
            "a message to a rank that does not exist");
    return mailboxes_[static_cast<std::size_t>(rank.value)];
  }

  void rethrow_if_aborted() const {
    if (cause_) std::rethrow_exception(cause_);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::deque<Envelope>> mailboxes_;
  std::exception_ptr cause_;
};

class InProcessExchange::Endpoint : public Messenger {
 public:
  Endpoint(Impl& exchange, Rank rank) : exchange_(exchange), rank_(rank) {}

  void send(Rank to, Message message) override { exchange_.put(rank_, to, std::move(message)); }
  std::optional<Envelope> receive(std::chrono::milliseconds timeout) override {
    return exchange_.take(rank_, timeout);
  }

 private:
  Impl& exchange_;
  Rank rank_;
};

InProcessExchange::InProcessExchange(int n_ranks) : impl_(std::make_unique<Impl>(n_ranks)) {}

InProcessExchange::~InProcessExchange() = default;

std::unique_ptr<Messenger> InProcessExchange::endpoint(Rank rank) {
  return std::make_unique<Endpoint>(*impl_, rank);
}

void InProcessExchange::abort(std::exception_ptr cause) { impl_->abort(std::move(cause)); }

}  // namespace kvcompare
