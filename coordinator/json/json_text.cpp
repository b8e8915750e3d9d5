#include "coordinator/json/json_text.h"

#include <cmath>

namespace kvcompare {

void put_finite(OrderedJson& object, const char* key, double value) {
  if (std::isfinite(value)) object[key] = value;
}

std::string json_for_message(const OrderedJson& json) {
  if (json.is_structured()) return json.is_array() ? "an array" : "an object";
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

std::string json_text(const OrderedJson& json) {
  constexpr int kIndent = 2;
  return json.dump(kIndent, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

}  // namespace kvcompare
