// Returns the exception with which an action ends, for tests that examine it.
#pragma once

#include <stdexcept>
#include <string>

namespace kvcompare {

// Rethrows an exception of another type. Fails the test, by throwing, if there is no exception.
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
