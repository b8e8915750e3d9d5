#include "worker/devices/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

const c10::Device kCpu(c10::DeviceType::CPU);
const c10::Device kGpu(c10::DeviceType::CUDA, 0);

// A machine with a driver for CUDA 13.0 and this program built for it.
GpuFacts facts(int n_gpus) {
  GpuFacts facts{.runtime = CudaRuntime{.version = 13000, .status = 0, .status_text = "", .n_gpus = n_gpus},
                 .has_driver = true,
                 .driver_version = 13000,
                 .visible_devices = std::nullopt};
  return facts;
}

GpuFacts no_gpu(int status, const std::string& text = "") {
  auto none = facts(0);
  none.runtime->status = status;
  none.runtime->status_text = text;
  return none;
}

std::string refusal(const std::string& device, std::optional<int> num_gpus, const GpuFacts& facts) {
  try {
    choose_devices(device, num_gpus, facts);
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kUsage);
    return error.what();
  }
  return "";
}

std::string refusal(const std::string& device, const GpuFacts& facts) {
  return refusal(device, std::nullopt, facts);
}

std::vector<c10::Device> gpus(std::initializer_list<int> numbers) {
  std::vector<c10::Device> devices;
  for (const int n : numbers) devices.emplace_back(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(n));
  return devices;
}

TEST(ChooseDevices, TakesTheCpuWhenAskedTo) {
  EXPECT_THAT(choose_devices("cpu", std::nullopt, facts(2)), testing::ElementsAre(kCpu));
  EXPECT_THAT(refusal("cpu", 2, facts(2)), testing::HasSubstr("num_gpus"));
}

TEST(ChooseDevices, RefusesWhatIsNoDevice) {
  for (const char* device : {"tpu", "cuda:", "cuda:x", "cuda:1x", "cuda:-1", "cpu:0", ""})
    EXPECT_THAT(refusal(device, facts(2)), testing::HasSubstr("auto, cpu, cuda or cuda:N")) << device;
}

TEST(ChooseDevices, TakesAllGpusOrAsManyAsAskedFor) {
  EXPECT_EQ(choose_devices("auto", std::nullopt, facts(3)), gpus({0, 1, 2}));
  EXPECT_EQ(choose_devices("cuda", std::nullopt, facts(3)), gpus({0, 1, 2}));
  EXPECT_EQ(choose_devices("cuda", 2, facts(3)), gpus({0, 1}));
  EXPECT_EQ(choose_devices("cuda:2", std::nullopt, facts(3)), gpus({2}));
  EXPECT_EQ(choose_devices("cuda:2", 1, facts(3)), gpus({2}));
}

TEST(ChooseDevices, RefusesMoreGpusThanThereAre) {
  EXPECT_THAT(refusal("cuda", 4, facts(3)), testing::HasSubstr("4 asked for, 3 there"));
  EXPECT_THAT(refusal("cuda:3", facts(3)), testing::HasSubstr("cuda:3 does not exist: 3 GPUs are visible"));
  EXPECT_THAT(refusal("cuda:1", 2, facts(3)), testing::HasSubstr("which names one"));
}

TEST(ChooseDevices, SaysWhatIsMissingWhereThereIsNoGpu) {
  EXPECT_THAT(choose_devices("auto", std::nullopt, no_gpu(100)), testing::ElementsAre(kCpu));
  EXPECT_THAT(refusal("auto", 1, no_gpu(100)), testing::HasSubstr("1 asked for, 0 there: the NVIDIA driver"));
  for (const char* device : {"cuda", "cuda:0"}) {
    EXPECT_THAT(refusal(device, no_gpu(100)), testing::HasSubstr("it finds no GPU: look at `nvidia-smi`"));
    EXPECT_THAT(refusal(device, no_gpu(100)), testing::HasSubstr("or use --device cpu"));
  }
}

