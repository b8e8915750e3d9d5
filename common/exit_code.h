// Exit codes of the program, part of its interface (README, section "Exit codes").
#pragma once

namespace kvcompare {

enum class ExitCode : int {
  kComplete = 0,
  kInternal = 1,          // a broken invariant, or an exception nobody foresaw
  kUsage = 2,             // command line, configuration
  kDirectoryInUse = 3,    // another run writes to the output directory
  kOutput = 4,            // output cannot be written
  kBadInput = 5,          // data set, tokenizer or model
  kQuarantinedUnits = 6,  // finished, but some units failed for good
  kInterrupted = 75,      // stopped by a signal; run again to continue
};

}  // namespace kvcompare
