#include "coordinator/journal/journal_record.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "common/data/json_depth.h"
#include "common/errors.h"
#include "common/run/method_parameters.h"
#include "coordinator/journal/json_unit_result.h"
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

namespace {

constexpr int kMostNested = 100;

constexpr const char* kFormat = "kvcompare journal";
constexpr std::array kVersionsRead{3, kJournalVersion};

std::string compact(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

// ---- header

OrderedJson body(const JournalHeader& header, int version) {
  OrderedJson json;
  json["format"] = kFormat;
  json["version"] = version;
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
  if (std::ranges::none_of(kVersionsRead, [&](int read) { return version == read; }))
    throw std::invalid_argument(
        "is of version " + json_for_message(version) + " of the journal, expected version 3 or " +
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

OrderedJson body(const Attempt& attempt, int version) {
  const auto* result = std::get_if<UnitResult>(&attempt.outcome);
  const auto unit = unit_of(attempt.outcome);
  OrderedJson json = {{"unit", {unit.sample.value, attempt.instance}},
                      {"attempt", attempt.number},
                      {"ok", result != nullptr}};
  if (result) {
    json["values"] = json_of_values(*result, version);
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
    auto result = result_of_values(json.at("values"));
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
OrderedJson body(const Assigned& assigned, int) {
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

OrderedJson body(const Excused& excused, int) { return {{"excused", excused.why}}; }

// ---- the others

OrderedJson body(const Session& session, int) { return {{"session", json_value(session)}}; }
OrderedJson body(const SessionEnd& end, int) { return {{"end", json_value(end)}}; }
OrderedJson body(const NumericsRecord& record, int) { return json_value(record); }
OrderedJson body(const SampleTokens& tokens, int) { return {{"tokens", json_value(tokens)}}; }
OrderedJson body(const Growth& growth, int version) { return {{"grown", body(growth.header, version)}}; }

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

std::string json_of_record(const JournalRecord& record, std::int64_t line, int version) {
  OrderedJson json = {{"line", line}};
  json.update(std::visit([&](const auto& one) { return body(one, version); }, record));
  return compact(json);
}

NumberedRecord record_of_json(std::string_view text) {
  // Copies and texts of values that nest without end would need a stack without end.
  if (nested_deeper_than(text, kMostNested))
    throw std::invalid_argument("nests values more than " + std::to_string(kMostNested) + " deep");
  try {
    const auto json = OrderedJson::parse(text);
    NumberedRecord numbered{whole_number(json.at("line")), record_of(json)};
    if (std::holds_alternative<JournalHeader>(numbered.record)) json.at("version").get_to(numbered.version);
    return numbered;
  } catch (const OrderedJson::exception& error) {
    throw std::invalid_argument(error.what());
  }
}

std::string values_text(const UnitResult& result) { return compact(json_of_values(result, kJournalVersion)); }

}  // namespace kvcompare
