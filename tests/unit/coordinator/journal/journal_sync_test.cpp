// What a journal holds when the disk does not take what was written.
#include <cerrno>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/errors.h"
#include "coordinator/journal/journal.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/coordinator/unit_results.h"

namespace {
// NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables)
bool disk_fails = false;
int n_syncs = 0;
// NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)
}  // namespace

// Found before the C library's.
extern "C" int fdatasync(int descriptor) {
  ++n_syncs;
  if (!disk_fails) return static_cast<int>(::syscall(SYS_fdatasync, descriptor));
  errno = EIO;
  return -1;
}

namespace kvcompare {
namespace {

JournalHeader header() {
  JournalHeader result;
  result.spec.methods = {{"baseline", "Baseline", KeepAll{}, {}}};
  result.model = {1, 1, 1, 8, 8, 50, 512};
  result.n_samples = 10;
  return result;
}

Attempt success(std::int64_t sample) {
  return {imaginary_result({.sample = sample}), "baseline", 1, Rank(1), "node7", "cpu"};
}

class JournalSync : public testing::Test {
 protected:
  JournalSync() { disk_fails = false; }
  ~JournalSync() override { disk_fails = false; }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "journal.jsonl";
};

TEST_F(JournalSync, ShowsNoReaderWhatTheDiskDidNotTake) {
  JournalWriter writer(path_, header());
  writer.append(success(0));
  writer.sync();
  writer.append(success(1));
  disk_fails = true;
  const auto error = error_of<OutputError>([&] { writer.sync(); });
  EXPECT_THAT(error.what(),
              testing::AllOf(testing::HasSubstr("cannot sync"), testing::HasSubstr("Input/output error")));
  const Journal journal(path_);
  EXPECT_EQ(journal.units().size(), 1u);
  EXPECT_EQ(journal.torn_bytes(), 0);
}

TEST_F(JournalSync, IsMadeSureOfBeforeARunGoesOn) {
  { JournalWriter(path_, header()).append(success(0)); }  // killed before its sync
  const Journal so_far(path_);
  const int n_before = n_syncs;
  { const JournalWriter writer(so_far); }
  EXPECT_EQ(n_syncs, n_before + 1);
  disk_fails = true;
  EXPECT_THROW(JournalWriter{so_far}, OutputError);
}

}  // namespace
}  // namespace kvcompare
