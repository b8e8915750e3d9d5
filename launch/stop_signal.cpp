#include "launch/stop_signal.h"

#include <csignal>

namespace kvcompare {
namespace {

volatile std::sig_atomic_t stop_was_signalled = 0;

}  // namespace

void install_stop_signals() {
  struct sigaction action = {};
  action.sa_handler = [](int) { stop_was_signalled = 1; };
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, nullptr);
  action.sa_flags |= static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool stop_signalled() { return stop_was_signalled != 0; }

}  // namespace kvcompare
