#include "coordinator/reports/hdf5_file.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <numeric>
#include <utility>

namespace kvcompare {
namespace {

constexpr hsize_t kChunkValues = 64 * 1024;  // of an HDF5 chunk
constexpr unsigned kDeflateLevel = 4;

hid_t new_file(const std::string& path) {
  // Some network file systems cannot lock files. The lock of the output folder keeps other writers away.
  ::setenv("HDF5_USE_FILE_LOCKING", "BEST_EFFORT", /*overwrite=*/0);
  H5dont_atexit();  // what could not be written cannot be written then either, and the library crashes on it
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // errors are thrown, not printed
  const Hdf5Handle access(hdf5_check(H5Pcreate(H5P_FILE_ACCESS), path, "H5Pcreate"), H5Pclose);
  // Every HDF5 library since 1.8 reads this version. Earlier versions cannot hold attributes over 64 KiB.
  hdf5_check(H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18), path, "H5Pset_libver_bounds");
  // Closing the file fails if an object in it is still open, instead of keeping the file open.
  hdf5_check(H5Pset_fclose_degree(access, H5F_CLOSE_STRONG), path, "H5Pset_fclose_degree");
  const Hdf5Handle creation(hdf5_check(H5Pcreate(H5P_FILE_CREATE), path, "H5Pcreate"), H5Pclose);
  hdf5_check(H5Pset_obj_track_times(creation, false), path, "H5Pset_obj_track_times");
  return hdf5_check(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation, access), path, "H5Fcreate");
}

hsize_t product(const std::vector<hsize_t>& shape, std::size_t from) {
  return std::accumulate(shape.begin() + static_cast<std::ptrdiff_t>(from), shape.end(), hsize_t{1},
                         std::multiplies());
}

Hdf5Handle text_type(const std::string& path, std::size_t n_bytes) {
  Hdf5Handle type(hdf5_check(H5Tcopy(H5T_C_S1), path, "H5Tcopy"), H5Tclose);
  hdf5_check(H5Tset_size(type, std::max<std::size_t>(1, n_bytes)), path, "H5Tset_size");
  hdf5_check(H5Tset_cset(type, H5T_CSET_UTF8), path, "H5Tset_cset");
  hdf5_check(H5Tset_strpad(type, H5T_STR_NULLPAD), path, "H5Tset_strpad");
  return type;
}

}  // namespace

// ---- array

Hdf5Array::Hdf5Array(std::string path, Hdf5Handle dataset, hid_t type, std::vector<hsize_t> shape)
    : path_(std::move(path)), dataset_(std::move(dataset)), type_(type), shape_(std::move(shape)) {}

void Hdf5Array::append(std::span<const std::int64_t> values) {
  append(values.data(), values.size(), sizeof(std::int64_t));
}

void Hdf5Array::append(std::span<const double> values) {
  append(values.data(), values.size(), sizeof(double));
}

void Hdf5Array::append(const void* values, std::size_t n_values, std::size_t value_bytes) {
  const auto row = product(shape_, 1);
  require(n_values % row == 0, "an HDF5 array grows by whole rows");
  const auto* bytes = static_cast<const char*>(values);
  buffer_.insert(buffer_.end(), bytes, bytes + n_values * value_bytes);
  if (buffer_.size() < kChunkValues * value_bytes) return;
  write(std::exchange(buffer_, {}));
}

void Hdf5Array::write(const std::vector<char>& bytes) {
  if (bytes.empty()) return;
  auto count = shape_, start = std::vector<hsize_t>(shape_.size(), 0);
  count[0] = bytes.size() / (value_bytes_ * product(shape_, 1));
  start[0] = shape_[0];
  shape_[0] += count[0];
  const auto rank = static_cast<int>(shape_.size());
  hdf5_check(H5Dset_extent(dataset_, shape_.data()), path_, "H5Dset_extent");
  const Hdf5Handle space(hdf5_check(H5Dget_space(dataset_), path_, "H5Dget_space"), H5Sclose);
  hdf5_check(H5Sselect_hyperslab(space, H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr), path_,
             "H5Sselect_hyperslab");
  const Hdf5Handle memory(
      hdf5_check(H5Screate_simple(rank, count.data(), nullptr), path_, "H5Screate_simple"), H5Sclose);
  hdf5_check(H5Dwrite(dataset_, type_, memory, space, H5P_DEFAULT, bytes.data()), path_, "H5Dwrite");
}

void Hdf5Array::close() {
  write(std::exchange(buffer_, {}));
  hdf5_check(dataset_.close(), path_, "H5Dclose");
}

// ---- file

Hdf5File::Hdf5File(const std::filesystem::path& path)
    : path_(path.string()), file_(new_file(path_), H5Fclose) {}

// For groups and arrays: they record no times, so the same calls give the same bytes.
Hdf5Handle Hdf5File::property_list(hid_t kind) const {
  Hdf5Handle list(check(H5Pcreate(kind), "H5Pcreate"), H5Pclose);
  check(H5Pset_obj_track_times(list, false), "H5Pset_obj_track_times");
  return list;
}

