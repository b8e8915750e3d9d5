#include "coordinator/json/json_numerics.h"

namespace kvcompare {

OrderedJson json_value(const Numerics& numerics) {
  OrderedJson json = OrderedJson::object();
  for (const auto& [name, value] : numerics_fields())
    if (!(numerics.*value).empty()) json[name] = numerics.*value;
  return json;
}

void get_value(const OrderedJson& json, Numerics& numerics) {
  for (const auto& [name, value] : numerics_fields())
    if (json.contains(name)) json.at(name).get_to(numerics.*value);
}

}  // namespace kvcompare
