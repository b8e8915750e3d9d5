#include "common/files/atomic_file.h"

#include <algorithm>
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/errors.h"
#include "tests/support/temporary_folder.h"

namespace {
std::vector<std::string> synced;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): paths
}  // namespace

// Found before the C library's.
extern "C" int fsync(int descriptor) {
  std::error_code error;
  synced.push_back(
      std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(descriptor), error).string());
  return static_cast<int>(::syscall(SYS_fsync, descriptor));
}

namespace kvcompare {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::size_t n_entries(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(AtomicFile, WritesBytesAsTheyAre) {
  const TemporaryFolder folder;
  const std::string contents("a\0b\r\n\xff", 6);
  write_file_atomically(folder.path() / "out.json", contents);
  EXPECT_EQ(file_contents(folder.path() / "out.json"), contents);
  EXPECT_EQ(n_entries(folder.path()), 1u);
}

TEST(AtomicFile, WritesAnEmptyFile) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "empty", "");
  EXPECT_EQ(fs::file_size(folder.path() / "empty"), 0u);
}

TEST(AtomicFile, ReplacesALongerFile) {
  const TemporaryFolder folder;
  const fs::path path = folder.write("out.json", "a longer text than the new one");
  write_file_atomically(path, "short");
  EXPECT_EQ(file_contents(path), "short");
  EXPECT_EQ(n_entries(folder.path()), 1u);
}

TEST(AtomicFile, FollowsASymbolicLink) {
  const TemporaryFolder folder;
  const fs::path target = folder.write("target", "old");
  fs::create_symlink("target", folder.path() / "link");
  write_file_atomically(folder.path() / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder.path() / "link"));
  EXPECT_EQ(file_contents(target), "new");
}

TEST(StagedFilesTest, SyncsTheFolderThatALinkLeadsTo) {
  const TemporaryFolder folder, elsewhere;
  elsewhere.write("target", "old");
  fs::create_symlink(elsewhere.path() / "target", folder.path() / "link");
  StagedFiles staged(folder.path());
  staged.write("link", "new");
  staged.write("file", "new");
  staged.sync();
  synced.clear();
  staged.publish();
  EXPECT_THAT(synced, testing::UnorderedElementsAre(fs::canonical(folder.path()).string(),
                                                    fs::canonical(elsewhere.path()).string()));
  EXPECT_EQ(file_contents(elsewhere.path() / "target"), "new");
}

TEST(AtomicFile, RefusesAFolderAsTarget) {
  const TemporaryFolder folder;
  fs::create_directory(folder.path() / "sub");
  EXPECT_THROW(write_file_atomically(folder.path() / "sub", "x"), OutputError);
  EXPECT_THROW(write_file_atomically(folder.path() / "sub" / "", "x"), OutputError);
  EXPECT_EQ(n_entries(folder.path()), 1u);
}

TEST(AtomicFile, RefusesToReplaceADevice) {
  EXPECT_THROW(write_file_atomically("/dev/null", "x"), OutputError);
}

TEST(AtomicFile, NamesThePathIfTheFolderIsMissing) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "missing" / "out.json";
  try {
    write_file_atomically(path, "x");
    FAIL() << "wrote into a folder that is not there";
  } catch (const OutputError& error) {
    EXPECT_EQ(error.path, path.string());
    EXPECT_EQ(error.exit_code(), ExitCode::kOutput);
    EXPECT_THAT(error.what(), HasSubstr("No such file or directory"));
  }
}

// A limit on the size of files stands in for a full disk: the write fails half way.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t n_bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = n_bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    previous_handler_ = std::signal(SIGXFSZ, SIG_IGN);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, previous_handler_);
  }

 private:
  rlimit before_{};
  void (*previous_handler_)(int) = SIG_DFL;
};

TEST(AtomicFile, LeavesTheOldFileAndNoOtherIfTheDiskIsFull) {
  const TemporaryFolder folder;
  const fs::path path = folder.write("out.json", "old");
  std::string message;
  {
    const FileSizeLimit limit(1000);
    try {
      write_file_atomically(path, std::string(5000, 'x'));
    } catch (const OutputError& error) {
      message = error.what();
    }
  }
  EXPECT_THAT(message, HasSubstr(path.string()));
  EXPECT_THAT(message, HasSubstr("1000 of 5000 bytes"));
  EXPECT_EQ(file_contents(path), "old");
  EXPECT_EQ(n_entries(folder.path()), 1u);
}

}  // namespace
}  // namespace kvcompare
