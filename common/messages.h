// What coordinator and workers say to each other.
//
//   worker      Hello                       ready for a first unit
//   coordinator Assign                      evaluate this unit
//   worker      Result | Failure            done; ready for the next
//   coordinator Stop                        no unit will follow
#pragma once

#include <string>
#include <variant>

#include "common/method_spec.h"
#include "common/sample.h"
#include "common/unit_result.h"

namespace kvcompare {

struct Hello {
  std::string device;  // "cpu", "cuda:0"
};

// Carries the sample, so that a worker holds no data set. Model and chunk size are the same for a whole run.
struct Assign {
  UnitId unit;
  Sample sample;
  MethodSpec method;
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
