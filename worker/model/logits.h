// What a description asks for at the two ends of a decoder.
#pragma once

#include <ATen/core/Tensor.h>

#include "worker/model/decoder.h"

namespace kvcompare {

// Decoder::embedding_multiplier for embeddings of a type.
double embedding_multiplier_in(const Decoder& decoder, at::ScalarType type);

// Makes logits of what the head gives, in place. Of any shape, in any type.
void finish_logits(const LogitShape& shape, const at::Tensor& logits);

}  // namespace kvcompare
