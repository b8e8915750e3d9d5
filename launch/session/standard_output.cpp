#include "launch/session/standard_output.h"

#include <cerrno>
#include <cstdio>

#include "common/errors.h"

namespace kvcompare {

void print(const std::string& text) {
  if (std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0) return;
  if (errno != EPIPE) throw OutputError("stdout", "cannot be written");
}

}  // namespace kvcompare
