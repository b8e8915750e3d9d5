// One row of the attention that a schedule follows, by Google Highway.
#pragma once

#include <span>

namespace kvcompare {

// received[j] += softmax over j of (logits[j] + bias[j]); a bias of -infinity takes a key out.
//   logits : [n], overwritten
//   bias   : [n]; at least one is 0
void add_attention_row(std::span<float> logits, std::span<const float> bias, std::span<double> received);
void add_attention_row(std::span<double> logits, std::span<const double> bias, std::span<double> received);

}  // namespace kvcompare
