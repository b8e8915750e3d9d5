#include "launch/stop_signal.h"

#include <atomic>
#include <csignal>

namespace kvcompare {
namespace {

// The one thing that a signal handler can reach; it may run on any thread.
std::atomic<bool> stop_was_signalled = false;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
static_assert(std::atomic<bool>::is_always_lock_free, "only then may a signal handler set it");

}  // namespace

void install_stop_signals() {
  struct sigaction action = {};
  action.sa_handler = [](int) { stop_was_signalled = true; };
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, nullptr);
  action.sa_flags |= static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool stop_signalled() { return stop_was_signalled; }

}  // namespace kvcompare
