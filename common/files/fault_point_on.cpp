#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "common/errors.h"
#include "common/files/fault_point.h"

namespace kvcompare {
namespace {

struct Fault {
  std::string point;
  int nth = 0;
  std::string action;
};

std::optional<Fault> wanted_fault() {
  const char* text = std::getenv("KVCOMPARE_FAULT");
  if (!text) return std::nullopt;
  const std::string fault = text;
  const auto first = fault.find(':'), second = fault.rfind(':');
  int nth = 0;
  const bool is_number =
      first < second &&
      std::from_chars(fault.data() + first + 1, fault.data() + second, nth).ec == std::errc();
  const auto point = fault.substr(0, first);
  const bool is_point =
      std::find(std::begin(kFaultPoints), std::end(kFaultPoints), point) != std::end(kFaultPoints);
  if (!is_number || !is_point) throw ConfigError("KVCOMPARE_FAULT", "'" + fault + "' is not POINT:N:ACTION");
  return Fault{point, nth, fault.substr(second + 1)};
}

const char* log_path() { return std::getenv("KVCOMPARE_FAULT_LOG"); }

bool has_happened(const std::string& line) {
  if (!log_path()) return false;
  std::ifstream log(log_path());
  for (std::string happened; std::getline(log, happened);)
    if (happened == line) return true;
  return false;
}

void note(const std::string& line) {
  if (!log_path()) return;
  const int descriptor = ::open(log_path(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const auto text = line + "\n";
  if (descriptor < 0 || ::write(descriptor, text.data(), text.size()) != std::ssize(text))
    throw InvariantError("the log of faults cannot be written");
  ::close(descriptor);
}

[[noreturn]] void fail_as_disk(const Fault& fault, int error) {
  throw OutputError("fault point " + fault.point, std::strerror(error));
}

void happen(const Fault& fault) {
  if (fault.action == "kill9") {
    std::raise(SIGKILL);
  } else if (fault.action == "stop") {
    std::raise(SIGUSR1);
  } else if (fault.action == "throw") {
    throw InvariantError("fault point " + fault.point);
  } else if (fault.action == "enospc") {
    fail_as_disk(fault, ENOSPC);
  } else if (fault.action == "eio") {
    fail_as_disk(fault, EIO);
  } else if (fault.action == "fail_unit") {
    throw std::domain_error("fault point " + fault.point);
  } else if (fault.action == "device_lost") {
    throw std::runtime_error("CUDA error: uncorrectable ECC error encountered");
  } else {
    throw ConfigError("KVCOMPARE_FAULT", "there is no action '" + fault.action + "'");
  }
}

const std::optional<Fault>& fault() {
  static const auto fault = wanted_fault();
  return fault;
}

std::atomic<int>& n_passed() {
  static std::atomic<int> n = 0;
  return n;
}

std::string line_of(const Fault& fault) {
  return fault.point + ":" + std::to_string(fault.nth) + ":" + fault.action;
}

// Whether the fault is due when its point is passed for the n-th time.
bool is_due(const Fault& fault, int nth) {
  return fault.nth == 0 || (nth == fault.nth && !has_happened(line_of(fault)));
}

}  // namespace

void fault_point(std::string_view name) {
  if (!fault() || fault()->point != name || !is_due(*fault(), ++n_passed())) return;
  note(line_of(*fault()));
  happen(*fault());
}

void deadly_unit(std::int64_t sample, std::int64_t method) {
  const char* deadly = std::getenv("KVCOMPARE_DEADLY_UNIT");
  if (deadly && deadly == std::to_string(sample) + ":" + std::to_string(method)) std::raise(SIGSEGV);
}

std::size_t bytes_before_fault(std::string_view name, std::size_t n_bytes) {
  const bool is_torn = fault() && fault()->point == name && is_due(*fault(), n_passed() + 1);
  return is_torn ? n_bytes / 2 : n_bytes;
}

}  // namespace kvcompare
