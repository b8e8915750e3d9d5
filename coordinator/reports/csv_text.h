// Tables as comma-separated values: quoting by RFC 4180, UTF-8, lines that end with a line feed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/comparison/comparison.h"
#include "coordinator/reports/measured.h"

namespace kvcompare {

// In quotes if it holds a comma, a quote or a line break.
std::string csv_field(const std::string& text);

// Fields of a number that read back exactly, empty if it is absent; of an interval two, its ends.
std::vector<std::string> csv_fields(const Measured<double>& number);
std::vector<std::string> csv_fields(const Measured<std::int64_t>& number);
std::vector<std::string> csv_fields(const Measured<Interval>& interval);

// fields: not quoted yet.
std::string csv_line(const std::vector<std::string>& fields);

}  // namespace kvcompare
