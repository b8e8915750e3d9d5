#include "coordinator/same_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "tests/support/error_of.h"

namespace kvcompare {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Hello hello(const std::string& model, const std::string& weights) {
  return {.host = "node", .device = "cuda:1", .n_tokens_at_once = 0, .model = model, .weights = weights};
}

TEST(SameModel, IsThatOfTheCoordinatorsFiles) {
  SameModel same("0123");
  EXPECT_NO_THROW(same.check(Rank(1), hello("0123", "")));
  const auto error = error_of<CheckpointError>([&] { same.check(Rank(2), hello("4567", "")); });
  EXPECT_THAT(error.what(), AllOf(HasSubstr("worker 2 on node has read another model (SHA-256 4567)"),
                                  HasSubstr("than the coordinator (0123)")));
  EXPECT_THROW(same.check(Rank(3), hello("4567", "aa")), CheckpointError);
}

TEST(SameModel, IsKnownByItsWeightsWhereNoFileWasRead) {
  SameModel same("0123");
  EXPECT_NO_THROW(same.check(Rank(1), hello("", "aa")));
  EXPECT_NO_THROW(same.check(Rank(2), hello("0123", "aa")));
  EXPECT_THROW(same.check(Rank(3), hello("", "")), CheckpointError);
}

TEST(SameModel, HasTheSameWeightsOnAllDevices) {
  SameModel same("0123");
  same.check(Rank(1), hello("0123", ""));  // not known
  same.check(Rank(2), hello("0123", "aa"));
  same.check(Rank(3), hello("", "aa"));
  for (const std::string model : {"", "0123"}) {
    const auto error = error_of<CheckpointError>([&] { same.check(Rank(4), hello(model, "ab")); });
    EXPECT_THAT(error.what(), AllOf(HasSubstr("worker 4 on node has other weights on cuda:1 (SHA-256 ab)"),
                                    HasSubstr("than worker 2 on node (aa)")));
  }
  EXPECT_NO_THROW(same.check(Rank(5), hello("0123", "")));
}

}  // namespace
}  // namespace kvcompare
