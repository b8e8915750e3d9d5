#include "worker/checkpoint/weights.h"

#include <algorithm>
#include <cstring>

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_select.h>

#include "common/errors.h"
#include "worker/checkpoint/checkpoint_files.h"
#include "worker/checkpoint/decoder_tensors.h"
#include "worker/checkpoint/tensor_loading.h"
#include "worker/model/weight_table.h"

namespace kvcompare {
namespace {

// transformers 4 takes the embedding for the head, transformers 5 keeps both if they differ: no number is
// right then.
void check_tied_copies_agree(const CheckpointFiles& files) {
  const SafetensorsFile* embedding_file = files.find(kEmbeddingName);
  const SafetensorsFile* head_file = files.find(kLmHeadName);
  if (embedding_file == nullptr || head_file == nullptr) return;
  const at::Tensor embedding = embedding_file->tensor(kEmbeddingName);
  const at::Tensor head = head_file->tensor(kLmHeadName);
  if (embedding.scalar_type() != head.scalar_type() ||
      std::memcmp(embedding.const_data_ptr(), head.const_data_ptr(), head.nbytes()) != 0)
    throw CheckpointError(
        head_file->path().string(), kLmHeadName,
        "differs from model.embed_tokens.weight, but config.json says tie_word_embeddings: set it to "
        "false, or remove one of the two tensors");
}

}  // namespace

CheckpointFiles open_checkpoint(const std::filesystem::path& folder, const Decoder& decoder) {
  CheckpointFiles files(folder);
  if (decoder.is_part) files.show_language_model();
  check_tensor_names(decoder, files.names(), files.list_path().string());
  for (const ExpectedTensor& tensor : expected_tensors(decoder))
    if (const SafetensorsFile* file = files.find(tensor.name)) check_tensor_header(*file, tensor);
  if (decoder.has_tied_head) check_tied_copies_agree(files);
  return files;
}

std::string embedding_name(const CheckpointFiles& files) {
  return files.find(kEmbeddingName) != nullptr ? kEmbeddingName : kLmHeadName;
}

std::string lm_head_name(const CheckpointFiles& files, const Decoder& decoder) {
  return decoder.has_tied_head ? embedding_name(files) : kLmHeadName;
}

CheckpointWeights::CheckpointWeights(const std::filesystem::path& folder, const Decoder& decoder,
                                     at::ScalarType dtype, at::Device device)
    : files_(open_checkpoint(folder, decoder)), decoder_(decoder), dtype_(dtype), device_(device) {}

at::Tensor CheckpointWeights::tensor(const std::string& name) const {
  const SafetensorsFile* file = files_.find(name);
  require(file != nullptr, "tensor names are checked before tensors are read");
  return load_tensor(*file, name, dtype_, device_);
}

at::Tensor CheckpointWeights::embedding() const { return tensor(embedding_name(files_)); }
at::Tensor CheckpointWeights::final_norm() const { return tensor(kFinalNormName); }
at::Tensor CheckpointWeights::final_norm_bias() const {
  return decoder_.norm.has_bias ? tensor(kFinalNormBiasName) : at::Tensor();
}
at::Tensor CheckpointWeights::lm_head() const { return tensor(lm_head_name(files_, decoder_)); }

void CheckpointWeights::check_embedding() const {
  constexpr std::int64_t kRows = 4096;
  const auto name = embedding_name(files_);
  for (std::int64_t row = 0; row < decoder_.vocab_size; row += kRows)
    load_rows(*files_.find(name), name, row, std::min(kRows, decoder_.vocab_size - row), dtype_, at::kCPU);
}

at::Tensor CheckpointWeights::embedding_rows(std::span<const TokenId> ids) const {
  const auto index =
      at::from_blob(const_cast<TokenId*>(ids.data()), {static_cast<std::int64_t>(ids.size())}, at::kLong);
  const auto name = embedding_name(files_);
  return files_.find(name)->tensor(name).index_select(0, index).to(
      at::TensorOptions().dtype(dtype_).device(device_));
}

at::Tensor CheckpointWeights::lm_head_rows(std::int64_t begin, std::int64_t n) const {
  const auto name = lm_head_name(files_, decoder_);
  return load_rows(*files_.find(name), name, begin, n, dtype_, device_);
}

void CheckpointWeights::drop_pages() const { files_.drop_pages(); }

LayerWeights CheckpointWeights::layer(std::int64_t index) const {
  auto layer = layer_without_experts(index);
  for (const auto& fused : layer_tensors(decoder_, index))
    for (const auto& stored : fused.parts) {
      if (stored.expert < 0) continue;
      auto& member = layer.*stored.member;
      const auto rows = part(layer_prefix(index), stored);
      if (stored.expert == 0) {
        auto sizes = stored.shape;
        sizes.insert(sizes.begin(), fused.n_experts());
        member = at::empty(sizes, rows.options());
      }
      member[stored.expert].copy_(rows);
    }
  return layer;
}

LayerWeights CheckpointWeights::layer_without_experts(std::int64_t index) const {
  return parts_of_expert(index, -1);
}

LayerWeights CheckpointWeights::expert(std::int64_t layer, std::int64_t index) const {
  return parts_of_expert(layer, index);
}

// -1: the parts that are of no expert.
LayerWeights CheckpointWeights::parts_of_expert(std::int64_t layer, std::int64_t expert) const {
  LayerWeights weights;
  for (const auto& fused : layer_tensors(decoder_, layer))
    for (const auto& stored : fused.parts)
      if (stored.expert == expert) weights.*stored.member = part(layer_prefix(layer), stored);
  return weights;
}

at::Tensor CheckpointWeights::part(const std::string& prefix, const StoredTensor& stored) const {
  const auto name = prefix + stored.name;
  if (stored.n_stacked > 0)
    return in_order(
        stored, load_rows(*files_.find(name), name, stored.expert, 1, dtype_, device_).reshape(stored.shape));
  if (stored.n_stored_rows == 0) return in_order(stored, tensor(name).reshape(stored.shape));
  return in_order(stored,
                  load_rows(*files_.find(name), name, stored.first_row, stored.n_rows(), dtype_, device_));
}

ModelWeights load_weights(const std::filesystem::path& folder, const Decoder& decoder, at::ScalarType dtype,
                          at::Device device) {
  const CheckpointWeights checkpoint(folder, decoder, dtype, device);
  ModelWeights weights;
  weights.embedding = checkpoint.embedding();
  weights.layers.reserve(decoder.layers.size());
  for (std::int64_t layer = 0; layer < decoder.n_layers(); ++layer)
    weights.layers.push_back(checkpoint.layer(layer));
  weights.final_norm = checkpoint.final_norm();
  weights.final_norm_bias = checkpoint.final_norm_bias();
  weights.lm_head = decoder.has_tied_head ? weights.embedding : checkpoint.lm_head();
  return weights;
}

}  // namespace kvcompare
