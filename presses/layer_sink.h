// Shows what each layer of a sample sees, as scorers are shown it, to somebody who only looks.
#pragma once

#include "presses/needs.h"

namespace kvcompare {

class LayerSink {
 public:
  virtual ~LayerSink() = default;
  virtual Needs needs() const = 0;  // of all but `attention`
  // Some tokens of a layer, on any device. Each token of each layer comes once, from any thread, several at
  // once. The tensors hold other numbers after the call.
  virtual void take(const LayerView& tile) = 0;
};

}  // namespace kvcompare
