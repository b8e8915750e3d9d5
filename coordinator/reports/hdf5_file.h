// Writes groups, attributes and arrays into a new HDF5 file. The same calls give the same bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "coordinator/reports/hdf5_handle.h"

namespace kvcompare {

// What stands in results.h5 for a number that is absent.
inline constexpr double kAbsentNumber = std::numeric_limits<double>::quiet_NaN();

// An array that grows along its first dimension.
class Hdf5Array {
 public:
  // Appends whole rows.
  void append(std::span<const std::int64_t> values);
  void append(std::span<const double> values);

  void close();  // writes what is left; throws Hdf5Error

 private:
  friend class Hdf5File;
  Hdf5Array(std::string path, Hdf5Handle dataset, hid_t type, std::vector<hsize_t> shape);
  void append(const void* values, std::size_t n_values, std::size_t value_bytes);
  void write(const std::vector<char>& bytes);

  std::string path_;
  Hdf5Handle dataset_;
  hid_t type_;
  std::vector<hsize_t> shape_;  // [0]: rows written so far
  std::vector<char> buffer_;
  std::size_t value_bytes_ = 8;
};

class Hdf5File {
 public:
  // Replaces what is at `path`. Throws Hdf5Error, as all functions do.
  explicit Hdf5File(const std::filesystem::path& path);

  void add_group(const std::string& name);  // "/samples"; parents first

  // name: of a group or an array
  void put_attribute(const std::string& name, const char* key, const std::string& text);
  void put_attribute(const std::string& name, const char* key, std::int64_t number);

  // row_shape: of one row; {} for an array of numbers. unit: becomes the attribute "units".
  Hdf5Array add_integers(const std::string& name, const std::vector<hsize_t>& row_shape, const char* unit);
  Hdf5Array add_doubles(const std::string& name, const std::vector<hsize_t>& row_shape, const char* unit);

  // A whole array of numbers.
  void put_integers(const std::string& name, const char* unit, const std::vector<std::int64_t>& numbers);

  // UTF-8.
  void put_texts(const std::string& name, const std::vector<std::string>& texts);

  void close();

 private:
  Hdf5Array add_array(const std::string& name, hid_t type, const std::vector<hsize_t>& row_shape,
                      const char* unit);
  template <class Result>
  Result check(Result result, const char* call) const {
    return hdf5_check(result, path_, call);
  }
  Hdf5Handle property_list(hid_t kind) const;

  std::string path_;
  Hdf5Handle file_;
};

}  // namespace kvcompare
