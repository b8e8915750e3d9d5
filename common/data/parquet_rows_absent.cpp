#include "common/data/data_file_kind.h"
#include "common/data/parquet_rows.h"
#include "common/errors.h"

namespace kvcompare {

std::unique_ptr<JsonTexts> parquet_rows(const std::string& file, const FieldsThatCount&) {
  throw DataError(
      file, 0,
      foreign_format(kParquetMark, file) +
          "; this kvcompare was built without Parquet, KVCOMPARE_PARQUET=1 launch/build.sh release "
          "builds one that reads it");
}

std::string arrow_library_version() { return ""; }

}  // namespace kvcompare
