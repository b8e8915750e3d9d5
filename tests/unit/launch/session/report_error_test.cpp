#include "launch/session/report_error.h"

#include <new>
#include <stdexcept>
#include <system_error>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kvcompare {
namespace {

using testing::HasSubstr;

TEST(AsError, LeavesAnErrorAsItIs) {
  const auto error = as_error(DataError("d.jsonl", 3, "is bad"));
  EXPECT_EQ(error.exit_code(), ExitCode::kBadInput);
  EXPECT_STREQ(error.what(), "d.jsonl:3: is bad");
}

TEST(AsError, IsAnInternalOneForWhatOthersThrow) {
  EXPECT_EQ(as_error(std::runtime_error("of a library")).exit_code(), ExitCode::kInternal);
  EXPECT_STREQ(as_error(std::runtime_error("of a library")).what(), "of a library");
  EXPECT_STREQ(as_error(std::bad_alloc()).what(), "the memory does not suffice (std::bad_alloc)");
}

TEST(AsError, NamesTheLimitsWhereAThreadCannotBeStarted) {
  const std::system_error thrown(std::make_error_code(std::errc::resource_unavailable_try_again));
  EXPECT_THAT(as_error(thrown).what(), testing::AllOf(HasSubstr("no further thread can be started"),
                                                      HasSubstr("RLIMIT_NPROC (ulimit -u) ")));
}

}  // namespace
}  // namespace kvcompare
