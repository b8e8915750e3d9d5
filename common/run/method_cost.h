// What a press costs beyond the model's own pass with attention over the keys that are alive. The press's row
// in the registry says it, in plain numbers; the coordinator plans with it.
#pragma once

namespace kvcompare {

struct MethodCost {
  double attention = 1;  // operations of attention are multiplied by this
  double per_key_and_event =
      0;  // operations for one alive key at one event, in all layers and heads together
};

}  // namespace kvcompare
