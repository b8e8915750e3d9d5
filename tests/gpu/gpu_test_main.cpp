// Runs tests that need a GPU. Where there is none each of them is skipped, or fails if
// KVCOMPARE_REQUIRE_GPU=1.
#include <cstdlib>
#include <string_view>

#include <gtest/gtest.h>

#include "worker/devices/gpus.h"

namespace kvcompare {
namespace {

bool is_gpu_required() {
  const char* text = std::getenv("KVCOMPARE_REQUIRE_GPU");
  return text != nullptr && std::string_view(text) == "1";
}

class NeedsGpu : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo&) override {
    if (facts_.n_gpus() > 0) return;
    if (is_gpu_required()) FAIL() << "KVCOMPARE_REQUIRE_GPU=1, but no GPU: " << why_no_gpu(facts_);
    GTEST_SKIP() << "no GPU: " << why_no_gpu(facts_);
  }

  const GpuFacts facts_ = gpu_facts();
};

// In front of the listener that prints, which is to hear of what ours says.
void add_in_front(testing::TestEventListeners& listeners, testing::TestEventListener* listener) {
  auto* printer = listeners.Release(listeners.default_result_printer());
  listeners.Append(listener);
  listeners.Append(printer);
}

}  // namespace
}  // namespace kvcompare

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  kvcompare::add_in_front(testing::UnitTest::GetInstance()->listeners(), new kvcompare::NeedsGpu());
  return RUN_ALL_TESTS();
}
