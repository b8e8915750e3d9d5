// A session of the run as JSON, for run.json.
#pragma once

#include "coordinator/journal/session.h"
#include "coordinator/json/json_text.h"

namespace kvcompare {

// Returns everything that the journal holds of the session. A session that did not end has no `end`.
OrderedJson json_session(const Session& session);

}  // namespace kvcompare
