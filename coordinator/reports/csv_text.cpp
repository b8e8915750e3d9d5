#include "coordinator/reports/csv_text.h"

#include "common/shortest.h"

namespace kvcompare {

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::vector<std::string> csv_fields(const Measured<double>& number) {
  return {number.value ? shortest(*number.value) : ""};
}

std::vector<std::string> csv_fields(const Measured<std::int64_t>& number) {
  return {number.value ? std::to_string(*number.value) : ""};
}

std::vector<std::string> csv_fields(const Measured<Interval>& interval) {
  if (!interval.value) return {"", ""};
  return {shortest(interval.value->low), shortest(interval.value->high)};
}

std::string csv_line(const std::vector<std::string>& fields) {
  std::string line;
  for (std::size_t i = 0; i < fields.size(); ++i) line += (i > 0 ? "," : "") + csv_field(fields[i]);
  return line + "\n";
}

}  // namespace kvcompare
