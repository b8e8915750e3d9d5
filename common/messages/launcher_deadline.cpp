#include "common/messages/launcher_deadline.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace kvcompare {
namespace {

constexpr std::array<std::string_view, 6> kLaunchers{"mpirun", "mpiexec", "orterun",
                                                     "orted",  "prterun", "prted"};

constexpr std::string_view kWords =
    "kvcompare: mpirun still waits for a host that does not answer; it is killed, and the run can be "
    "continued with "
    "--resume\n";

struct Ancestor {
  std::string name;
  pid_t parent = 0;
};

// /proc/PID/stat: "PID (NAME) STATE PARENT ...", where NAME may hold spaces and brackets.
std::optional<Ancestor> look_at(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(file, line);
  const auto begin = line.find('('), end = line.rfind(") ");
  if (begin == std::string::npos || end == std::string::npos || end + 4 > line.size()) return std::nullopt;
  Ancestor ancestor{line.substr(begin + 1, end - begin - 1), 0};
  ancestor.parent = static_cast<pid_t>(std::strtol(line.c_str() + end + 4, nullptr, 10));
  return ancestor;
}

// The nearest ancestor that belongs to Open MPI; there may be a script between it and this process.
std::optional<pid_t> find_launcher() {
  for (pid_t pid = ::getppid(); pid > 1;) {
    const auto ancestor = look_at(pid);
    if (!ancestor) return std::nullopt;
    if (std::ranges::find(kLaunchers, ancestor->name) != kLaunchers.end()) return pid;
    pid = ancestor->parent;
  }
  return std::nullopt;
}

// What the new process does. It is the copy of one thread among many, so it calls nothing but the kernel.
//   launcher        : the only descriptor that stays open. mpirun waits for the end of a rank's output, which
//   would
//                     not come while this process has it open
//   standard_error  : path of the launcher's own, for the message
[[noreturn]] void wait_and_kill(int launcher, const char* standard_error, int timeout_ms) {
  ::setpgid(0, 0);
  ::dup2(launcher, 0);
  ::close_range(1, ~0U, 0);
  pollfd ended{.fd = 0, .events = POLLIN, .revents = 0};
  int n_ended = 0;
  do n_ended = ::poll(&ended, 1, timeout_ms);
  while (n_ended < 0 && errno == EINTR);
  if (n_ended == 0) {
    const int error_output = ::open(standard_error, O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC);
    if (error_output >= 0) {
      [[maybe_unused]] const auto n = ::write(error_output, kWords.data(), kWords.size());
    }
    ::syscall(SYS_pidfd_send_signal, 0, SIGKILL, nullptr, 0);
  }
  ::_exit(0);
}

}  // namespace

void limit_wait_of_launcher(std::chrono::milliseconds patience) {
  const auto launcher = find_launcher();
  if (!launcher) return;
  const int descriptor = static_cast<int>(::syscall(SYS_pidfd_open, *launcher, 0));
  if (descriptor < 0) return;  // it has just ended, or the kernel is older than 5.3
  const auto standard_error = "/proc/" + std::to_string(*launcher) + "/fd/2";
  const auto child = ::fork();
  if (child == 0) wait_and_kill(descriptor, standard_error.c_str(), static_cast<int>(patience.count()));
  // mpirun ends the process group of a rank: the new process must not be in it when MPI_Abort is called.
  if (child > 0) ::setpgid(child, child);
  ::close(descriptor);
}

}  // namespace kvcompare
