#include "worker/checkpoint/safetensors.h"

#include <array>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "tests/support/assets.h"
#include "tests/support/error_of.h"
#include "tests/support/safetensors_writer.h"
#include "tests/support/temporary_folder.h"

namespace kvcompare {
namespace {

using ::testing::HasSubstr;
using json = nlohmann::json;

const std::array<float, 3> kValues{1.0F, -2.5F, 3.25F};

std::vector<double> values_of(const at::Tensor& tensor) {
  const at::Tensor wide = tensor.to(at::kDouble).contiguous();
  const auto* data = wide.const_data_ptr<double>();
  return {data, data + wide.numel()};
}

std::string bytes_of_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

std::string entry(const std::string& name, const std::string& begin, const std::string& end) {
  return '"' + name + R"(":{"dtype":"F32","shape":[1],"data_offsets":[)" + begin + "," + end + "]}";
}

CheckpointError error_of_file(const std::filesystem::path& path) {
  return error_of<CheckpointError>([&] { SafetensorsFile{path}; });
}

// ---- the manifest of vectors

void expect_header(const json& header, const SafetensorsFile& file) {
  EXPECT_EQ(file.entries().size(), header.size());
  for (const auto& [name, expected] : header.items()) {
    const SafetensorsEntry* found = file.find(name);
    ASSERT_NE(found, nullptr) << name;
    EXPECT_EQ(found->dtype, expected["dtype"].get<std::string>());
    EXPECT_EQ(found->shape, expected["shape"].get<std::vector<std::int64_t>>());
    EXPECT_EQ(found->begin, expected["data_offsets"][0].get<std::uint64_t>());
    EXPECT_EQ(found->end, expected["data_offsets"][1].get<std::uint64_t>());
  }
}

void expect_values(const json& values, const SafetensorsFile& file) {
  for (const auto& [name, expected] : values.items()) {
    const std::vector<double> found = values_of(file.tensor(name));
    ASSERT_EQ(found.size(), expected.size()) << name;
    for (std::size_t i = 0; i < found.size(); ++i) {
      const json& value = expected[i];
      if (value == "nan")
        EXPECT_TRUE(std::isnan(found[i]));
      else if (value.is_string())
        EXPECT_EQ(found[i], value == "inf" ? HUGE_VAL : -HUGE_VAL);
      else
        EXPECT_EQ(found[i], value.get<double>()) << name << '[' << i << ']';
    }
  }
}

TEST(SafetensorsVectors, AreAcceptedOrRefusedAsTheManifestSays) {
  KVCOMPARE_SKIP_WITHOUT_ASSETS();
  const std::filesystem::path folder = *test_assets() / "safetensors-vectors";
  const json manifest = json::parse(std::ifstream(folder / "manifest.json"));
  ASSERT_GE(manifest.size(), 40U);
  for (const json& vector : manifest) {
    SCOPED_TRACE(vector["name"].get<std::string>());
    const std::filesystem::path path = folder / vector["file"].get<std::string>();
    if (vector["expect"] != "accept") {
      EXPECT_THROW(SafetensorsFile{path}, CheckpointError);
      continue;
    }
    const SafetensorsFile file(path);
    if (vector.contains("header")) expect_header(vector["header"], file);
    if (vector.contains("values")) expect_values(vector["values"], file);
  }
}

// ---- the format

class Safetensors : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& header, const std::string& data) const {
    const std::filesystem::path path = folder_.path() / "t.safetensors";
    write_safetensors_bytes(path, header, data);
    return path;
  }
  std::filesystem::path write(const std::vector<TensorToWrite>& tensors) const {
    const std::filesystem::path path = folder_.path() / "t.safetensors";
    write_safetensors(path, tensors);
    return path;
  }
  TemporaryFolder folder_;
};

TEST_F(Safetensors, AreViewsOfTheMappingThatOutliveTheFile) {
  const auto path = write({{"a", "F32", {3}, bytes_of<float>(kValues)}});
  at::Tensor first;
  {
    const SafetensorsFile file(path);
    first = file.tensor("a");
    EXPECT_EQ(first.const_data_ptr(), file.tensor("a").const_data_ptr());
  }
  std::filesystem::remove(path);
  EXPECT_EQ(values_of(first), (std::vector<double>{1.0, -2.5, 3.25}));
}

TEST_F(Safetensors, AreCopiedWhereTheDataIsNotAligned) {
  const SafetensorsFile file(write("{" + entry("a", "0", "4") + "} ", bytes_of<float>(std::array{7.5F})));
  const at::Tensor tensor = file.tensor("a");
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.const_data_ptr()) % 4, 0U);
  EXPECT_EQ(values_of(tensor), std::vector<double>{7.5});
}

TEST_F(Safetensors, AreFoundAfterTheFileObjectMoved) {
  SafetensorsFile file(write({{"a", "F32", {3}, bytes_of<float>(kValues)}}));
  const SafetensorsFile moved = std::move(file);
  EXPECT_EQ(values_of(moved.tensor("a")), (std::vector<double>{1.0, -2.5, 3.25}));
}

TEST_F(Safetensors, RefuseToBeCutAtAnyByte) {
  const std::string whole =
      bytes_of_file(write({{"a", "F32", {3}, bytes_of<float>(kValues)}, {"b", "U8", {1}, "x"}}));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const CheckpointError error = error_of_file(folder_.write("cut.safetensors", whole.substr(0, size)));
    EXPECT_THAT(error.file, HasSubstr("cut.safetensors"));
  }
}

TEST_F(Safetensors, RefuseAHeaderLengthOf2To63) {
  const auto path = folder_.write("t.safetensors", std::string(7, '\0') + '\x80' + "{}");
  EXPECT_THAT(error_of_file(path).what(), HasSubstr("9223372036854775808"));
}

