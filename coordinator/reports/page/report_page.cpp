#include "coordinator/reports/page/report_page.h"

#include <stdexcept>
#include <string_view>

#include "coordinator/reports/page/embedded_files.h"
#include "coordinator/reports/page/incomparable.h"
#include "coordinator/reports/page/json_page_run.h"
#include "coordinator/reports/page/json_script_text.h"

namespace kvcompare {
namespace {

std::string page_data(std::span<const PageRun> runs) {
  OrderedJson json;
  json["incomparable"] = incomparable(runs);
  json["runs"] = OrderedJson::array();
  for (const PageRun& run : runs) json["runs"].push_back(json_page_run(run));
  return script_text(json);
}

// Appends page.html up to the placeholder `place`, and then the text that replaces it.
void fill_place(std::string& page, std::string_view& rest, std::string_view place, std::string_view text) {
  const auto at = rest.find(place);
  if (at == std::string_view::npos) throw std::logic_error("page.html has no " + std::string(place));
  page.append(rest.substr(0, at)).append(text);
  rest.remove_prefix(at + place.size());
}

}  // namespace

std::string report_page(std::span<const PageRun> runs) {
  const EmbeddedFiles files;
  const std::string data = page_data(runs);
  std::string page;
  page.reserve(files.html.size() + files.css.size() + files.script.size() + files.plotly.size() +
               data.size() + files.licence.size());
  std::string_view rest = files.html;
  fill_place(page, rest, "{{css}}", files.css);
  fill_place(page, rest, "{{licence}}", files.licence);
  fill_place(page, rest, "{{data}}", data);
  fill_place(page, rest, "{{plotly}}", files.plotly);
  fill_place(page, rest, "{{script}}", files.script);
  return page.append(rest);
}

}  // namespace kvcompare
