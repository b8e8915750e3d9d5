#include "launch/session/report_error.h"

#include <cstdio>
#include <new>
#include <string>
#include <system_error>

#include "common/printable.h"
#include "launch/session/thread_supply.h"

namespace kvcompare {

Error as_error(const std::exception& thrown) {
  if (const auto* error = dynamic_cast<const Error*>(&thrown)) return *error;
  if (dynamic_cast<const std::bad_alloc*>(&thrown))
    return {ExitCode::kInternal, std::string("the memory does not suffice (") + thrown.what() + ")"};
  if (const auto* error = dynamic_cast<const std::system_error*>(&thrown))
    if (error->code() == std::errc::resource_unavailable_try_again)  // std::thread throws this if no thread
                                                                     // can be started
      return {ExitCode::kInternal,
              "no further thread can be started: " + std::string(error->what()) + "; " + limits_of_threads()};
  return {ExitCode::kInternal, thrown.what()};
}

void report_error(const char* what) {
  std::fprintf(stderr, "kvcompare: error: %s\n", printable(what).c_str());
}

}  // namespace kvcompare
