// Owns objects of the HDF5 library, and checks its calls.
#pragma once

#include <string>
#include <utility>

#include <hdf5.h>

#include "common/errors.h"

namespace kvcompare {

// A call of the HDF5 library failed, while the file at `path` was written.
struct Hdf5Error : OutputError {
  using OutputError::OutputError;
};

// Throws Hdf5Error with what the library says, if `result` is negative.
template <class Result>
Result hdf5_check(Result result, const std::string& path, const char* call);

// Owns an object and closes it when destroyed. close() closes it earlier and returns what the library
// returned.
class Hdf5Handle {
 public:
  using Close = herr_t (*)(hid_t);

  Hdf5Handle(hid_t id, Close how_to_close) : id_(id), close_(how_to_close) {}
  Hdf5Handle(Hdf5Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Hdf5Handle& operator=(Hdf5Handle&&) = delete;
  ~Hdf5Handle() {
    if (id_ >= 0) close_(id_);
  }

  operator hid_t() const { return id_; }
  herr_t close() { return close_(std::exchange(id_, -1)); }

 private:
  hid_t id_;
  Close close_;
};

extern template herr_t hdf5_check(herr_t, const std::string&, const char*);
extern template hid_t hdf5_check(hid_t, const std::string&, const char*);

}  // namespace kvcompare
