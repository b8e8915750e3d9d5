#include "coordinator/journal/journal_record.h"

#include <array>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "common/data/json_depth.h"
#include "common/errors.h"
#include "common/run/for_each_number.h"
#include "common/run/method_parameters.h"
#include "coordinator/json/json_fields.h"
#include "coordinator/json/json_numerics.h"
#include "coordinator/json/json_run_spec.h"

namespace kvcompare {

const std::string& Places::of(const MethodParameter& place, const std::string& hash) const {
  const auto& places = is_place_of_scores(place.name) ? external_scores : kvzap_scorers;
  const auto found = places.find(hash);
  require(found != places.end(), "nobody wrote down where " + place.name + " " + hash + " lies");
  return found->second;
}

// A bad line as [line, problem].
OrderedJson json_value(const BadLine& bad) { return {bad.line, bad.problem}; }
void get_value(const OrderedJson& json, BadLine& bad) {
  bad = {whole_number(json.at(0)), json.at(1).get<std::string>()};
}

// A range as [begin, end].
OrderedJson json_value(const Range& range) { return {range.begin, range.end}; }
void get_value(const OrderedJson& json, Range& range) {
  if (json.size() != 2) throw std::invalid_argument("holds a range that is no pair of numbers");
  range = {whole_number(json.at(0)), whole_number(json.at(1))};
}

// Buckets as the distance of each from the one before it: most are 1 or 2.
OrderedJson json_value(const QuantileSketch& sketch) {
  auto distances = OrderedJson::array();
  std::int32_t last = 0;
  for (const auto bucket : sketch.buckets) distances.push_back(bucket - std::exchange(last, bucket));
  return {{"buckets", std::move(distances)},
          {"counts", sketch.counts},
          {"least", sketch.least},
          {"largest", sketch.largest}};
}
void get_value(const OrderedJson& json, QuantileSketch& sketch) {
  std::int64_t bucket = 0;
  sketch.buckets.clear();
  for (const auto& distance : json.at("buckets")) {
    bucket += whole_number<std::int32_t>(distance);
    if (std::abs(bucket) > kLastBucket) throw std::invalid_argument("holds a bucket that no number has");
    sketch.buckets.push_back(static_cast<std::int32_t>(bucket));
  }
  get_member(json, "counts", sketch.counts);
  get_member(json, "least", sketch.least);
  get_member(json, "largest", sketch.largest);
}

namespace {

constexpr int kMostNested = 100;

constexpr const char* kFormat = "kvcompare journal";

std::string compact(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

// ---- header

OrderedJson body(const JournalHeader& header) {
  OrderedJson json;
  json["format"] = kFormat;
  json["version"] = kJournalVersion;
  json["asked"] = nullptr;  // its place is ahead of the fingerprint
  json["fingerprint"] = fingerprint_of(header.identity);
  put_fields(json, header);
  return json;
}

void check_format(const OrderedJson& json) {
  const auto &format = json.at("format"), &version = json.at("version");
  if (format != kFormat)
    throw std::invalid_argument("is of format " + json_for_message(format) + ", expected \"" + kFormat +
                                "\"");
  if (version != kJournalVersion)
    throw std::invalid_argument(
        "is of version " + json_for_message(version) + " of the journal, expected version " +
        std::to_string(kJournalVersion) +
        "; finish the run with the kvcompare that began it, or choose another "
        "--output_dir, or give --overwrite to begin anew. finalize and report do not read it "
        "either: its units lack the NLL by position");
}

JournalHeader header_of(const OrderedJson& json) {
  check_format(json);
  JournalHeader header;
  get_fields(json, header);
  if (json.at("fingerprint") != fingerprint_of(header.identity))
    throw std::invalid_argument("has a fingerprint that is not that of its identity");
  return header;
}

// ---- attempts

// The values of version 3 in the order in which it began to be written; others follow.
constexpr std::array kFirstValues{"n_tokens", "total_nll",     "n_layers",        "n_kv_heads",
                                  "original", "kept_per_head", "kept_by_position"};

// Values that version 3 has since samples may name what is scored. They are left out where they are 0: then
// every token is scored, and how much text that is is not known.
bool is_later(std::string_view name) {
  return name == "n_unscored" || name == "scored_bytes" || name == "scored_words";
}

OrderedJson values(const UnitResult& result) {
  OrderedJson json;
  for (const auto* name : kFirstValues) json[name] = nullptr;
  for_each_number(result.numbers, [&](const UnitNumber& field, const auto& number) {
    if (*field.name != '\0' && !(is_later(field.name) && number == 0)) put_member(json, field.name, number);
  });
  put_fields(json, result.kept);
  if (!result.scored.empty()) json["scored"] = json_value(result.scored);
  json["nll_by_position"] = json_value(result.nll_by_position);
  if (!result.token_nll.empty()) json["token_nll"] = result.token_nll;
  for_each_field(result.sketches, [&](const char* name, const QuantileSketch& sketch) {
    if (sketch.n() > 0) json[name] = json_value(sketch);
  });
  const auto put_if_there = [&](const char* name, const auto& numbers) {
    if (!numbers.empty()) json[name] = json_value(numbers);
  };
  for_each_field(result.token_quality, put_if_there);
  for_each_field(result.span_evidence, put_if_there);
  return json;
}

UnitResult result_of(const OrderedJson& json) {
  UnitResult result;
  for_each_number(result.numbers, [&](const UnitNumber& field, auto& number) {
    if (*field.name != '\0' && (json.contains(field.name) || !is_later(field.name)))
      get_member(json, field.name, number);
  });
  if (json.contains("scored")) get_value(json.at("scored"), result.scored);
  get_fields(json, result.kept);
  result.numbers.keys.kept = result.kept.n();
  get_member(json, "nll_by_position", result.nll_by_position);
  const auto get_if_there = [&](const char* name, auto& member) {
    if (json.contains(name)) get_member(json, name, member);
  };
  get_if_there("token_nll", result.token_nll);
  for_each_field(result.sketches, get_if_there);
  for_each_field(result.token_quality, get_if_there);
  for_each_field(result.span_evidence, get_if_there);
  return result;
}

OrderedJson body(const Attempt& attempt) {
  const auto* result = std::get_if<UnitResult>(&attempt.outcome);
  const auto unit = unit_of(attempt.outcome);
  OrderedJson json = {{"unit", {unit.sample.value, attempt.instance}},
                      {"attempt", attempt.number},
                      {"ok", result != nullptr}};
  if (result) {
    json["values"] = values(*result);
    json["seconds"] = result->seconds;
  } else {
    json["reason"] = std::get<UnitFailure>(attempt.outcome).reason;
  }
  json["worker"] = attempt.worker.value;
  json["host"] = attempt.host;
  json["device"] = attempt.device;
  if (attempt.numerics != kNotTold) json["numerics"] = attempt.numerics;
  if (attempt.gives_up) json["gives_up"] = true;
  return json;
}

Attempt attempt_of(const OrderedJson& json) {
  const UnitId unit{SampleIndex(whole_number(json.at("unit").at(0))), MethodIndex(0)};
  Attempt attempt;
  json.at("unit").at(1).get_to(attempt.instance);
  if (json.at("ok").get<bool>()) {
    auto result = result_of(json.at("values"));
    result.unit = unit;
    json.at("seconds").get_to(result.seconds);
    attempt.outcome = std::move(result);
  } else {
    attempt.outcome = UnitFailure{unit, json.at("reason").get<std::string>()};
  }
  get_whole_number(json, "attempt", attempt.number);
  attempt.worker = Rank(whole_number(json.at("worker")));
  json.at("host").get_to(attempt.host);
  json.at("device").get_to(attempt.device);
  if (json.contains("numerics")) get_whole_number(json, "numerics", attempt.numerics);
  if (json.contains("gives_up")) json.at("gives_up").get_to(attempt.gives_up);
  return attempt;
}

// ---- what is in hand

// A unit as [sample, place of its instance].
OrderedJson body(const Assigned& assigned) {
  auto units = OrderedJson::array();
  for (const auto& unit : assigned.units) units.push_back({unit.sample.value, unit.method.value});
  OrderedJson json = {{"assigned", std::move(units)}, {"worker", assigned.worker.value}};
  if (assigned.alone) json["alone"] = true;
  return json;
}

Assigned assigned_of(const OrderedJson& json) {
  Assigned assigned;
  for (const auto& unit : json.at("assigned"))
    assigned.units.push_back({SampleIndex(whole_number(unit.at(0))), MethodIndex(whole_number(unit.at(1)))});
  assigned.worker = Rank(whole_number(json.at("worker")));
  if (json.contains("alone")) json.at("alone").get_to(assigned.alone);
  return assigned;
}

OrderedJson body(const Excused& excused) { return {{"excused", excused.why}}; }

// ---- the others

OrderedJson body(const Session& session) { return {{"session", json_value(session)}}; }
OrderedJson body(const SessionEnd& end) { return {{"end", json_value(end)}}; }
OrderedJson body(const NumericsRecord& record) { return json_value(record); }
OrderedJson body(const SampleTokens& tokens) { return {{"tokens", json_value(tokens)}}; }
OrderedJson body(const Growth& growth) { return {{"grown", body(growth.header)}}; }

template <class Record>
Record read(const OrderedJson& json) {
  Record record;
  get_fields(json, record);
  return record;
}

JournalRecord record_of(const OrderedJson& json) {
  if (json.contains("grown")) return Growth{header_of(json.at("grown"))};
  if (json.contains("unit")) return attempt_of(json);
  if (json.contains("assigned")) return assigned_of(json);
  if (json.contains("excused")) return Excused{json.at("excused").get<std::string>()};
  if (json.contains("numerics_place")) return read<NumericsRecord>(json);
  if (json.contains("session")) return read<Session>(json.at("session"));
  if (json.contains("end")) return read<SessionEnd>(json.at("end"));
  if (json.contains("tokens")) return read<SampleTokens>(json.at("tokens"));
  return header_of(json);
}

}  // namespace

std::string json_of_record(const JournalRecord& record, std::int64_t line) {
  OrderedJson json = {{"line", line}};
  json.update(std::visit([](const auto& one) { return body(one); }, record));
  return compact(json);
}

NumberedRecord record_of_json(std::string_view text) {
  // Copies and texts of values that nest without end would need a stack without end.
  if (nested_deeper_than(text, kMostNested))
    throw std::invalid_argument("nests values more than " + std::to_string(kMostNested) + " deep");
  try {
    const auto json = OrderedJson::parse(text);
    return {whole_number(json.at("line")), record_of(json)};
  } catch (const OrderedJson::exception& error) {
    throw std::invalid_argument(error.what());
  }
}

std::string values_text(const UnitResult& result) { return compact(values(result)); }

}  // namespace kvcompare
