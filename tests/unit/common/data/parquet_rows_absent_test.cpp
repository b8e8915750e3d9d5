#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/data/parquet_rows.h"
#include "common/data/record_reader.h"
#include "common/errors.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace kvcompare {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(WithoutParquet, AFileIsNamedWithWhatReadsOrConvertsIt) {
  const TemporaryFolder folder;
  const auto file = folder.write("table", "PAR1 and more PAR1").string();
  const auto error = error_of<DataError>([&] { open_records(file, {}, std::nullopt); });
  EXPECT_EQ(error.exit_code(), ExitCode::kBadInput);
  EXPECT_THAT(error.what(), AllOf(HasSubstr(file + ": is a Parquet file"), HasSubstr("pandas.read_parquet"),
                                  HasSubstr("KVCOMPARE_PARQUET=1 launch/build.sh")));
  EXPECT_EQ(arrow_library_version(), "");
}

}  // namespace
}  // namespace kvcompare
