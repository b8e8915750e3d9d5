#include "coordinator/reports/hdf5_handle.h"

namespace kvcompare {
namespace {

// Takes the innermost entry of the error stack: it holds the reason that the operating system gave.
std::string last_reason() {
  std::string reason;
  const auto take = [](unsigned, const H5E_error2_t* error, void* text) -> herr_t {
    if (error->desc) *static_cast<std::string*>(text) = error->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, take, &reason);
  // The line holds addresses and dates too; only the words of the operating system are kept.
  const std::string mark = "error message = '";
  if (const auto at = reason.find(mark); at != std::string::npos) {
    const auto begin = at + mark.size();
    return reason.substr(begin, reason.find('\'', begin) - begin);
  }
  return reason.empty() ? "no reason given" : reason;
}

}  // namespace

template <class Result>
Result hdf5_check(Result result, const std::string& path, const char* call) {
  if (result < 0) throw Hdf5Error(path, std::string(call) + ": " + last_reason());
  return result;
}

template herr_t hdf5_check(herr_t, const std::string&, const char*);
template hid_t hdf5_check(hid_t, const std::string&, const char*);

}  // namespace kvcompare
