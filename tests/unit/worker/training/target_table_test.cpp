#include "worker/training/target_table.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "tests/support/error_of.h"
#include "tests/support/safetensors_writer.h"
#include "tests/support/temporary_folder.h"

namespace kvcompare {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

TensorToWrite zeros(const std::string& name, const std::vector<std::int64_t>& shape) {
  std::size_t n = 1;
  for (const auto size : shape) n *= static_cast<std::size_t>(size);
  return {name, "F32", shape, std::string(4 * n, '\0')};
}

// The message with which files of these tensors are refused.
std::string refusal(const std::vector<std::vector<TensorToWrite>>& files) {
  const TemporaryFolder folder;
  std::vector<fs::path> paths;
  for (const auto& tensors : files) {
    paths.push_back(folder.path() / ("prompt_" + std::to_string(paths.size()) + ".safetensors"));
    write_safetensors(paths.back(), tensors);
  }
  return error_of<CheckpointError>([&] { read_targets(paths, 0); }).what();
}

TEST(TargetTable, JoinsTheRowsOfAllFiles) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "prompt.safetensors";
  write_safetensors(file, {zeros("hidden.0", {2, 3}), zeros("scores.0", {2, 1})});
  const auto targets = read_targets(std::vector{file, file}, 0);
  EXPECT_EQ(targets.hidden.sizes().vec(), (std::vector<std::int64_t>{4, 3}));
  EXPECT_EQ(targets.scores.sizes().vec(), (std::vector<std::int64_t>{4, 1}));
}

TEST(TargetTable, OfAnotherShapeIsRefusedByName) {
  EXPECT_THAT(refusal({{zeros("hidden.0", {}), zeros("scores.0", {2, 1})}}),
              HasSubstr("prompt_0.safetensors: hidden.0: has 0 dimensions; expected 2"));
  EXPECT_THAT(refusal({{zeros("hidden.0", {2, 3}), zeros("scores.0", {3, 1})}}),
              HasSubstr("prompt_0.safetensors: scores.0: has 3 rows; expected 2, as many as hidden.0"));
  EXPECT_THAT(refusal({{zeros("hidden.0", {2, 3}), zeros("scores.0", {2, 1})},
                       {zeros("hidden.0", {2, 4}), zeros("scores.0", {2, 1})}}),
              HasSubstr("prompt_1.safetensors: hidden.0: has 4 columns; expected 3"));
}

TEST(TargetTable, OfAnotherNumberFormatIsRefusedByName) {
  auto hidden = zeros("hidden.0", {2, 3});
  hidden.dtype = "F16";
  hidden.bytes.resize(12);
  EXPECT_THAT(refusal({{hidden, zeros("scores.0", {2, 1})}}),
              HasSubstr("prompt_0.safetensors: hidden.0: dtype is F16; expected F32"));
}

}  // namespace
}  // namespace kvcompare
