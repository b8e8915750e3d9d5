// family_nll FOLDER     the NLL of tiny models, one for each line of stdin
// A line is {"config": config.json of a model, "ids": token ids}. Writes the model's checkpoint with random
// weights into FOLDER (family_checkpoint.h), computes the baseline in float32, and prints {"nll": number} or
// {"refused": message}.
#include <filesystem>
#include <iostream>
#include <string>

#include <nlohmann/json.hpp>

#include <ATen/Parallel.h>

#include "common/errors.h"
#include "presses/registry.h"
#include "tests/support/engines.h"
#include "tests/support/family_checkpoint.h"

namespace kvcompare {
namespace {

using nlohmann::json;

json nll_of(const json& line, const std::filesystem::path& folder) try {
  constexpr std::uint64_t kSeed = 1;
  constexpr std::int64_t kChunkSize = 16;
  write_family_checkpoint(folder, line.at("config").dump(), kSeed);
  const auto model = read_model_config(folder / "config.json");
  const Sample sample{SampleIndex(0), line.at("ids").get<std::vector<TokenId>>()};
  const auto loaded = load_for_test(folder, model.decoder, "", at::kFloat);
  const auto method = make_method_spec(*find_method("baseline"), {});
  const auto result = make_engine(EngineKind::kTiled, loaded, kChunkSize)->run(sample, method);
  double sum = 0;
  for (const double nll : result.token_nll) sum += nll;
  return {{"nll", sum}};
} catch (const CheckpointError& error) {
  return {{"refused", error.what()}};
}

}  // namespace
}  // namespace kvcompare

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: family_nll FOLDER\n";
    return 2;
  }
  at::set_num_threads(1);
  for (std::string line; std::getline(std::cin, line);)
    std::cout << kvcompare::nll_of(nlohmann::json::parse(line), argv[1]).dump() << std::endl;
}
