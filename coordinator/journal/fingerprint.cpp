#include "coordinator/journal/fingerprint.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "common/errors.h"
#include "common/files/sha256.h"
#include "common/run/instance_name.h"
#include "common/run/method_parameters.h"
#include "coordinator/json/json_run_spec.h"

namespace kvcompare {
namespace {

// Names of places: what lies there is hashed.
constexpr std::array kPlaces{"model_name", "data_path"};

constexpr const char* kNumbers = "version.numbers";
constexpr const char* kLibtorch = "version.libtorch";

// "/methods/1/name" as "methods.1.name"
std::string field_name(std::string pointer) {
  pointer.erase(0, 1);
  std::ranges::replace(pointer, '/', '.');
  return pointer;
}

std::string value_or_nothing(const Identity& identity, const std::string& name) {
  const auto found = identity.find(name);
  return found == identity.end() ? "" : found->second;
}

void put_instance(Identity& identity, std::size_t place, const MethodSpec& method) {
  const auto prefix = "methods." + std::to_string(place) + ".";
  identity[prefix + "name"] = method.name;
  visit_used(method, [&](std::string_view flag, const auto& value) {
    identity[prefix + std::string(flag)] = parameter_text(value);
  });
}

std::string value_in(const Identity& identity, const std::string& name) {
  const auto found = identity.find(name);
  return found == identity.end() ? "absent" : found->second;
}

// Flags can give old values again, but only another program has other versions.
std::string remedy(const Identity& then, const Identity& now, const std::string& what) {
  const auto numbers = value_in(then, kNumbers), libtorch = value_in(then, kLibtorch);
  if (numbers != value_in(now, kNumbers))
    return "this program computes other numbers than the one that began the " + what +
           "; continue with a program of revision " + numbers + " (kvcompare --version tells it)";
  if (libtorch != value_in(now, kLibtorch))
    return "libtorch is another one than that which the " + what +
           " was begun with; continue with libtorch " + libtorch;
  return "give the old values";
}

}  // namespace

Identity fixed_part(Identity identity) {
  std::erase_if(identity, [](const auto& entry) {
    const auto& name = entry.first;
    return name == "data" || name == "max_samples" || name.starts_with("methods.") ||
           name.starts_with("at_density");
  });
  return identity;
}

Identity identity_of(const RunSpec& spec, const InputHashes& inputs, const Versions& versions) {
  auto config = json_value(spec);
  for (const auto* place : kPlaces) config.erase(place);
  config.erase("methods");
  Identity identity;
  const auto flat = config.flatten();
  for (const auto& [pointer, value] : flat.items())
    identity[field_name(pointer)] = value.is_string() ? value.get<std::string>() : value.dump();
  for (std::size_t m = 0; m < spec.methods.size(); ++m) put_instance(identity, m, spec.methods[m]);
  identity["model"] = inputs.model;
  identity["data"] = inputs.data;
  if (!inputs.tokenizer.empty()) identity["tokenizer"] = inputs.tokenizer;
  identity[kNumbers] = std::to_string(versions.numbers);
  identity[kLibtorch] = versions.libtorch;
  return identity;
}

InputHashes inputs_of(const Identity& identity) {
  return {.model = value_or_nothing(identity, "model"),
          .tokenizer = value_or_nothing(identity, "tokenizer"),
          .data = value_or_nothing(identity, "data")};
}

std::string fingerprint_of(const Identity& identity) {
  OrderedJson sorted = OrderedJson::object();
  for (const auto& [name, value] : identity) sorted[name] = value;
  return sha256(sorted.dump(-1, ' ', false, OrderedJson::error_handler_t::replace));
}

Identity with_numerics(Identity identity, const std::vector<Numerics>& numerics) {
  for (std::size_t i = 0; i < numerics.size(); ++i)
    for (const auto& [name, value] : numerics_fields())
      identity["numerics." + std::to_string(i) + "." + name] = numerics[i].*value;
  return identity;
}

std::vector<std::string> drift(const Identity& then, const Identity& now) {
  std::set<std::string> names;
  for (const auto& [name, value] : then) names.insert(name);
  for (const auto& [name, value] : now) names.insert(name);
  std::vector<std::string> differences;
  for (const auto& name : names)
    if (const auto old = value_in(then, name), current = value_in(now, name); old != current)
      differences.push_back(name + ": was " + old + ", is " + current);
  return differences;
}

void refuse_drift(const Identity& then, const Identity& now, const BegunWith& begun) {
  const auto differences = drift(then, now);
  if (differences.empty()) return;
  std::string text = "this is not the " + begun.what + " that " + begun.record + " was begun with:";
  for (const auto& difference : differences) text += "\n  " + difference;
  throw ConfigError("resume",
                    text + "\n" + remedy(then, now, begun.what) + ", or choose another " + begun.folder_flag);
}

}  // namespace kvcompare
