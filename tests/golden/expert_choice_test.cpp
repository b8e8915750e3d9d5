// gpt-oss chooses experts by the router's logits, also where weights that float32 cannot tell apart come of
// them.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <ATen/Parallel.h>
#include <ATen/ops/tensor.h>

#include "presses/registry.h"
#include "tests/support/engines.h"
#include "tests/support/family_checkpoint.h"
#include "tests/support/gpu_model.h"
#include "tests/support/safetensors_writer.h"
#include "tests/support/temporary_folder.h"
#include "worker/checkpoint/safetensors.h"

namespace kvcompare {
namespace {

nlohmann::json golden_of_gpt_oss() {
  std::ifstream file(std::filesystem::path(KVCOMPARE_GOLDEN_DIR) / "families.jsonl");
  for (std::string line; std::getline(file, line);)
    if (auto golden = nlohmann::json::parse(line); golden.at("name") == "gpt_oss") return golden;
  throw std::logic_error("no golden is named gpt_oss");
}

// The model whose router gives every token these logits: its weights are zeros, its bias is the logits.
void set_router_logits(const std::filesystem::path& folder, const std::vector<double>& logits) {
  std::vector<TensorToWrite> tensors;
  {
    const SafetensorsFile file(folder / "model.safetensors");
    for (const auto& entry : file.entries()) {
      auto tensor = file.tensor(entry.name).clone();
      if (entry.name.ends_with("router.weight")) tensor.zero_();
      if (entry.name.ends_with("router.bias")) tensor.copy_(at::tensor(logits, at::kDouble));
      tensors.push_back({entry.name,
                         "BF16",
                         entry.shape,
                         {static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()}});
    }
  }
  write_safetensors(folder / "model.safetensors", tensors);
}

double sum(const std::vector<double>& numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), 0.0);
}

class ExpertChoice : public testing::Test {
 protected:
  static void SetUpTestSuite() { at::set_num_threads(1); }

  // Of the stepwise, the tiled and the GPU engine.
  std::vector<double> nll_with(const std::vector<double>& logits) const {
    const TemporaryFolder folder;
    write_family_checkpoint(folder.path(), golden_.at("config").dump(), golden_.at("seed"));
    set_router_logits(folder.path(), logits);
    const Sample sample{SampleIndex(0), golden_.at("samples").at(1).get<std::vector<TokenId>>()};
    const auto baseline = make_method_spec(*find_method("baseline"), {});
    const auto loaded = load_for_test(folder.path(), folder.path() / "scorer", at::kFloat);
    const GpuModelForTest gpu(folder.path(), at::kFloat);
    std::vector<double> nll;
    for (const auto kind : kCpuEngines)
      nll.push_back(sum(make_engine(kind, loaded, 8)->run(sample, baseline).token_nll));
    nll.push_back(sum(gpu.engine({.chunk_size = 8})->run(sample, baseline).token_nll));
    return nll;
  }

  nlohmann::json golden_ = golden_of_gpt_oss();
};

// Two of five experts are chosen, each with weight 1/2 but for 1e-9.
TEST_F(ExpertChoice, IsByLogitsWhereWeightsAreEqual) {
  const auto third_and_second = nll_with({0, 1e-9, 2e-9, -20, -20});
  const auto the_same = nll_with({-20, 0, 0, -20, -20});
  const auto first_and_second = nll_with({0, 0, -20, -20, -20});
  for (std::size_t engine = 0; engine < the_same.size(); ++engine) {
    EXPECT_NEAR(third_and_second[engine], the_same[engine], 1e-4);
    EXPECT_GT(std::abs(third_and_second[engine] - first_and_second[engine]), 0.1);
  }
}

}  // namespace
}  // namespace kvcompare
