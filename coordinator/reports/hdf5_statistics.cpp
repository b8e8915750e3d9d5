#include "coordinator/reports/hdf5_statistics.h"

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/reports/instance_numbers.h"

namespace kvcompare {
namespace {

std::vector<double> values_of(const std::optional<double>& number) {
  return {number.value_or(kAbsentNumber)};
}
std::vector<double> values_of(const std::optional<std::int64_t>& number) {
  return {number ? static_cast<double>(*number) : kAbsentNumber};
}
std::vector<double> values_of(const std::optional<Interval>& interval) {
  return interval ? std::vector{interval->low, interval->high} : std::vector{kAbsentNumber, kAbsentNumber};
}
template <HasTokenPercentiles Percentiles>
std::vector<double> values_of(const std::optional<Percentiles>& percentiles) {
  if (!percentiles) return std::vector<double>(Percentiles::kPercentiles.size(), kAbsentNumber);
  return {percentiles->values.begin(), percentiles->values.end()};
}

// "50,90,99,99.9,max"; empty for other numbers.
template <class Value>
std::string names_of(const std::optional<Value>&) {
  std::string names;
  if constexpr (HasTokenPercentiles<Value>)
    for (const auto& percentile : Value::kPercentiles)
      names += (names.empty() ? "" : ",") + std::string(percentile.name);
  return names;
}

// One number for every row: [n_rows], or [n_rows, 2] for intervals, or [n_rows, n] for n percentiles.
class Column {
 public:
  Column(std::string path, const char* unit, std::size_t n_a_row = 1)
      : path_(std::move(path)), unit_(unit), n_a_row_(n_a_row) {}

  template <class Value>
  void append(const std::optional<Value>& value) {
    const auto values = values_of(value);
    values_.insert(values_.end(), values.begin(), values.end());
  }

  void put(Hdf5File& file) const {
    const auto shape =
        n_a_row_ == 1 ? std::vector<hsize_t>{} : std::vector<hsize_t>{static_cast<hsize_t>(n_a_row_)};
    auto array = file.add_doubles(path_, shape, unit_);
    array.append(std::span<const double>(values_));
    array.close();
  }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
  const char* unit_;
  std::size_t n_a_row_;
  std::vector<double> values_{};
};

// Numbers of every row, and beside them why a number is missing.
struct ReasonedColumn {
  Column numbers;
  std::string percentiles;  // names of those in a row, if it is of such
  std::vector<std::string> reasons{};
};

// One row for each instance, in the order of /methods.
void put_numbers(Hdf5File& file, const Comparison& comparison) {
  std::vector<ReasonedColumn> columns;
  for (std::size_t place = 0; place < comparison.methods.size(); ++place) {
    std::size_t i = 0;
    visit_numbers(instance_numbers(comparison, place), [&](const char* name, const char* unit,
                                                           const auto& number) {
      if (i == columns.size())
        columns.push_back({Column(std::string("/statistics/") + name, unit, values_of(number.value).size()),
                           names_of(number.value)});
      columns[i].numbers.append(number.value);
      columns[i++].reasons.push_back(number.reason);
    });
  }
  file.add_group("/statistics");
  for (const auto& column : columns) {
    column.numbers.put(file);
    if (!column.percentiles.empty())
      file.put_attribute(column.numbers.path(), "percentiles", column.percentiles);
    file.put_texts(column.numbers.path() + "_reason", column.reasons);
  }
}

void put_equal_density(Hdf5File& file, const Statistics& statistics) {
  std::vector<std::string> method_names, labels, reasons;
  Column density("/equal_density/density", ""), delta("/equal_density/avg_nll_delta", "nats a token"),
      ci95("/equal_density/ci95", "nats a token", 2);
  for (const auto& at : statistics.equal_density) {
    density.append(std::optional(at.density));
    method_names.push_back(at.method_name);
    labels.push_back(at.label);
    delta.append(at.avg_nll_delta);
    ci95.append(at.ci95);
    reasons.push_back(at.reason);
  }
  file.add_group("/equal_density");
  for (const auto* column : {&density, &delta, &ci95}) column->put(file);
  file.put_texts("/equal_density/method_name", method_names);
  file.put_texts("/equal_density/label", labels);
  file.put_texts("/equal_density/reason", reasons);
}

void put_differences(Hdf5File& file, const Statistics& statistics) {
  std::vector<std::int64_t> a, b, different;
  std::vector<std::string> reasons;
  Column difference("/differences/avg_nll_difference", "nats a token"),
      ci95("/differences/ci95", "nats a token", 2), p_value("/differences/p_value", ""),
      p_value_holm("/differences/p_value_holm", "");
  for (const auto& pair : statistics.differences) {
    a.push_back(pair.a.value);
    b.push_back(pair.b.value);
    different.push_back(pair.is_different() ? 1 : 0);
    difference.append(std::optional(pair.avg_nll_difference));
    ci95.append(pair.ci95);
    p_value.append(pair.p_value);
    p_value_holm.append(pair.p_value_holm);
    reasons.push_back(pair.reason);
  }
  file.add_group("/differences");
  file.put_attribute("/differences", "reason", statistics.differences_reason);
  file.put_integers("/differences/a", "index", a);
  file.put_integers("/differences/b", "index", b);
  for (const auto* column : {&difference, &ci95, &p_value, &p_value_holm}) column->put(file);
  file.put_integers("/differences/different", "1 if they are", different);
  file.put_texts("/differences/reason", reasons);
}

}  // namespace

void put_hdf5_statistics(Hdf5File& file, const Comparison& comparison) {
  put_numbers(file, comparison);
  put_equal_density(file, comparison.statistics);
  put_differences(file, comparison.statistics);
}

}  // namespace kvcompare
