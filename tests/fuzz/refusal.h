// How a target says that something must hold, and the one way in which a read may fail: an error of
// kvcompare's own that tells a user where and what.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "common/errors.h"

namespace kvcompare::fuzz {

// No target and no function of the program catches it.
struct Finding : std::logic_error {
  using std::logic_error::logic_error;
};

inline void expect(bool holds, const std::string& what) {
  if (!holds) throw Finding(what);
}

// A message that is longer repeats what it was given.
inline constexpr std::size_t kLongestMessage = 128 << 10;

inline void check_message(const std::string& message, const std::string& place) {
  expect(message.find(place) != std::string::npos, "the refusal does not name " + place + ": " + message);
  expect(message.size() > place.size() + 2, "the refusal of " + place + " does not say why");
  expect(message.size() <= kLongestMessage, "a refusal of " + std::to_string(message.size()) + " bytes");
}

// Calls `read`. Returns true if it took the input, and false if it refused the input with this exit code,
// naming `place` and saying why. Another exit code is a finding; so is any other exception, which passes.
template <class Read>
bool is_accepted(Read&& read, ExitCode code, const std::string& place) {
  try {
    read();
    return true;
  } catch (const Error& error) {
    expect(error.exit_code() == code,
           "exit code " + std::to_string(static_cast<int>(error.exit_code())) + ": " + error.what());
    check_message(error.what(), place);
    return false;
  }
}

}  // namespace kvcompare::fuzz
