// run.json: all that differs between two runs of the same comparison.
#pragma once

#include <string>
#include <vector>

#include "coordinator/comparison/comparison.h"
#include "coordinator/journal/session.h"

namespace kvcompare {

std::string run_json(const Comparison& comparison, const std::vector<Session>& sessions);

}  // namespace kvcompare
