#include "coordinator/journal/journal_record.h"

#include <algorithm>
#include <stdexcept>

#include "coordinator/json/json_model_shape.h"
#include "coordinator/json/json_numerics.h"
#include "coordinator/json/json_run_spec.h"
#include "coordinator/json/json_whole_number.h"

namespace kvcompare {
namespace {

constexpr const char* kFormat = "kvcompare journal";
constexpr int kVersion = 3;

std::string compact(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

// ---- header

OrderedJson body(const JournalHeader& header) {
  OrderedJson json;
  json["format"] = kFormat;
  json["version"] = kVersion;
  json["asked"] = utc_text(header.asked);
  json["fingerprint"] = fingerprint_of(header.identity);
  json["identity"] = header.identity;
  json["config"] = json_run_spec(header.spec);
  json["places"] = {{"model_name", header.places.model_name},
                    {"data_path", header.places.data_path},
                    {"kvzap_scorers", header.places.kvzap_scorers}};
  json["model"] = json_model_shape(header.model);
  json["n_samples"] = header.n_samples;
  json["skipped"] = OrderedJson::array();
  for (const auto sample : header.skipped) json["skipped"].push_back(sample.value);
  json["bad_lines"] = OrderedJson::array();
  for (const auto& bad : header.bad_lines) json["bad_lines"].push_back({bad.line, bad.problem});
  json["truncated"] = {{"samples", header.truncated.n_samples}, {"tokens", header.truncated.n_tokens}};
  return json;
}

void check_format(const OrderedJson& json) {
  const auto &format = json.at("format"), &version = json.at("version");
  if (format != kFormat)
    throw std::invalid_argument("is of format " + compact(format) + ", expected \"" + kFormat + "\"");
  if (version != kVersion)
    throw std::invalid_argument(
        "is of version " + compact(version) + " of the journal, expected version " +
        std::to_string(kVersion) +
        "; finish the run with the kvcompare that began it, or choose another "
        "--output_dir, or give --overwrite to begin anew. finalize and report do not read it "
        "either: its units lack the NLL by position");
}

JournalHeader header_of(const OrderedJson& json) {
  check_format(json);
  JournalHeader header;
  header.asked = parse_utc(json.at("asked"));
  header.spec = run_spec_of(json.at("config"));
  json.at("identity").get_to(header.identity);
  if (json.at("fingerprint") != fingerprint_of(header.identity))
    throw std::invalid_argument("has a fingerprint that is not that of its identity");
  const auto& places = json.at("places");
  places.at("model_name").get_to(header.places.model_name);
  places.at("data_path").get_to(header.places.data_path);
  places.at("kvzap_scorers").get_to(header.places.kvzap_scorers);
  header.model = model_shape_of(json.at("model"));
  get_whole_number(json, "n_samples", header.n_samples);
  for (const auto& sample : json.at("skipped")) header.skipped.emplace_back(whole_number(sample));
  for (const auto& bad : json.at("bad_lines"))
    header.bad_lines.push_back({whole_number(bad.at(0)), bad.at(1).get<std::string>()});
  const auto& truncated = json.at("truncated");
  get_whole_number(truncated, "samples", header.truncated.n_samples);
  get_whole_number(truncated, "tokens", header.truncated.n_tokens);
  return header;
}

// ---- session

OrderedJson body(const Session& session) {
  return {{"session",
           {{"started", utc_text(session.started)},
            {"host", session.host},
            {"kvcompare", session.kvcompare_version},
            {"libtorch", session.libtorch_version},
            {"compiler", session.compiler},
            {"command_line", session.command_line},
            {"processes", session.n_processes},
            {"workers", session.n_workers},
            {"device", session.device},
            {"threads", session.n_threads},
            {"load_seconds", session.load_seconds}}}};
}

Session session_of(const OrderedJson& json) {
  Session session;
  session.started = parse_utc(json.at("started"));
  json.at("host").get_to(session.host);
  json.at("kvcompare").get_to(session.kvcompare_version);
  json.at("libtorch").get_to(session.libtorch_version);
  json.at("compiler").get_to(session.compiler);
  json.at("command_line").get_to(session.command_line);
  get_whole_number(json, "processes", session.n_processes);
  get_whole_number(json, "workers", session.n_workers);
  json.at("device").get_to(session.device);
  get_whole_number(json, "threads", session.n_threads);
  json.at("load_seconds").get_to(session.load_seconds);
  return session;
}

OrderedJson body(const SessionEnd& end) {
  return {{"end",
           {{"finished", utc_text(end.finished)},
            {"evaluate_seconds", end.evaluate_seconds},
            {"evaluated", end.n_evaluated},
            {"interrupted", end.interrupted}}}};
}

SessionEnd end_of(const OrderedJson& json) {
  SessionEnd end;
  end.finished = parse_utc(json.at("finished"));
  json.at("evaluate_seconds").get_to(end.evaluate_seconds);
  get_whole_number(json, "evaluated", end.n_evaluated);
  json.at("interrupted").get_to(end.interrupted);
  return end;
}

// ---- numerics

OrderedJson body(const NumericsRecord& record) {
  return {{"numerics_place", record.place}, {"numerics", json_numerics(record.numerics)}};
}

NumericsRecord numerics_record_of(const OrderedJson& json) {
  NumericsRecord record;
  get_whole_number(json, "numerics_place", record.place);
  record.numerics = numerics_of(json.at("numerics"));
  return record;
}

// ---- attempts

OrderedJson values(const UnitResult& result) {
  const auto& keys = result.keys;
  OrderedJson json = {{"n_tokens", result.n_tokens},
                      {"total_nll", result.total_nll},
                      {"n_layers", keys.n_layers},
                      {"n_kv_heads", keys.n_kv_heads},
                      {"original", keys.original},
                      {"kept_per_head", keys.kept_per_head},
                      {"kept_by_position", keys.kept_by_position},
                      {"attended", keys.attended},
                      {"attendable", keys.attendable},
                      {"withheld_from_scored", keys.withheld_from_scored},
                      {"compressible", keys.compressible},
                      {"compressible_kept", keys.compressible_kept},
                      {"peak", keys.peak},
                      {"nll_by_position",
                       {{"bin_width", result.nll_by_position.bin_width},
                        {"total_nll", result.nll_by_position.total_nll},
                        {"n_scored", result.nll_by_position.n_scored}}}};
  if (!result.token_nll.empty()) json["token_nll"] = result.token_nll;
  return json;
}

UnitResult result_of(const OrderedJson& json) {
  UnitResult result;
  auto& keys = result.keys;
  get_whole_number(json, "n_tokens", result.n_tokens);
  json.at("total_nll").get_to(result.total_nll);
  get_whole_number(json, "n_layers", keys.n_layers);
  get_whole_number(json, "n_kv_heads", keys.n_kv_heads);
  get_whole_number(json, "original", keys.original);
  for (const auto& kept : json.at("kept_per_head")) keys.kept_per_head.push_back(whole_number(kept));
  const auto& bins = json.at("kept_by_position");
  if (bins.size() != keys.kept_by_position.size())
    throw std::invalid_argument("holds " + std::to_string(bins.size()) +
                                " numbers in kept_by_position, expected " +
                                std::to_string(keys.kept_by_position.size()));
  std::ranges::transform(bins, keys.kept_by_position.begin(),
                         [](const auto& kept) { return whole_number(kept); });
  get_whole_number(json, "attended", keys.attended);
  get_whole_number(json, "attendable", keys.attendable);
  get_whole_number(json, "withheld_from_scored", keys.withheld_from_scored);
  get_whole_number(json, "compressible", keys.compressible);
  get_whole_number(json, "compressible_kept", keys.compressible_kept);
  get_whole_number(json, "peak", keys.peak);
  const auto& by_position = json.at("nll_by_position");
  get_whole_number(by_position, "bin_width", result.nll_by_position.bin_width);
  by_position.at("total_nll").get_to(result.nll_by_position.total_nll);
  for (const auto& n : by_position.at("n_scored")) result.nll_by_position.n_scored.push_back(whole_number(n));
  if (json.contains("token_nll")) json.at("token_nll").get_to(result.token_nll);
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
  return attempt;
}

OrderedJson body(const Growth& growth) { return {{"grown", body(growth.header)}}; }

JournalRecord record_of(const OrderedJson& json) {
  if (json.contains("grown")) return Growth{header_of(json.at("grown"))};
  if (json.contains("unit")) return attempt_of(json);
  if (json.contains("numerics_place")) return numerics_record_of(json);
  if (json.contains("session")) return session_of(json.at("session"));
  if (json.contains("end")) return end_of(json.at("end"));
  return header_of(json);
}

}  // namespace

std::string json_of_record(const JournalRecord& record, std::int64_t line) {
  OrderedJson json = {{"line", line}};
  json.update(std::visit([](const auto& one) { return body(one); }, record));
  return compact(json);
}

NumberedRecord record_of_json(std::string_view text) {
  try {
    const auto json = OrderedJson::parse(text);
    return {whole_number(json.at("line")), record_of(json)};
  } catch (const OrderedJson::exception& error) {
    throw std::invalid_argument(error.what());
  }
}

std::string values_text(const UnitResult& result) { return compact(values(result)); }

}  // namespace kvcompare
