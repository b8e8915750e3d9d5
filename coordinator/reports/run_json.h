// run.json: all that differs between two runs of the same comparison.
#pragma once

#include <string>

#include "coordinator/comparison.h"
#include "coordinator/reports/run_record.h"

namespace kvcompare {

std::string run_json(const Comparison& comparison, const RunRecord& record);

}  // namespace kvcompare
