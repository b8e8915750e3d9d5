#include "common/tokenizer/json_node.h"

#include <algorithm>
#include <utility>

#include "common/errors.h"

namespace kvcompare {

struct JsonNode::Place {
  std::shared_ptr<const Place> parent;
  std::string key;  // "name" or "[3]"

  std::string text() const {  // "pre_tokenizer.pretokenizers[1]"
    std::string path = key;
    for (const Place *inner = this, *outer = parent.get(); outer != nullptr;
         inner = outer, outer = outer->parent.get())
      path.insert(0, outer->key + (inner->key.starts_with('[') ? "" : "."));
    return path;
  }
};

JsonNode::JsonNode(const JsonNode& parent, std::string key, const nlohmann::json* value)
    : file_(parent.file_),
      place_(std::make_shared<const Place>(Place{parent.place_, std::move(key)})),
      value_(value) {}

void JsonNode::fail(const std::string& problem) const {
  throw CheckpointError(*file_, place_ ? place_->text() : "", problem);
}

const nlohmann::json& JsonNode::object() const {
  if (!value_->is_object()) fail("must be an object");
  return *value_;
}

bool JsonNode::has(std::string_view key) const { return find(key).has_value(); }

std::optional<JsonNode> JsonNode::find(std::string_view key) const {
  const auto found = object().find(std::string(key));
  if (found == value_->end() || found->is_null()) return std::nullopt;
  return JsonNode(*this, std::string(key), &*found);
}

JsonNode JsonNode::at(std::string_view key) const {
  const std::optional<JsonNode> child = find(key);
  if (!child) fail("the key \"" + std::string(key) + "\" is missing");
  return *child;
}

std::vector<JsonNode> JsonNode::items() const {
  if (!value_->is_array()) fail("must be a list");
  std::vector<JsonNode> nodes;
  for (std::size_t i = 0; i < value_->size(); ++i) {
    nodes.push_back(JsonNode(*this, "[" + std::to_string(i) + "]", &(*value_)[i]));
  }
  return nodes;
}

const std::string& JsonNode::string() const {
  if (!value_->is_string()) fail("must be a string");
  return value_->get_ref<const std::string&>();
}

bool JsonNode::boolean() const {
  if (!value_->is_boolean()) fail("must be true or false");
  return value_->get<bool>();
}

std::uint32_t JsonNode::token_id() const {
  constexpr std::uint64_t kLimit = std::uint64_t{1} << 31;
  if (!value_->is_number_unsigned() || value_->get<std::uint64_t>() >= kLimit) {
    fail("must be a token id, an integer from 0 to 2147483647");
  }
  return value_->get<std::uint32_t>();
}

bool JsonNode::boolean_or(std::string_view key, bool otherwise) const {
  const std::optional<JsonNode> child = find(key);
  return child ? child->boolean() : otherwise;
}

void JsonNode::allow_keys(std::initializer_list<std::string_view> keys) const {
  for (const auto& [key, unused] : object().items()) {
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    std::string known;
    for (const std::string_view name : keys) known += (known.empty() ? "" : ", ") + std::string(name);
    fail("the key \"" + key + "\" is not known here; accepted: " + known);
  }
}

}  // namespace kvcompare
