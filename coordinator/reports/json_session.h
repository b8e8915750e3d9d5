#pragma once

#include "coordinator/journal/session.h"
#include "coordinator/json/json_text.h"

namespace kvcompare {

// All that is known of it; of one that did not end, the end is absent.
OrderedJson json_session(const Session& session);

}  // namespace kvcompare
