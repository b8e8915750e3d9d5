// The data of report.html. web/*.js read it; nobody else does.
#pragma once

#include "coordinator/json/json_text.h"
#include "coordinator/reports/page/report_page.h"

namespace kvcompare {

// A number that there is not is null, with the reason beside it.
OrderedJson json_page_run(const PageRun& run);

}  // namespace kvcompare