void Hdf5File::add_group(const std::string& name) {
  const auto properties = property_list(H5P_GROUP_CREATE);
  Hdf5Handle group(check(H5Gcreate2(file_, name.c_str(), H5P_DEFAULT, properties, H5P_DEFAULT), "H5Gcreate2"),
                   H5Gclose);
  check(group.close(), "H5Gclose");
}

void Hdf5File::put_attribute(const std::string& name, const char* key, const std::string& text) {
  const auto type = text_type(path_, text.size());
  const Hdf5Handle space(check(H5Screate(H5S_SCALAR), "H5Screate"), H5Sclose);
  const Hdf5Handle object(check(H5Oopen(file_, name.c_str(), H5P_DEFAULT), "H5Oopen"), H5Oclose);
  Hdf5Handle attribute(check(H5Acreate2(object, key, type, space, H5P_DEFAULT, H5P_DEFAULT), "H5Acreate2"),
                       H5Aclose);
  check(H5Awrite(attribute, type, text.c_str()), "H5Awrite");
  check(attribute.close(), "H5Aclose");
}

void Hdf5File::put_attribute(const std::string& name, const char* key, std::int64_t number) {
  const Hdf5Handle space(check(H5Screate(H5S_SCALAR), "H5Screate"), H5Sclose);
  const Hdf5Handle object(check(H5Oopen(file_, name.c_str(), H5P_DEFAULT), "H5Oopen"), H5Oclose);
  Hdf5Handle attribute(
      check(H5Acreate2(object, key, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT), "H5Acreate2"), H5Aclose);
  check(H5Awrite(attribute, H5T_NATIVE_INT64, &number), "H5Awrite");
  check(attribute.close(), "H5Aclose");
}

Hdf5Array Hdf5File::add_integers(const std::string& name, const std::vector<hsize_t>& row_shape,
                                 const char* unit) {
  return add_array(name, H5T_NATIVE_INT64, row_shape, unit);
}

Hdf5Array Hdf5File::add_doubles(const std::string& name, const std::vector<hsize_t>& row_shape,
                                const char* unit) {
  return add_array(name, H5T_NATIVE_DOUBLE, row_shape, unit);
}

Hdf5Array Hdf5File::add_array(const std::string& name, hid_t type, const std::vector<hsize_t>& row_shape,
                              const char* unit) {
  std::vector<hsize_t> shape{0}, limit{H5S_UNLIMITED}, chunk{1};
  shape.insert(shape.end(), row_shape.begin(), row_shape.end());
  limit.insert(limit.end(), row_shape.begin(), row_shape.end());
  chunk.insert(chunk.end(), row_shape.begin(), row_shape.end());
  chunk[0] = std::max<hsize_t>(1, kChunkValues / product(shape, 1));
  const auto properties = property_list(H5P_DATASET_CREATE);
  const auto rank = static_cast<int>(shape.size());
  check(H5Pset_chunk(properties, rank, chunk.data()), "H5Pset_chunk");
  check(H5Pset_shuffle(properties), "H5Pset_shuffle");
  check(H5Pset_deflate(properties, kDeflateLevel), "H5Pset_deflate");
  check(H5Pset_fletcher32(properties), "H5Pset_fletcher32");
  const Hdf5Handle space(check(H5Screate_simple(rank, shape.data(), limit.data()), "H5Screate_simple"),
                         H5Sclose);
  Hdf5Handle dataset(
      check(H5Dcreate2(file_, name.c_str(), type, space, H5P_DEFAULT, properties, H5P_DEFAULT), "H5Dcreate2"),
      H5Dclose);
  put_attribute(name, "units", unit);
  return {path_, std::move(dataset), type, std::move(shape)};
}

void Hdf5File::put_integers(const std::string& name, const char* unit,
                            const std::vector<std::int64_t>& numbers) {
  auto array = add_integers(name, {}, unit);
  array.append(std::span<const std::int64_t>(numbers));
  array.close();
}

void Hdf5File::put_texts(const std::string& name, const std::vector<std::string>& texts) {
  std::size_t longest = 1;
  for (const auto& text : texts) longest = std::max(longest, text.size());
  std::string bytes(texts.size() * longest, '\0');
  for (std::size_t i = 0; i < texts.size(); ++i)
    std::memcpy(bytes.data() + i * longest, texts[i].data(), texts[i].size());
  const auto type = text_type(path_, longest);
  const hsize_t n = texts.size();
  const auto properties = property_list(H5P_DATASET_CREATE);
  const Hdf5Handle space(check(H5Screate_simple(1, &n, nullptr), "H5Screate_simple"), H5Sclose);
  Hdf5Handle dataset(
      check(H5Dcreate2(file_, name.c_str(), type, space, H5P_DEFAULT, properties, H5P_DEFAULT), "H5Dcreate2"),
      H5Dclose);
  check(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()), "H5Dwrite");
  check(dataset.close(), "H5Dclose");
}

void Hdf5File::close() {
  check(H5Fflush(file_, H5F_SCOPE_GLOBAL), "H5Fflush");
  check(file_.close(), "H5Fclose");
}

}  // namespace kvcompare
