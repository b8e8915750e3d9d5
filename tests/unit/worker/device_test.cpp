#include "worker/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <c10/core/impl/DeviceGuardImplInterface.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

const c10::Device kCpu(c10::DeviceType::CPU);
const c10::Device kGpu(c10::DeviceType::CUDA, 0);

bool has_gpu() {
  return c10::impl::hasDeviceGuardImpl(c10::DeviceType::CUDA) &&
         c10::impl::getDeviceGuardImpl(c10::DeviceType::CUDA)->deviceCount() > 0;
}

std::string refusal(const std::string& device, std::optional<int> num_gpus = std::nullopt) {
  try {
    choose_devices(device, num_gpus);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(ChooseDevices, TakesTheCpuWhenAskedTo) {
  EXPECT_THAT(choose_devices("cpu", std::nullopt), testing::ElementsAre(kCpu));
  EXPECT_THAT(refusal("cpu", 2), testing::HasSubstr("num_gpus"));
}

TEST(ChooseDevices, RefusesWhatIsNoDevice) {
  for (const char* device : {"tpu", "cuda:", "cuda:x", "cuda:1x", "cuda:-1", "cpu:0", ""})
    EXPECT_THAT(refusal(device), testing::HasSubstr("auto, cpu, cuda or cuda:N")) << device;
}

TEST(ChooseDevices, SaysWhatIsMissingWhereThereIsNoGpu) {
  if (has_gpu()) GTEST_SKIP() << "this machine has a GPU";
  EXPECT_THAT(choose_devices("auto", std::nullopt), testing::ElementsAre(kCpu));
  EXPECT_THAT(refusal("cuda"), testing::HasSubstr("--device cpu"));
  EXPECT_THAT(refusal("cuda:0"), testing::HasSubstr("--device cpu"));
  EXPECT_THAT(refusal("auto", 1), testing::HasSubstr("1 asked for, 0 there"));
}

TEST(ChooseDtype, IsFloat32OnTheCpuAndTheCheckpointsOwnOnAGpu) {
  EXPECT_EQ(choose_dtype(std::nullopt, Dtype::kBFloat16, kCpu), Dtype::kFloat32);
  EXPECT_EQ(choose_dtype(std::nullopt, Dtype::kBFloat16, kGpu), Dtype::kBFloat16);
  EXPECT_EQ(choose_dtype(std::nullopt, std::nullopt, kGpu), Dtype::kFloat32);
  EXPECT_EQ(choose_dtype(Dtype::kFloat64, Dtype::kBFloat16, kGpu), Dtype::kFloat64);
}

}  // namespace
}  // namespace kvcompare
