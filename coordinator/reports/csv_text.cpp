#include "coordinator/reports/csv_text.h"

#include "common/shortest.h"

namespace kvcompare {
namespace {

template <class Percentiles>
std::vector<std::string> fields_of(const Measured<Percentiles>& percentiles) {
  std::vector<std::string> fields(Percentiles::kPercentiles.size());
  if (percentiles.value)
    for (std::size_t i = 0; i < fields.size(); ++i) fields[i] = shortest(percentiles.value->values[i]);
  return fields;
}

template <class Percentiles>
std::vector<std::string> titles_of(const std::string& name, const Measured<Percentiles>&) {
  std::vector<std::string> titles;
  for (const auto& percentile : Percentiles::kPercentiles) titles.push_back(name + "_" + percentile.name);
  return titles;
}

}  // namespace

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

std::vector<std::string> csv_fields(const Measured<KlPercentiles>& percentiles) {
  return fields_of(percentiles);
}
std::vector<std::string> csv_fields(const Measured<DeltaPPercentiles>& percentiles) {
  return fields_of(percentiles);
}

std::vector<std::string> csv_titles(const std::string& name, const Measured<double>&) { return {name}; }
std::vector<std::string> csv_titles(const std::string& name, const Measured<std::int64_t>&) { return {name}; }
std::vector<std::string> csv_titles(const std::string& name, const Measured<Interval>&) {
  return {name + "_low", name + "_high"};
}
std::vector<std::string> csv_titles(const std::string& name, const Measured<KlPercentiles>& percentiles) {
  return titles_of(name, percentiles);
}
std::vector<std::string> csv_titles(const std::string& name, const Measured<DeltaPPercentiles>& percentiles) {
  return titles_of(name, percentiles);
}

std::string csv_line(const std::vector<std::string>& fields) {
  std::string line;
  for (std::size_t i = 0; i < fields.size(); ++i) line += (i > 0 ? "," : "") + csv_field(fields[i]);
  return line + "\n";
}

}  // namespace kvcompare
