// Lets a scorer declare which tensors it reads. An engine hands over exactly those; the others are undefined
// in every engine. So a press that reads more than it declares fails in all engines, instead of giving other
// numbers in one of them.
#pragma once

#include <string>

#include "presses/registry.h"

namespace kvcompare {

struct LayerView;
struct WholeHead;
struct AliveKeys;

// The tensors of LayerView, WholeHead and AliveKeys, by their names. `attention` stands for the weights that
// keys received.
struct Needs {
  bool hidden = false, raw_q = false, raw_k = false, q = false, k = false, v = false, attention = false;
};

// What a press reads, and where an engine hands it over (presses/policy/layer_press.h). Whatever is not
// listed is undefined there.
struct PressNeeds {
  Needs tile{};   // of DeathSchedule::see: any of LayerView's tensors
  Needs layer{};  // of DeathSchedule::decide: raw_q, q, k, v of all tokens
  // Of LayerEviction: any of LayerView's tensors; k and v also of the keys that are alive; attention:
  // observe() is called.
  Needs chunk{};
};

Needs needs_of(const Scorer& scorer);  // a NoScorer needs nothing

// Throws ConfigError, naming the method, if its scorer asks for what no engine gives to a scorer of its kind.
void check_needs(const Scorer& scorer, const std::string& method);
void check_needs(const PressNeeds& needs, const std::string& method);

// Returns the view with only the tensors that are needed. Throws InvariantError if a needed tensor is
// undefined.
LayerView what_is_needed(const LayerView& view, const Needs& needs);
WholeHead what_is_needed(const WholeHead& head, const Needs& needs);
AliveKeys what_is_needed(const AliveKeys& keys, const Needs& needs);

}  // namespace kvcompare
