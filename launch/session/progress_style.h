// Chooses how a command shows its progress.
#pragma once

#include "common/run/run_options.h"
#include "coordinator/plan/progress.h"

namespace kvcompare {

inline Progress::Style progress_style(const RunOptions& options) {
  return options.no_progress ? Progress::Style::kNothing : stderr_style();
}

}  // namespace kvcompare
