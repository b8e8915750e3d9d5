// The JSON texts of a data file, one a record: its lines, or the elements of its array.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/data/buffered_bytes.h"

namespace kvcompare {

class JsonTexts {
 public:
  virtual ~JsonTexts() = default;

  // Takes the next text that is not blank. Returns false at the end. Throws DataError.
  virtual bool next(std::string& text) = 0;

  // From 1: the line of the last text, or its place among the elements of an array, whose lines say little.
  virtual std::int64_t line() const = 0;
  virtual std::int64_t n_lines() const = 0;  // that have been read, or elements
};

std::unique_ptr<JsonTexts> lines_of(BufferedBytes bytes);

// Of an array that is the whole file; its elements may stand in any number of lines. Elements are told apart
// by brackets and quotes alone: whether one is JSON shows when it is parsed. Behind an element that does not
// end there is nothing.
std::unique_ptr<JsonTexts> elements_of(BufferedBytes bytes, std::string file);

}  // namespace kvcompare
