#include "worker/checkpoint/file_reader.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace kvcompare {
namespace {

using testing::HasSubstr;

// More than the threads read at once, and no multiple of what one reads.
std::string bytes_of_no_period() {
  std::string bytes((std::size_t{11} << 20) + 7, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 2654435761u >> 13);
  return bytes;
}

TEST(FileReader, GivesTheBytesFromAnywhere) {
  const TemporaryFolder folder;
  const auto all = bytes_of_no_period();
  const FileReader reader(folder.write("file", all));
  for (const std::size_t offset : {std::size_t{0}, std::size_t{1}, std::size_t{3} << 20, all.size()})
    for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{4095}, (std::size_t{1} << 20) - 1,
                                (std::size_t{2} << 20) + 1, std::size_t{9} << 20, all.size() - offset}) {
      if (offset + n > all.size()) continue;
      std::vector<std::byte> read(n + 1, std::byte{0x5a});
      reader.read(offset, std::span(read).first(n));
      EXPECT_TRUE(std::string_view(reinterpret_cast<const char*>(read.data()), n) ==  // too long to be shown
                  std::string_view(all).substr(offset, n))
          << offset << ' ' << n;
      EXPECT_EQ(read.back(), std::byte{0x5a}) << offset << ' ' << n;
    }
}

TEST(FileReader, RefusesAFileThatEndsBefore) {
  const TemporaryFolder folder;
  const auto all = bytes_of_no_period();
  const FileReader reader(folder.write("file", all));
  std::vector<std::byte> read(std::size_t{10} << 20);
  const auto error = error_of<CheckpointError>([&] { reader.read(all.size() - read.size() + 1, read); });
  EXPECT_EQ(error.file, (folder.path() / "file").string());
  EXPECT_THAT(error.what(), HasSubstr("ends at byte " + std::to_string(all.size())));
}

TEST(FileReader, RefusesWhatCannotBeRead) {
  const TemporaryFolder folder;
  EXPECT_THAT(error_of<CheckpointError>([&] { FileReader(folder.path() / "none"); }).what(),
              HasSubstr("cannot be opened: No such file"));
  const FileReader reader(folder.path());
  std::vector<std::byte> read(1);
  EXPECT_THAT(error_of<CheckpointError>([&] { reader.read(0, read); }).what(),
              HasSubstr("cannot be read: Is a directory"));
}

}  // namespace
}  // namespace kvcompare
