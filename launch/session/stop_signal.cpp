#include "launch/session/stop_signal.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <unistd.h>

#include "common/exit_code.h"

namespace kvcompare {
namespace {

// The state that a signal handler can reach. The handler may run on any thread.
// NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables)
std::atomic<bool> stop_was_signalled = false;
std::atomic<const char*> last_words = nullptr;  // the text when a stop ends the process at once; null: a stop
                                                // is only noted
// NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<const char*>::is_always_lock_free,
              "only then may a signal handler use them");

// Calls nothing but what a signal handler may call.
void end_now(const char* words) {
  [[maybe_unused]] const auto n = ::write(STDERR_FILENO, words, std::strlen(words));
  ::_exit(static_cast<int>(ExitCode::kInterrupted));
}

void note_or_end(int) {
  stop_was_signalled = true;
  if (const char* words = last_words) end_now(words);
}

// A stop that came while stops were only noted still counts.
void set_last_words(const char* words) {
  last_words = words;
  if (words && stop_was_signalled) end_now(words);
}

}  // namespace

bool speaks_for_all_ranks() {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK"})
    if (const char* rank = std::getenv(name)) return std::string_view(rank) == "0";
  return true;
}

void install_stop_signals() {
  end_at_once_on_stop("kvcompare: interrupted; run again\n");
  struct sigaction action = {};
  action.sa_handler = note_or_end;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, nullptr);
  struct sigaction inherited = {};
  sigaction(SIGHUP, nullptr, &inherited);
  if (inherited.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, nullptr);  // ignored: nohup started us
  action.sa_flags |= static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

void end_at_once_on_stop(const char* words) { set_last_words(speaks_for_all_ranks() ? words : ""); }

void only_note_stop() { last_words = nullptr; }

bool stop_signalled() { return stop_was_signalled; }

StopDeferred::StopDeferred() : words_(last_words.exchange(nullptr)) {}

StopDeferred::~StopDeferred() { set_last_words(words_); }

}  // namespace kvcompare
