#include "coordinator/reports/results_csv.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/run/instance_name.h"
#include "common/shortest.h"
#include "coordinator/comparison/instance_label.h"
#include "coordinator/json/json_run_spec.h"
#include "coordinator/reports/csv_text.h"
#include "coordinator/reports/instance_numbers.h"
#include "coordinator/reports/scored_note.h"

namespace kvcompare {
namespace {

using Fields = std::vector<std::string>;

// Of all instances, in the order in which they first occur.
Fields parameter_names(const Comparison& comparison) {
  Fields names;
  for (const auto& method : comparison.methods) {
    const auto parameters = json_parameters(method.spec);
    for (const auto& [name, value] : parameters.items())
      if (std::ranges::count(names, name) == 0) names.push_back(name);
  }
  return names;
}

std::string text_of(const OrderedJson& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_number_float() ? shortest(value.get<double>()) : value.dump();
}

Fields titles(const Comparison& comparison, const Fields& parameters) {
  Fields titles{"method_name", "label", "instance"}, reasons;
  titles.insert(titles.end(), parameters.begin(), parameters.end());
  visit_numbers(instance_numbers(comparison, 0),
                [&](const std::string& name, const char*, const auto& number) {
                  for (auto& title : csv_titles(name, number)) titles.push_back(std::move(title));
                  reasons.push_back(name + "_reason");
                });
  titles.insert(titles.end(), {"scored", "failed_samples"});
  titles.insert(titles.end(), reasons.begin(), reasons.end());
  return titles;
}

Fields row(const Comparison& comparison, std::size_t place, const Fields& parameters) {
  const MethodResult& method = comparison.methods[place];
  Fields fields{method.spec.display_name, label_of(method), instance_name(method.spec)}, reasons;
  const auto used = json_parameters(method.spec);
  for (const auto& name : parameters) fields.push_back(used.contains(name) ? text_of(used[name]) : "");
  visit_numbers(instance_numbers(comparison, place), [&](const char*, const char*, const auto& number) {
    for (auto& field : csv_fields(number)) fields.push_back(std::move(field));
    reasons.push_back(number.reason);
  });
  fields.push_back(scored_flag(comparison));
  fields.push_back(std::to_string(method.failed.size()));
  fields.insert(fields.end(), reasons.begin(), reasons.end());
  return fields;
}

}  // namespace

std::string results_csv(const Comparison& comparison) {
  const auto parameters = parameter_names(comparison);
  std::string text = csv_line(titles(comparison, parameters));
  for (std::size_t place = 0; place < comparison.methods.size(); ++place)
    text += csv_line(row(comparison, place, parameters));
  return text;
}

}  // namespace kvcompare
