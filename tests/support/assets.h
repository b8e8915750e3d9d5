// Finds test data that is not part of the project.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>

namespace kvcompare {

// The folder that the environment variable KVCOMPARE_TEST_ASSETS names; empty if it is unset.
inline std::optional<std::filesystem::path> test_assets() {
  const char* folder = std::getenv("KVCOMPARE_TEST_ASSETS");
  if (folder == nullptr || *folder == '\0') return std::nullopt;
  return std::filesystem::path(folder);
}

}  // namespace kvcompare

// Skips the test, with the reason, if there is no such folder.
#define KVCOMPARE_SKIP_WITHOUT_ASSETS() \
  if (!kvcompare::test_assets()) GTEST_SKIP() << "KVCOMPARE_TEST_ASSETS is not set"
