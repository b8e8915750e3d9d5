// run.json: everything that may differ between two runs of the same comparison, such as dates and hosts.
#pragma once

#include <string>
#include <vector>

#include "coordinator/comparison/comparison.h"
#include "coordinator/journal/session.h"

namespace kvcompare {

std::string run_json(const Comparison& comparison, const std::vector<Session>& sessions);

}  // namespace kvcompare
