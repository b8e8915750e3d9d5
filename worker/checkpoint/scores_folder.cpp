#include "worker/checkpoint/scores_folder.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <exception>
#include <functional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "common/errors.h"
#include "common/files/sha256.h"
#include "common/plural.h"
#include "worker/checkpoint/safetensors.h"

namespace kvcompare {
namespace {

namespace fs = std::filesystem;

constexpr const char* kScoresTensor = "scores";
constexpr const char* kPrefix = "sample_";
constexpr std::size_t kDigits = 6;
constexpr std::int64_t kTokensAtOnce = 1 << 20;  // looked at for NaN

static_assert(std::endian::native == std::endian::little);

std::string text_of(at::IntArrayRef shape) {
  std::string text = "[";
  for (const auto size : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

// Calls task(0) ... task(n - 1) on several threads. Throws what the first of them threw, in the order of
// tasks.
void in_parallel(std::size_t n, int n_threads, const std::function<void(std::size_t)>& task) {
  std::vector<std::exception_ptr> thrown(n);
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < n; i = next++) try {
        task(i);
      } catch (...) {
        thrown[i] = std::current_exception();
      }
  };
  {
    std::vector<std::jthread> others;
    for (std::size_t t = 1; t < std::min(n, static_cast<std::size_t>(std::max(1, n_threads))); ++t)
      others.emplace_back(work);
    work();
  }
  for (const auto& error : thrown)
    if (error) std::rethrow_exception(error);
}

// Place of the first NaN in row-major order; -1 if there is none. A mapped tensor is contiguous.
std::int64_t first_nan(const at::Tensor& scores) {
  const auto flat = scores.flatten();
  for (std::int64_t begin = 0; begin < flat.numel(); begin += kTokensAtOnce) {
    const auto block = flat.narrow(0, begin, std::min(kTokensAtOnce, flat.numel() - begin)).to(at::kDouble);
    const auto* values = block.const_data_ptr<double>();
    for (std::int64_t i = 0; i < block.numel(); ++i)
      if (std::isnan(values[i])) return begin + i;
  }
  return -1;
}

// "sample_", six digits or more, ".safetensors"
bool is_of_a_sample(const std::string& name) {
  const std::string prefix = kPrefix, end = ".safetensors";
  if (!name.starts_with(prefix) || !name.ends_with(end)) return false;
  const auto digits = name.substr(prefix.size(), name.size() - prefix.size() - end.size());
  return digits.size() >= kDigits && std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::string sample_file_name(SampleIndex sample) {
  auto digits = std::to_string(sample.value);
  if (digits.size() < kDigits) digits.insert(0, kDigits - digits.size(), '0');
  return kPrefix + digits + ".safetensors";
}

std::string sha256_of_ids(std::span<const TokenId> ids) {
  static_assert(sizeof(TokenId) == 8);
  return sha256({reinterpret_cast<const char*>(ids.data()), ids.size_bytes()});
}

ScoresFolder::ScoresFolder(fs::path folder, const Decoder& decoder)
    : folder_(std::move(folder)), n_layers_(decoder.n_layers()), n_kv_heads_(heads_of(decoder).n_kv_heads) {}

at::Tensor ScoresFolder::of_sample(SampleIndex sample) const {
  const auto path = folder_ / sample_file_name(sample);
  const auto expected = "expected scores of sample " + std::to_string(sample.value) + ", a tensor '" +
                        kScoresTensor + "' [" + std::to_string(n_layers_) + " layers, " +
                        std::to_string(n_kv_heads_) + " KV heads, tokens]";
  if (std::error_code error; !fs::exists(path, error) && !error)
    throw CheckpointError(path.string(), "", "is missing; " + expected);
  const SafetensorsFile file(path);
  const auto* entry = file.find(kScoresTensor);
  if (entry == nullptr) {
    std::string names;
    for (const auto& other : file.entries()) names += (names.empty() ? "" : ", ") + other.name;
    throw CheckpointError(
        path.string(), kScoresTensor,
        "is missing (the file holds: " + (names.empty() ? "nothing" : names) + "); " + expected);
  }
  if (entry->dtype != "F64" && entry->dtype != "F32" && entry->dtype != "F16" && entry->dtype != "BF16")
    throw CheckpointError(path.string(), kScoresTensor,
                          "dtype is " + entry->dtype + "; accepted: F64, F32, F16, BF16; " + expected);
  auto scores = file.tensor(kScoresTensor);
  if (scores.dim() != 3 || scores.size(0) != n_layers_ || scores.size(1) != n_kv_heads_)
    throw CheckpointError(
        path.string(), kScoresTensor,
        "shape is " + text_of(scores.sizes()) + ", which is not of this model; " + expected);
  return scores;
}

void ScoresFolder::check_sample(const Sample& sample, const std::string& model_sha256) const {
  const auto scores = of_sample(sample.index);
  const auto path = folder_ / sample_file_name(sample.index);
  const auto n_tokens = std::ssize(sample.ids);
  const auto of_sample = "sample " + std::to_string(sample.index.value);
  if (scores.size(2) != n_tokens)
    throw CheckpointError(path.string(), kScoresTensor,
                          "shape is " + text_of(scores.sizes()) + ": of " + counted(scores.size(2), "token") +
                              "; " + of_sample + " has " + counted(n_tokens, "token") +
                              " (after --max_length); expected " +
                              text_of({n_layers_, n_kv_heads_, n_tokens}));
  const SafetensorsFile file(path);
  const auto ids = sha256_of_ids(sample.ids);
  const auto* data = file.metadata("data_sha256");
  if (data == nullptr || *data != ids)
    throw CheckpointError(path.string(), "__metadata__",
                          (data == nullptr ? std::string("data_sha256 is missing")
                                           : "data_sha256 is " + *data + ", of other data") +
                              "; expected " + ids + ", the SHA-256 of the token ids of " + of_sample +
                              " as little-endian 64-bit integers");
  if (const auto* model = file.metadata("model_sha256"); model != nullptr && *model != model_sha256)
    throw CheckpointError(path.string(), "__metadata__",
                          "model_sha256 is " + *model + ", of another model; expected, for " + of_sample +
                              ", that of the run's model, " + model_sha256 + ", or none");
  if (const auto at = first_nan(scores); at >= 0) {
    const auto head = at / n_tokens;
    throw CheckpointError(path.string(), kScoresTensor,
                          "holds a NaN: layer " + std::to_string(head / n_kv_heads_) + ", KV head " +
                              std::to_string(head % n_kv_heads_) + ", token " +
                              std::to_string(at % n_tokens) + " of " + of_sample + "; expected numbers");
  }
}

void ScoresFolder::check(std::span<const Sample> samples, const std::string& model_sha256,
                         int n_threads) const {
  in_parallel(samples.size(), n_threads, [&](std::size_t i) { check_sample(samples[i], model_sha256); });
}

std::string ScoresFolder::hash(int n_threads) const {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder_, error), end; !error && entry != end; entry.increment(error))
    if (auto name = entry->path().filename().string(); is_of_a_sample(name)) names.push_back(std::move(name));
  if (error) throw CheckpointError(folder_.string(), "", "cannot be read: " + error.message());
  std::ranges::sort(names);
  std::vector<std::string> hashes(names.size());
  in_parallel(names.size(), n_threads,
              [&](std::size_t i) { hashes[i] = sha256_of_file(folder_ / names[i]); });
  Sha256 all;
  for (std::size_t i = 0; i < names.size(); ++i) all.add(names[i] + " " + hashes[i] + "\n");
  return all.hex();
}

}  // namespace kvcompare
