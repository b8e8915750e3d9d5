// A communicator of one rank. What the class says without a GPU:
// tests/unit/worker/weights/nccl_broadcast_test.cpp.
#include "worker/weights/nccl_broadcast.h"

#include <chrono>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>

#include "tests/support/error_of.h"
#include "tests/support/kernel_run.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_model.h"
#include "worker/checkpoint/model_config.h"
#include "worker/devices/device_stream.h"
#include "worker/gpu/gpu_weights.h"

namespace kvcompare {
namespace {

using std::chrono::seconds;

class NcclBroadcastOfOneRank : public testing::Test {
 protected:
  void SetUp() override {
    const auto missing = why_no_nccl();
    ASSERT_FALSE(missing) << *missing;
    const auto id = make_nccl_id();
    ASSERT_TRUE(id);
    broadcast_ = std::make_unique<NcclBroadcast>(NcclPlace{.id = *id}, kernel_device(),
                                                 NcclTimeouts{.start = seconds(60), .slice = seconds(60)});
  }

  std::unique_ptr<NcclBroadcast> broadcast_;
};

TEST_F(NcclBroadcastOfOneRank, KnowsItsPlace) {
  EXPECT_EQ(broadcast_->rank(), 0);
  ASSERT_EQ(broadcast_->readers().size(), 1U);
  EXPECT_EQ(broadcast_->readers()[0], 0);
  broadcast_->close();
}

TEST_F(NcclBroadcastOfOneRank, LeavesABufferAsItWasInSlices) {
  constexpr std::int64_t kBytes = 10'000'001, kSlice = 1 << 20;  // the last slice is short
  const auto expected = at::arange(kBytes, at::kLong).remainder(251).to(at::kByte);
  const auto buffer = expected.to(kernel_device());
  const auto stream = new_stream(kernel_device());
  for (std::int64_t at = 0; at < kBytes; at += kSlice)
    broadcast_->broadcast(buffer.mutable_data_ptr<std::uint8_t>() + at, std::min(kSlice, kBytes - at), 0,
                          stream);
  StreamEvent all(kernel_device());
  all.record(stream);
  broadcast_->wait_until([&] { return all.is_past(); });
  broadcast_->close();
  EXPECT_TRUE(at::equal(buffer.cpu(), expected));
}

// The same numbers as those that a rank reads for itself, so the same hash.
TEST_F(NcclBroadcastOfOneRank, BringsTheWeightsOfACheckpoint) {
  const TemporaryFolder folder;
  write_tiny_model(folder.path(), {.seed = 7, .hidden = 64});
  const auto decoder = read_model_config(folder.path() / "config.json").decoder;
  const auto hash = [&](const at::Device& device, WeightBroadcast* broadcast) {
    return GpuWeights(folder.path(), decoder, at::kBFloat16, device,
                      {.broadcast = broadcast, .slice_bytes = 4096})
        .hash();
  };
  const auto shared = hash(kernel_device(), broadcast_.get());
  broadcast_->close();
  EXPECT_EQ(shared, hash(kernel_device(), nullptr));
  EXPECT_EQ(shared, hash(at::kCPU, nullptr));
}

// Then the communicator is no more: closing it does nothing, and it broadcasts nothing.
TEST_F(NcclBroadcastOfOneRank, GivesUpAWaitThatTakesTooLong) {
  const auto id = make_nccl_id();
  ASSERT_TRUE(id);
  NcclBroadcast impatient({.id = *id}, kernel_device(), {.start = seconds(60), .slice = seconds(1)});
  const auto error = error_of<NcclError>([&] { impatient.wait_until([] { return false; }); });
  EXPECT_EQ(error.call, "ncclBroadcast");
  EXPECT_NE(std::string(error.what()).find("1 s"), std::string::npos) << error.what();
  EXPECT_THROW(impatient.broadcast(nullptr, 0, 0, new_stream(kernel_device())), InvariantError);
  impatient.close();
}

// Its peer never comes.
TEST(NcclBroadcastOfTwoRanks, GivesUpAStartThatTakesTooLong) {
  const auto id = make_nccl_id();
  ASSERT_TRUE(id);
  const NcclPlace place{.id = *id, .n_ranks = 2, .rank = 0, .readers = {0}};
  const auto start = std::chrono::steady_clock::now();
  const auto error = error_of<NcclError>(
      [&] { const NcclBroadcast alone(place, kernel_device(), {.start = seconds(2), .slice = seconds(2)}); });
  EXPECT_EQ(error.call, "ncclCommInitRankConfig");
  EXPECT_GE(std::chrono::steady_clock::now() - start, seconds(2));
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(60));
}

}  // namespace
}  // namespace kvcompare
