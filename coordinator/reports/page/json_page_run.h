// The data of report.html as JSON. Only web/*.js read it.
#pragma once

#include "coordinator/json/json_text.h"
#include "coordinator/reports/page/report_page.h"

namespace kvcompare {

// A missing number is null, with the reason beside it.
OrderedJson json_page_run(const PageRun& run);

}  // namespace kvcompare
