// Without a GPU: what the class says. What it does is for tests/gpu, and its users are tested with others in
// its place (gpu_weights_test.cpp).
#include "worker/weights/nccl_broadcast.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/error_of.h"
#include "worker/devices/gpus.h"

namespace kvcompare {
namespace {

class NcclWithoutGpu : public testing::Test {
 protected:
  void SetUp() override {
    if (gpu_facts().n_gpus() > 0) GTEST_SKIP() << "this machine has a GPU";
  }
};

TEST_F(NcclWithoutGpu, IsNotThereForWantOfWhatAGpuNeeds) {
  EXPECT_EQ(why_no_nccl(), why_no_gpu(gpu_facts()));
}

TEST_F(NcclWithoutGpu, HasNoId) { EXPECT_FALSE(make_nccl_id()); }

// Of ranks that never come: it must not wait for them.
TEST_F(NcclWithoutGpu, RefusesACommunicatorAtOnce) {
  const auto error = error_of<ConfigError>([] {
    NcclBroadcast({.id = {}, .n_ranks = 2, .rank = 0, .readers = {0}}, c10::Device(c10::DeviceType::CUDA, 0),
                  {.start = std::chrono::hours(1), .slice = std::chrono::hours(1)});
  });
  EXPECT_EQ(error.key, "weight_broadcast");
  EXPECT_EQ(error.problem, why_no_gpu(gpu_facts()));
  EXPECT_EQ(error.exit_code(), ExitCode::kUsage);
}

}  // namespace
}  // namespace kvcompare
