#include "common/files/expanded_path.h"

#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace kvcompare {
namespace {

class ExpandedPath : public testing::Test {
 protected:
  ExpandedPath() : before_(std::getenv("HOME") == nullptr ? "" : std::getenv("HOME")) {
    ::setenv("HOME", "/home/me", 1);
    ::setenv("KVCOMPARE_TEST_A", "one", 1);
    ::setenv("KVCOMPARE_TEST_EMPTY", "", 1);
    ::unsetenv("KVCOMPARE_TEST_UNSET");
  }
  ~ExpandedPath() override { ::setenv("HOME", before_.c_str(), 1); }

  std::string before_;
};

// Values of os.path.expandvars(os.path.expanduser(path)) in Python 3.11, but for ~root, whose home is root's.
TEST_F(ExpandedPath, IsWhatPythonMakesOfIt) {
  for (const auto& [path, expected] : {std::pair{"~", "/home/me"},
                                       {"~/models/x", "/home/me/models/x"},
                                       {"a/~/b", "a/~/b"},
                                       {"~no-such-user/x", "~no-such-user/x"},
                                       {"$KVCOMPARE_TEST_A/x", "one/x"},
                                       {"x/${KVCOMPARE_TEST_A}y", "x/oney"},
                                       {"$KVCOMPARE_TEST_A$KVCOMPARE_TEST_A", "oneone"},
                                       {"$KVCOMPARE_TEST_A-x", "one-x"},
                                       {"a$KVCOMPARE_TEST_EMPTY/b", "a/b"},
                                       {"$HOME/~", "/home/me/~"},
                                       {"cost$", "cost$"},
                                       {"a$/b", "a$/b"},
                                       {"${KVCOMPARE_TEST_A", "${KVCOMPARE_TEST_A"},
                                       {"${}", "${}"},
                                       {"org/name", "org/name"},
                                       {"", ""}})
    EXPECT_EQ(expanded_path(path, "key"), expected);
}

TEST_F(ExpandedPath, RefusesAVariableThatIsNotSetByName) {
  for (const char* path : {"$KVCOMPARE_TEST_UNSET/x", "${KVCOMPARE_TEST_UNSET}/x"}) {
    const auto error = error_of<ConfigError>([&] { expanded_path(path, "run.json:2: model_name"); });
    EXPECT_EQ(error.what(), "run.json:2: model_name: '" + std::string(path) +
                                "' names the environment variable KVCOMPARE_TEST_UNSET, which is not set; "
                                "set it, or write the path itself");
  }
}

TEST_F(ExpandedPath, LeavesWhatExistsAsItIsWritten) {
  const TemporaryFolder folder;
  const auto file = folder.write("$KVCOMPARE_TEST_UNSET/config.json", "{}");
  EXPECT_EQ(expanded_path(file.string(), "key"), file.string());
}

}  // namespace
}  // namespace kvcompare
