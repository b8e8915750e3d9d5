#include "coordinator/statistics/reasons.h"

#include "common/plural.h"
#include "coordinator/comparison/statistics.h"

namespace kvcompare {

std::string reason_for_no_totals(std::int64_t n_failed) {
  return counted(n_failed, "sample") + " failed, and a part of the samples compares with nothing";
}

std::string reason_for_too_few(std::int64_t n_samples) {
  return counted(n_samples, "sample") + (n_samples == 1 ? " is" : " are") + " too few for an interval; " +
         std::to_string(kFewestSamples) + " or more are needed";
}

}  // namespace kvcompare
