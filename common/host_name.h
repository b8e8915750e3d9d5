#pragma once

#include <string>

namespace kvcompare {

// Of this machine; empty if it has none.
std::string host_name();

}  // namespace kvcompare
