#include "common/files/fault_point.h"

namespace kvcompare {

void fault_point(std::string_view) {}

void deadly_unit(std::int64_t, std::int64_t) {}
std::size_t bytes_before_fault(std::string_view, std::size_t n_bytes) { return n_bytes; }

}  // namespace kvcompare
