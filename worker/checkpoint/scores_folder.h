// The folder of --external_scores: a .safetensors file for every sample, with the scores of its keys.
// docs/your_own_method.md describes the files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "common/data/sample.h"
#include "presses/methods/external_scores.h"
#include "worker/model/decoder.h"

namespace kvcompare {

// "sample_000012.safetensors"; more than six digits where the index has more.
std::string sample_file_name(SampleIndex sample);

// What the files of a sample carry as `data_sha256`: SHA-256 of its token ids, each as a little-endian 64-bit
// integer.
std::string sha256_of_ids(std::span<const TokenId> ids);

// Opens the file of a sample when it is asked for, and maps it into memory.
class ScoresFolder : public ExternalScores {
 public:
  ScoresFolder(std::filesystem::path folder, const Decoder& decoder);

  // Checks what the header says.
  at::Tensor of_sample(SampleIndex sample) const override;

  // Throws CheckpointError, naming the file, the sample and what was expected: if the file of a sample is
  // missing or no .safetensors file; if `scores` is missing, of another dtype or shape, or holds a NaN; if
  // `data_sha256` in its metadata is missing or another; if it has a `model_sha256` that is another one.
  //   model_sha256 : of the run's model
  void check(std::span<const Sample> samples, const std::string& model_sha256, int n_threads) const;

  // SHA-256 of the names and contents of all files of samples in the folder, those that a run does not use
  // included: so that it stays when a run grows by samples.
  std::string hash(int n_threads) const;

 private:
  void check_sample(const Sample& sample, const std::string& model_sha256) const;

  std::filesystem::path folder_;
  std::int64_t n_layers_;
  std::int64_t n_kv_heads_;
};

}  // namespace kvcompare
