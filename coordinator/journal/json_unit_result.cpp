#include "coordinator/journal/json_unit_result.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/fields.h"
#include "common/run/for_each_number.h"
#include "coordinator/json/json_fields.h"
#include "coordinator/json/packed_numbers.h"

namespace kvcompare {

// A range as [begin, end].
OrderedJson json_value(const Range& range) { return {range.begin, range.end}; }
void get_value(const OrderedJson& json, Range& range) {
  if (json.size() != 2) throw std::invalid_argument("holds a range that is no pair of numbers");
  range = {whole_number(json.at(0)), whole_number(json.at(1))};
}

namespace {

constexpr int kFirstPackedVersion = 4;

// The values of version 3 in the order in which it began to be written; others follow.
constexpr std::array kFirstValues{"n_tokens", "total_nll",     "n_layers",        "n_kv_heads",
                                  "original", "kept_per_head", "kept_by_position"};

// Values that version 3 has since samples may name what is scored. They are left out where they are 0: then
// every token is scored, and how much text that is is not known.
bool is_later(std::string_view name) {
  return name == "n_unscored" || name == "scored_bytes" || name == "scored_words";
}

// ---- lists

OrderedJson json_of_list(const std::vector<double>& numbers, int version) {
  if (version < kFirstPackedVersion) return json_value(numbers);
  return packed(numbers);
}
OrderedJson json_of_list(const std::vector<std::int64_t>& numbers, int version,
                         Packing packing = Packing::kSteps) {
  if (version < kFirstPackedVersion) return json_value(numbers);
  return packed(numbers, packing);
}
template <std::size_t n>
OrderedJson json_of_list(const std::array<std::int64_t, n>& numbers, int version) {
  return json_of_list(std::vector(numbers.begin(), numbers.end()), version);
}

void get_list(const OrderedJson& json, std::vector<double>& numbers) {
  if (json.is_string())
    numbers = unpacked_doubles(json.get_ref<const std::string&>());
  else
    get_value(json, numbers);
}
void get_list(const OrderedJson& json, std::vector<std::int64_t>& numbers) {
  if (json.is_string())
    numbers = unpacked_whole_numbers(json.get_ref<const std::string&>());
  else
    get_value(json, numbers);
}
template <std::size_t n>
void get_list(const OrderedJson& json, std::array<std::int64_t, n>& numbers) {
  if (!json.is_string()) return get_value(json, numbers);
  const auto list = unpacked_whole_numbers(json.get_ref<const std::string&>());
  if (list.size() != n)
    throw std::invalid_argument("holds a list of " + std::to_string(list.size()) + ", expected " +
                                std::to_string(n));
  std::ranges::copy(list, numbers.begin());
}

template <class Member>
constexpr bool kIsList = !std::is_arithmetic_v<std::remove_cvref_t<Member>>;

// ---- sketches

// Lists are the distances of buckets from the one before, most of which are 1 or 2; what is packed are the
// buckets.
OrderedJson json_of_buckets(const std::vector<std::int32_t>& buckets, int version) {
  if (version >= kFirstPackedVersion)
    return packed(std::vector<std::int64_t>(buckets.begin(), buckets.end()), Packing::kRising);
  auto distances = OrderedJson::array();
  std::int32_t last = 0;
  for (const auto bucket : buckets) distances.push_back(bucket - std::exchange(last, bucket));
  return distances;
}

std::int32_t checked_bucket(std::int64_t bucket) {
  if (bucket < -kLastBucket || bucket > kLastBucket)
    throw std::invalid_argument("holds a bucket that no number has");
  return static_cast<std::int32_t>(bucket);
}

void get_buckets(const OrderedJson& json, std::vector<std::int32_t>& buckets) {
  if (json.is_string()) {
    for (const auto bucket : unpacked_whole_numbers(json.get_ref<const std::string&>()))
      buckets.push_back(checked_bucket(bucket));
    return;
  }
  std::int64_t bucket = 0;
  for (const auto& distance : json)
    buckets.push_back(checked_bucket(bucket += whole_number<std::int32_t>(distance)));
}

OrderedJson json_of_sketch(const QuantileSketch& sketch, int version) {
  return {{"buckets", json_of_buckets(sketch.buckets, version)},
          {"counts", json_of_list(sketch.counts, version, Packing::kCounts)},
          {"least", sketch.least},
          {"largest", sketch.largest}};
}

QuantileSketch read_sketch(const OrderedJson& json) {
  QuantileSketch sketch;
  get_buckets(json.at("buckets"), sketch.buckets);
  get_list(json.at("counts"), sketch.counts);
  get_member(json, "least", sketch.least);
  get_member(json, "largest", sketch.largest);
  return sketch;
}

}  // namespace

OrderedJson json_of_values(const UnitResult& result, int version) {
  OrderedJson json;
  for (const auto* name : kFirstValues) json[name] = nullptr;
  for_each_number(result.numbers, [&](const UnitNumber& field, const auto& number) {
    if (*field.name != '\0' && !(is_later(field.name) && number == 0)) put_member(json, field.name, number);
  });
  for_each_field(result.kept, [&](const char* name, const auto& member) {
    if constexpr (kIsList<decltype(member)>)
      json[name] = json_of_list(member, version);
    else
      put_member(json, name, member);
  });
  if (!result.scored.empty()) json["scored"] = json_value(result.scored);
  const auto& bins = result.nll_by_position;
  json["nll_by_position"] = {{"bin_width", bins.bin_width},
                             {"total_nll", json_of_list(bins.total_nll, version)},
                             {"n_scored", json_of_list(bins.n_scored, version)}};
  if (!result.token_nll.empty()) json["token_nll"] = result.token_nll;
  for_each_field(result.sketches, [&](const char* name, const QuantileSketch& sketch) {
    if (sketch.n() > 0) json[name] = json_of_sketch(sketch, version);
  });
  const auto put_if_there = [&](const char* name, const auto& numbers) {
    if (!numbers.empty()) json[name] = json_value(numbers);
  };
  for_each_field(result.token_quality, put_if_there);
  for_each_field(result.span_evidence, put_if_there);
  return json;
}

UnitResult result_of_values(const OrderedJson& json) {
  UnitResult result;
  for_each_number(result.numbers, [&](const UnitNumber& field, auto& number) {
    if (*field.name != '\0' && (json.contains(field.name) || !is_later(field.name)))
      get_member(json, field.name, number);
  });
  if (json.contains("scored")) get_value(json.at("scored"), result.scored);
  for_each_field(result.kept, [&](const char* name, auto& member) {
    if constexpr (kIsList<decltype(member)>)
      get_list(json.at(name), member);
    else
      get_member(json, name, member);
  });
  result.numbers.keys.kept = result.kept.n();
  const auto& bins = json.at("nll_by_position");
  get_member(bins, "bin_width", result.nll_by_position.bin_width);
  get_list(bins.at("total_nll"), result.nll_by_position.total_nll);
  get_list(bins.at("n_scored"), result.nll_by_position.n_scored);
  for_each_field(result.sketches, [&](const char* name, QuantileSketch& sketch) {
    if (json.contains(name)) sketch = read_sketch(json.at(name));
  });
  const auto get_if_there = [&](const char* name, auto& member) {
    if (json.contains(name)) get_member(json, name, member);
  };
  get_if_there("token_nll", result.token_nll);
  for_each_field(result.token_quality, get_if_there);
  for_each_field(result.span_evidence, get_if_there);
  return result;
}

}  // namespace kvcompare
