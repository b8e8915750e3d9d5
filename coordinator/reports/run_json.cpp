#include "coordinator/reports/run_json.h"

#include <array>
#include <ctime>

#include "coordinator/reports/json_text.h"

namespace kvcompare {
namespace {

// Predicted tokens a second of one worker; absent if nothing was timed.
void put_speed(OrderedJson& json, const MethodResult& method) {
  std::int64_t n_scored = 0;
  for (const SampleRow& row : method.per_sample) n_scored += row.n_scored;
  if (method.seconds > 0)
    put_finite(json, "tokens_per_second", static_cast<double>(n_scored) / method.seconds);
}

}  // namespace

std::string utc_text(std::chrono::system_clock::time_point time) {
  const std::time_t seconds =
      std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time));
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return {text.data(), length};
}

std::string run_json(const Comparison& comparison, const RunRecord& record) {
  OrderedJson report;
  report["started"] = utc_text(record.started);
  report["finished"] = utc_text(record.finished);
  report["host"] = record.host;
  report["device"] = record.device;
  report["threads"] = record.n_threads;
  report["versions"] = {{"kvcompare", record.kvcompare_version},
                        {"libtorch", record.libtorch_version},
                        {"compiler", record.compiler}};
  report["command_line"] = record.command_line;
  put_finite(report, "load_seconds", record.load_seconds);
  put_finite(report, "evaluate_seconds", record.evaluate_seconds);
  report["methods"] = OrderedJson::array();
  for (const MethodResult& method : comparison.methods) {
    OrderedJson line;
    line["method_name"] = method.spec.display_name;
    put_finite(line, "seconds", method.seconds);
    put_speed(line, method);
    report["methods"].push_back(std::move(line));
  }
  return json_text(report);
}

}  // namespace kvcompare
