#include "launch/session/process_setup.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include <fcntl.h>
#include <linux/limits.h>
#include <unistd.h>

namespace kvcompare {
namespace {

constexpr std::string_view kNoWorkingDirectory =
    "kvcompare: error: the working directory has been deleted; start kvcompare in one that exists\n";

[[noreturn]] void end(ExitCode code) { ::_exit(static_cast<int>(code)); }

}  // namespace

// The sanitizers are not initialised yet at this point.
[[gnu::no_sanitize("address", "undefined", "thread")]] void prepare_process() noexcept {
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) != -1 || errno != EBADF) continue;
    // open() takes the lowest free number, which is this descriptor.
    if (::open("/dev/null", O_RDWR) != descriptor) end(ExitCode::kInternal);
  }
  char path[PATH_MAX];  // NOLINT(modernize-avoid-c-arrays)
  if (::getcwd(path, sizeof path) || errno != ENOENT) return;
  [[maybe_unused]] const auto n =
      ::write(STDERR_FILENO, kNoWorkingDirectory.data(), kNoWorkingDirectory.size());
  end(ExitCode::kUsage);
}

void let_writes_fail() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

void end_process(ExitCode code) {
#ifdef __SANITIZE_ADDRESS__
  std::exit(static_cast<int>(code));  // looks for leaks
#else
  std::_Exit(static_cast<int>(code));
#endif
}

}  // namespace kvcompare