TEST(ChooseDevices, OfThisMachineAreThoseThatItsFactsSay) {
  const auto machine = gpu_facts();
  EXPECT_EQ(choose_devices("auto", std::nullopt), choose_devices("auto", std::nullopt, machine));
  if (machine.n_gpus() == 0) {
    EXPECT_THROW(choose_devices("cuda:0", std::nullopt), ConfigError);
  }
}

TEST(RequireServed, RefusesAGpuThatIsTooOld) {
  const c10::Device device(c10::DeviceType::CUDA, 1);
  EXPECT_NO_THROW(require_served(device, {.name = "NVIDIA A100", .address = "", .major = 8, .minor = 0}));
  try {
    require_served(device, {.name = "Tesla T4", .address = "", .major = 7, .minor = 5});
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(),
                testing::HasSubstr("cuda:1 (Tesla T4) has compute capability 7.5; 8.0 or newer is needed"));
  }
}

TEST(FullName, IsThatOfTheDeviceWhereNothingMoreIsKnown) {
  EXPECT_EQ(full_name(kCpu), "cpu");
  if (gpu_facts().n_gpus() > 0) {
    EXPECT_THAT(full_name(kGpu), testing::MatchesRegex("cuda:0 \\(.+, PCI [0-9A-Fa-f:.]+\\)"));
  }
}

// ---- what is missing

TEST(WhyNoGpu, SaysThatTheProgramWasBuiltWithoutCuda) {
  GpuFacts built_without;
  built_without.has_driver = true;
  EXPECT_THAT(why_no_gpu(built_without), testing::HasSubstr("cmake --preset gpu"));
}

TEST(WhyNoGpu, SaysThatThereIsNoDriver) {
  auto none = no_gpu(35, "CUDA driver version is insufficient for CUDA runtime version");
  none.has_driver = false;  // CUDA's runtime gives the same error for no driver and an old one
  none.driver_version = 0;
  EXPECT_THAT(why_no_gpu(none), testing::HasSubstr("there is no NVIDIA driver"));
}

TEST(WhyNoGpu, SaysThatTheDriverIsTooOldAndForWhat) {
  auto old = no_gpu(35);
  old.driver_version = 12040;
  EXPECT_THAT(why_no_gpu(old), testing::HasSubstr("too old: it knows CUDA 12.4, this program needs 13.0"));
}

TEST(WhyNoGpu, SaysThatTheEnvironmentHidesThem) {
  auto hidden = no_gpu(100);
  hidden.visible_devices = "";
  EXPECT_THAT(why_no_gpu(hidden), testing::HasSubstr("CUDA_VISIBLE_DEVICES='' leaves no GPU"));
  hidden.visible_devices = "7";
  EXPECT_THAT(why_no_gpu(hidden), testing::HasSubstr("CUDA_VISIBLE_DEVICES='7' leaves no GPU"));
}

TEST(WhyNoGpu, PassesOnWhatElseCudaSays) {
  EXPECT_THAT(why_no_gpu(no_gpu(34)), testing::HasSubstr("stub of a CUDA toolkit"));
  EXPECT_THAT(why_no_gpu(no_gpu(802, "system not yet initialized")),
              testing::HasSubstr("CUDA says: system not yet initialized (error 802)"));
}

TEST(ChooseDtype, IsFloat32OnTheCpuAndTheCheckpointsOwnOnAGpu) {
  EXPECT_EQ(choose_dtype(std::nullopt, Dtype::kBFloat16, kCpu), Dtype::kFloat32);
  EXPECT_EQ(choose_dtype(std::nullopt, Dtype::kBFloat16, kGpu), Dtype::kBFloat16);
  EXPECT_EQ(choose_dtype(std::nullopt, std::nullopt, kGpu), Dtype::kFloat32);
  EXPECT_EQ(choose_dtype(Dtype::kFloat64, Dtype::kBFloat16, kGpu), Dtype::kFloat64);
}

}  // namespace
}  // namespace kvcompare
