#include "launch/session/workers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

std::vector<c10::Device> gpus(int n) {
  std::vector<c10::Device> devices;
  for (int i = 0; i < n; ++i) devices.emplace_back(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(i));
  return devices;
}

std::vector<int> numbers_of_ranks(int n_gpus, int n_ranks, const RunOptions& options) {
  std::vector<int> numbers;
  for (int r = 0; r < n_ranks; ++r)
    numbers.push_back(
        device_of(gpus(n_gpus), options, {.index = r, .n_ranks = n_ranks, .n_cores = 1}).index());
  return numbers;
}

TEST(DeviceOf, GivesEachRankOfAHostAGpuOfItsOwn) {
  EXPECT_THAT(numbers_of_ranks(4, 4, {}), testing::ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(numbers_of_ranks(4, 2, {}), testing::ElementsAre(0, 1));
}

TEST(DeviceOf, RefusesTwoRanksOnAGpuUnlessTheyAreToShareIt) {
  RunOptions options;
  try {
    numbers_of_ranks(2, 3, options);
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(),
                testing::AllOf(testing::HasSubstr("3 ranks on "), testing::HasSubstr("see 2 GPUs"),
                               testing::HasSubstr("--share_gpu")));
  }
  options.share_gpu = true;
  EXPECT_THAT(numbers_of_ranks(2, 5, options), testing::ElementsAre(0, 1, 0, 1, 0));
}

TEST(DeviceOf, IsTheCpuForAllRanksWhereItIsForOne) {
  const std::vector<c10::Device> cpu{c10::Device(c10::DeviceType::CPU)};
  EXPECT_TRUE(device_of(cpu, {}, {.index = 3, .n_ranks = 8, .n_cores = 1}).is_cpu());
}

TEST(NRanksOnDevice, CountsThoseThatDeviceOfPutsThere) {
  RunOptions options;
  options.share_gpu = true;
  for (const int n_gpus : {1, 2, 3, 8})
    for (const int n_ranks : {1, 2, 5, 8, 9}) {
      const auto numbers = numbers_of_ranks(n_gpus, n_ranks, options);
      for (int r = 0; r < n_ranks; ++r)
        EXPECT_EQ(n_ranks_on_device(gpus(n_gpus), {.index = r, .n_ranks = n_ranks, .n_cores = 1}),
                  std::ranges::count(numbers, numbers[static_cast<std::size_t>(r)]));
    }
}

}  // namespace
}  // namespace kvcompare
