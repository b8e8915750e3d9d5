// The exception that an action ends with, for tests that look into it.
#pragma once

#include <stdexcept>
#include <string>

namespace kvcompare {

// Rethrows any other exception; fails the test (by throwing) if there is none.
template <class Exception, class Action>
Exception error_of(Action&& action) {
  try {
    action();
  } catch (const Exception& error) {
    return error;
  }
  throw std::logic_error("expected an exception, but there was none");
}

}  // namespace kvcompare
