#include "launch/session/thread_supply.h"

#include <filesystem>
#include <fstream>
#include <latch>
#include <system_error>
#include <thread>
#include <vector>

#include <sys/resource.h>

#include <ATen/Parallel.h>

#include "common/cgroup.h"
#include "common/errors.h"

namespace kvcompare {
namespace {

std::string limit_text(const char* name, int resource) {
  rlimit limit{};
  if (::getrlimit(static_cast<__rlimit_resource_t>(resource), &limit) != 0) return "";
  return std::string(name) + " " +
         (limit.rlim_cur == RLIM_INFINITY ? "unlimited" : std::to_string(limit.rlim_cur));
}

std::string first_word(const std::filesystem::path& file) {
  std::string word;
  std::ifstream(file) >> word;
  return word;
}

}  // namespace

int n_threads_beside_main(int n_threads) { return 2 * n_threads + 2; }

void require_threads(int n) {
  std::vector<std::jthread> threads;
  std::latch all_have_come(1);
  try {
    for (int i = 0; i < n; ++i) threads.emplace_back([&] { all_have_come.wait(); });
  } catch (const std::system_error& error) {
    // The limits are read while the threads that were started still exist, so that they count as in use.
    const auto message = "this run needs " + std::to_string(n) +
                         " threads beside the main one, and the system gives " +
                         std::to_string(threads.size()) + " (" + error.what() +
                         "); raise the limit, or use fewer with --threads. " + limits_of_threads();
    all_have_come.count_down();
    throw Error(ExitCode::kInternal, message);
  }
  all_have_come.count_down();
}

void use_threads_of_libtorch(int n) {
  require_threads(n_threads_beside_main(n));
  at::set_num_threads(1);  // the first call makes the threads of pthreadpool, which nothing here uses
  at::set_num_threads(n);
}

std::string limits_of_threads() {
  auto text = "Limits: " + limit_text("RLIMIT_NPROC (ulimit -u)", RLIMIT_NPROC) + ", " +
              limit_text("RLIMIT_AS (ulimit -v, bytes)", RLIMIT_AS);
  for (const auto& group : cgroups_of_this_process("pids")) {
    const auto most = first_word(group / "pids.max");
    if (!most.empty() && most != "max")
      text += ", pids.max " + most + " with " + first_word(group / "pids.current") + " in use in " +
              group.string();
  }
  return text;
}

}  // namespace kvcompare