TEST_F(Safetensors, NameTheTensorsThatOverlapOrLeaveAHole) {
  const std::string data(8, '\0');
  EXPECT_EQ(error_of_file(write("{" + entry("a", "0", "4") + "," + entry("b", "2", "6") + "}", data)).item,
            "b");
  EXPECT_EQ(
      error_of_file(write("{" + entry("a", "0", "4") + "," + entry("b", "5", "9") + "}", data + "x")).item,
      "b");
  EXPECT_NO_THROW(
      SafetensorsFile{write("{" + entry("a", "0", "4") + "," + entry("b", "4", "8") + "}", data)});
}

TEST_F(Safetensors, RefuseBytesAfterTheLastTensor) {
  EXPECT_THAT(error_of_file(write("{" + entry("a", "0", "4") + "}", "12345")).what(),
              HasSubstr("1 bytes follow"));
}

TEST_F(Safetensors, RefuseADuplicateNameOrField) {
  const std::string a = entry("a", "0", "4");
  EXPECT_EQ(error_of_file(write("{" + a + "," + a + "}", "1234")).item, "a");
  const std::string twice = R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  EXPECT_THAT(error_of_file(write(twice, "1234")).what(), HasSubstr("twice"));
}

TEST_F(Safetensors, RefuseAHeaderThatEndsEarlyAtANulByte) {
  const std::string header = "{" + entry("a", "0", "4") + "}";
  EXPECT_NO_THROW(SafetensorsFile{write(header + " ", "1234")});
  EXPECT_THROW(SafetensorsFile{write(header + std::string(1, '\0'), "1234")}, CheckpointError);
}

TEST_F(Safetensors, RefuseAByteOrderMark) {
  EXPECT_THROW(SafetensorsFile{write("\xef\xbb\xbf{" + entry("a", "0", "4") + "}", "1234")}, CheckpointError);
}

TEST_F(Safetensors, RefuseMillionsOfNestedValuesWithoutRecursion) {
  EXPECT_THROW(SafetensorsFile{write(std::string(3'000'000, '['), "")}, CheckpointError);
  EXPECT_THROW(SafetensorsFile{write(R"({"a":{"x":)" + std::string(3'000'000, '['), "")}, CheckpointError);
}

TEST_F(Safetensors, SkipAnUnknownFieldAndKeepTheRest) {
  const SafetensorsFile file(
      write(R"({"a":{"x":{"dtype":[1,{"shape":2}]},"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
            bytes_of<float>(std::array{7.5F})));
  EXPECT_EQ(values_of(file.tensor("a")), std::vector<double>{7.5});
}

TEST_F(Safetensors, HoldMetadataOfStringsOnly) {
  EXPECT_NO_THROW(SafetensorsFile{write(R"({"__metadata__":{"format":"pt"}})", "")});
  EXPECT_NO_THROW(SafetensorsFile{write(R"({"__metadata__":null})", "")});
  for (const char* value : {"{\"a\":1}", "{\"a\":{}}", "[]", "\"x\"", "3"})
    EXPECT_THROW(SafetensorsFile{write(std::string(R"({"__metadata__":)") + value + "}", "")},
                 CheckpointError)
        << value;
}

TEST_F(Safetensors, RefuseShapesThatOverflow) {
  const std::string big = "4294967296";  // 2^32; its square is 2^64
  EXPECT_THAT(
      error_of_file(
          write(R"({"a":{"dtype":"U8","shape":[)" + big + "," + big + R"(],"data_offsets":[0,0]}})", ""))
          .what(),
      HasSubstr("overflow"));
  EXPECT_THROW(SafetensorsFile{write(
                   R"({"a":{"dtype":"U8","shape":[0,18446744073709551615],"data_offsets":[0,0]}})", "")},
               CheckpointError);
}

TEST_F(Safetensors, ListEveryDtypeButConvertFloatingPointOnly) {
  std::vector<TensorToWrite> tensors;
  for (const char* dtype : {"F64", "I64", "U64", "C64"})
    tensors.push_back({dtype, dtype, {1}, std::string(8, '\0')});
  for (const char* dtype : {"F32", "I32", "U32"})
    tensors.push_back({dtype, dtype, {1}, std::string(4, '\0')});
  for (const char* dtype : {"F16", "BF16", "I16", "U16"})
    tensors.push_back({dtype, dtype, {1}, std::string(2, '\0')});
  for (const char* dtype : {"I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "F8_E8M0"})
    tensors.push_back({dtype, dtype, {1}, std::string(1, '\0')});
  const SafetensorsFile file(write(tensors));
  EXPECT_EQ(file.entries().size(), tensors.size());
  for (const TensorToWrite& tensor : tensors) {
    if (tensor.name == "F64" || tensor.name == "F32" || tensor.name == "F16" || tensor.name == "BF16")
      EXPECT_EQ(values_of(file.tensor(tensor.name)), std::vector<double>{0});
    else
      EXPECT_EQ(error_of<CheckpointError>([&] { file.tensor(tensor.name); }).item, tensor.name);
  }
}

TEST_F(Safetensors, SayWhatIsNotThere) {
  EXPECT_THAT(error_of_file(folder_.path() / "none.safetensors").what(), HasSubstr("cannot be opened"));
  EXPECT_THAT(error_of_file(folder_.path()).what(), HasSubstr("is a folder, not a file"));
  const SafetensorsFile file(write({{"a", "F32", {3}, bytes_of<float>(kValues)}}));
  EXPECT_EQ(error_of<CheckpointError>([&] { file.tensor("b"); }).item, "b");
}

}  // namespace
}  // namespace kvcompare
