#include "worker/checkpoint/watched_mapping.h"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"
#include "worker/checkpoint/mapped_file.h"

namespace kvcompare {
namespace {

constexpr std::size_t kPage = 4096;

// Two parts of a page each, and a page that has no name.
class File {
 public:
  File() {
    std::ofstream(path()) << std::string(3 * kPage, 'x');
    map_.emplace(path());
    map_->name_parts({{"first", 0, kPage}, {"second", kPage, 2 * kPage}});
  }
  std::filesystem::path path() const { return folder_.path() / "model.safetensors"; }
  int read(std::size_t offset) const { return *static_cast<const volatile char*>(&map_->bytes()[offset]); }
  void cut(std::size_t n_bytes) const { std::filesystem::resize_file(path(), n_bytes); }

 private:
  TemporaryFolder folder_;
  std::optional<MappedFile> map_;
};

void change_time(const std::filesystem::path& path) {
  std::filesystem::last_write_time(path, std::filesystem::last_write_time(path) + std::chrono::hours(1));
}

TEST(WatchedMapping, EndsTheProcessNamingFileAndPartOfWhatIsCutOff) {
  const File file;
  const auto read_after_cut = [&](std::size_t n_bytes, std::size_t offset) {
    file.cut(n_bytes);
    file.read(offset);
  };
  const auto bad_input = ::testing::ExitedWithCode(static_cast<int>(ExitCode::kBadInput));
  EXPECT_EXIT(read_after_cut(kPage, kPage + 7), bad_input,
              "kvcompare: error: .*/model.safetensors: second: cannot be read any more");
  EXPECT_EXIT(read_after_cut(0, 7), bad_input, "model.safetensors: first: cannot be read any more");
  EXPECT_EXIT(read_after_cut(0, 3 * kPage - 1), bad_input, "model.safetensors: cannot be read any more");
}

TEST(WatchedMapping, LeavesOtherBusErrorsAlone) {
  const File file;
  EXPECT_EXIT(std::raise(SIGBUS), ::testing::KilledBySignal(SIGBUS), "");
}

TEST(WatchedMapping, RefusesNumbersOfAFileThatWasChangedInPlace) {
  const File file;
  EXPECT_NO_THROW(check_mapped_files_unchanged());
  change_time(file.path());
  const auto error = error_of<CheckpointError>(check_mapped_files_unchanged);
  EXPECT_EQ(error.file, file.path().string());
  EXPECT_THAT(error.what(), ::testing::HasSubstr("was changed while it was in use"));
}

TEST(WatchedMapping, RefusesNumbersOfAFileThatWasCutWithinItsLastPage) {
  const File file;
  file.cut(3 * kPage - 8);
  EXPECT_THAT(error_of<CheckpointError>(check_mapped_files_unchanged).what(),
              ::testing::HasSubstr("it had 12288 bytes, now it has 12280"));
}

TEST(WatchedMapping, KeepsAFileThatIsRemovedOrReplaced) {
  const File file;
  const auto other = file.path().string() + ".new";
  std::ofstream(other) << "other";
  std::filesystem::rename(other, file.path());
  EXPECT_NO_THROW(check_mapped_files_unchanged());
  std::filesystem::remove(file.path());
  EXPECT_NO_THROW(check_mapped_files_unchanged());
  EXPECT_EQ(file.read(3 * kPage - 1), 'x');
}

TEST(WatchedMapping, IsForgottenWithItsFile) {
  std::filesystem::path gone;
  {
    const File file;
    gone = file.path();
    change_time(gone);
  }
  EXPECT_NO_THROW(check_mapped_files_unchanged());
  const File file;  // takes the place of the other in the list
  file.cut(kPage);
  EXPECT_EXIT(file.read(kPage), ::testing::ExitedWithCode(5), "second");
}

}  // namespace
}  // namespace kvcompare
