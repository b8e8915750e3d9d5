// Which run a journal belongs to: all that can change a number, as names and values, and its SHA-256.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/run/numerics.h"
#include "common/run/run_spec.h"

namespace kvcompare {

// SHA-256 of what was read. Where files lie is not part of it.
struct InputHashes {
  std::string model;      // config.json and weights
  std::string tokenizer;  // empty if the data set holds ready token ids only
  std::string data;       // token ids of every sample
};

struct Versions {
  int numbers = 0;  // kNumbersRevision: two versions of kvcompare that compute the same are the same here
  std::string libtorch;  // that is loaded
};

using Identity = std::map<std::string, std::string>;  // "dtype": "float32", "methods.1.name": "random", ...

// Of a run whose identity this is.
InputHashes inputs_of(const Identity& identity);

// Scorers that methods of the run need are read: their hashes stand in spec.methods.
Identity identity_of(const RunSpec& spec, const InputHashes& inputs, const Versions& versions);

std::string fingerprint_of(const Identity& identity);

// Of results: with the arithmetic that they were computed with, which a run knows only when it has begun.
Identity with_numerics(Identity identity, const std::vector<Numerics>& numerics);

// What differs, a line each: "dtype: was float32, is float64". Empty if nothing does.
std::vector<std::string> drift(const Identity& then, const Identity& now);

// Which work a folder was begun with, for the message.
struct BegunWith {
  std::string what;         // "run"
  std::string record;       // the file that says so
  std::string folder_flag;  // that would choose another folder: "--output_dir"
};

// What stays as it is when a run grows: all but methods, samples and the densities of the comparison.
Identity fixed_part(Identity identity);

// Throws ConfigError("resume") naming what differs, old and new.
void refuse_drift(const Identity& then, const Identity& now, const BegunWith& begun);

}  // namespace kvcompare
