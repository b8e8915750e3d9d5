// What coordinator and workers say to each other.
//
//   worker      Hello                       ready for the first units
//   coordinator Assign                      evaluate these units; the next may come while it does
//   worker      WorkDone                    while it evaluates, at most twice a second: how far it is
//   worker      UnitResult | UnitFailure    of each of them
//   coordinator Acknowledge                 as many of these are on the disk; only then come those of the
//                                           next units
//   coordinator Stop                        evaluate nothing more: what is in hand and not begun is dropped
//   worker      Goodbye                     nothing follows
//
// Where a scorer is trained, a worker is given prompts, and answers each with its targets:
//   coordinator AssignPrompts
//   worker      PromptTargets               of each of them
//
// In between, from another process that cannot go on:
//   worker      WorkerFailed                why
//   coordinator Abort                       everybody ends, and why
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/data/repeated_prompt.h"
#include "common/data/sample.h"
#include "common/exit_code.h"
#include "common/run/method_spec.h"
#include "common/run/numerics.h"
#include "common/run/unit_result.h"

namespace kvcompare {

struct Hello {
  std::string host;
  std::string device;                 // "cpu", "cuda:0"
  std::int64_t n_tokens_at_once = 0;  // of the units that it wants together; 0: one unit at a time
  std::string model;                  // SHA-256 of the model it has read; empty: was sent its weights
  std::string weights{};              // SHA-256 of those on its device; empty: not known
  Numerics numerics{};                // that it computes with
};

// Carries the sample, so that a worker holds no data set. Model and chunk size are the same for a whole run.
struct Assignment {
  UnitId unit;
  Sample sample;
  MethodSpec method;
};

struct Assign {
  std::vector<Assignment> units;
  bool with_token_nll = false;     // results bring UnitResult::token_nll, token_quality and span_evidence
  std::int64_t nll_bin_width = 0;  // tokens; of UnitResult::nll_by_position
  // With whose distributions those of the other methods are compared. Absent: they are not compared.
  std::optional<MethodSpec> baseline{};
};

// Tells whoever watches the run, and nobody else: no number and no line of the journal depends on it.
struct WorkDone {
  UnitId first;      // of the units that are evaluated together
  double share = 0;  // of the work that they all make up, from 0 to 1
};

struct AssignPrompts {
  std::vector<RepeatedPrompt> prompts;
};

struct PromptTargets {
  SampleIndex sample;
  std::string table;  // a .safetensors file; see worker/training/target_table.h
};

struct Acknowledge {
  std::int64_t n = 0;  // more results and failures
};

struct Stop {};

struct Goodbye {};

struct WorkerFailed {
  ExitCode code = ExitCode::kInternal;
  std::string reason;
};

struct Abort {
  ExitCode code = ExitCode::kInternal;
  std::string reason;
};

using Message = std::variant<Hello, Assign, UnitResult, UnitFailure, Acknowledge, Stop, Goodbye, WorkerFailed,
                             Abort, AssignPrompts, PromptTargets, WorkDone>;

// As bytes, for processes of the same build on machines of the same byte order.
std::string encode(const Message& message);

// Throws InvariantError if `bytes` is not what encode() gave.
Message decode(std::string_view bytes);

// SHA-256 of the sample and the values of a result; not of its seconds, nor of its method's place.
std::string digest(UnitResult result);

}  // namespace kvcompare
