// Writes tables as comma-separated values: quoted as in RFC 4180, UTF-8, lines end with a line feed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/comparison/comparison.h"
#include "coordinator/reports/measured.h"
#include "coordinator/reports/token_percentiles.h"

namespace kvcompare {

// The text, in quotes if it holds a comma, a quote or a line break.
std::string csv_field(const std::string& text);

// The field of a number, with digits that read back exactly; empty if the number is absent. An interval has
// two fields, its ends; percentiles have one each.
std::vector<std::string> csv_fields(const Measured<double>& number);
std::vector<std::string> csv_fields(const Measured<std::int64_t>& number);
std::vector<std::string> csv_fields(const Measured<Interval>& interval);

std::vector<std::string> csv_fields(const Measured<KlPercentiles>& percentiles);
std::vector<std::string> csv_fields(const Measured<DeltaPPercentiles>& percentiles);

// The titles of these fields. Of an interval "NAME_low" and "NAME_high", of percentiles "NAME_50" and so on.
std::vector<std::string> csv_titles(const std::string& name, const Measured<double>& number);
std::vector<std::string> csv_titles(const std::string& name, const Measured<std::int64_t>& number);
std::vector<std::string> csv_titles(const std::string& name, const Measured<Interval>& interval);
std::vector<std::string> csv_titles(const std::string& name, const Measured<KlPercentiles>& percentiles);
std::vector<std::string> csv_titles(const std::string& name, const Measured<DeltaPPercentiles>& percentiles);

// A line of the table.
//   fields : not quoted yet
std::string csv_line(const std::vector<std::string>& fields);

}  // namespace kvcompare
