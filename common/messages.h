// What coordinator and workers say to each other.
//
//   worker      Hello                       ready for the first units
//   coordinator Assign                      evaluate these units
//   worker      Result | Failure            of each of them; after the last it is ready for the next
//   coordinator Stop                        no unit will follow
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "common/method_spec.h"
#include "common/sample.h"
#include "common/unit_result.h"

namespace kvcompare {

struct Hello {
  std::string device;                 // "cpu", "cuda:0"
  std::int64_t n_tokens_at_once = 0;  // of the units that it wants together; 0: one unit at a time
};

// Carries the sample, so that a worker holds no data set. Model and chunk size are the same for a whole run.
struct Assignment {
  UnitId unit;
  Sample sample;
  MethodSpec method;
};

struct Assign {
  std::vector<Assignment> units;
};

struct Result {
  UnitResult result;
};

struct Failure {
  UnitFailure failure;
};

struct Stop {};

using Message = std::variant<Hello, Assign, Result, Failure, Stop>;

}  // namespace kvcompare
