// Every return value of MPI goes through here.
#pragma once

#include <string>

#include "common/errors.h"

namespace kvcompare {

// A call of MPI failed.
struct MpiError : Error {
  MpiError(const char* call_, const std::string& problem)
      : Error(ExitCode::kInternal, std::string(call_) + ": " + problem), call(call_) {}
  const char* call;
};

void mpi_check(int status, const char* call);

}  // namespace kvcompare
