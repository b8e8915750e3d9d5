#pragma once

#include "coordinator/reports/json_text.h"
#include "coordinator/session.h"

namespace kvcompare {

// All that is known of it; of one that did not end, the end is absent.
OrderedJson json_session(const Session& session);

}  // namespace kvcompare
