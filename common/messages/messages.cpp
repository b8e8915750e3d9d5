#include "common/messages/messages.h"

#include <cstring>
#include <type_traits>
#include <utility>

#include "common/errors.h"
#include "common/files/sha256.h"

namespace kvcompare {
namespace {

template <class T>
concept Plain = std::is_arithmetic_v<T> || std::is_enum_v<T>;

// Each struct lists its members once, in its `members` below; Writer and Reader walk them.
class Writer {
 public:
  template <Plain T>
  void operator()(const T& value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void operator()(const std::string& text) {
    (*this)(std::ssize(text));
    bytes_ += text;
  }
  template <class T>
  void operator()(const std::vector<T>& items) {
    (*this)(std::ssize(items));
    if constexpr (Plain<T>)
      bytes_.append(reinterpret_cast<const char*>(items.data()), items.size() * sizeof(T));
    else
      for (const auto& item : items) walk(item);
  }
  template <class... T>
  void operator()(const std::variant<T...>& value) {
    (*this)(value.index());
    std::visit([this](const auto& one) { walk(one); }, value);
  }
  template <class T>
  void walk(const T& object) {
    members(const_cast<T&>(object), *this);  // a Writer only reads
  }
  void walk(const std::string& text) { (*this)(text); }
  template <Plain T>
  void walk(const T& value) {
    (*this)(value);
  }
  std::string bytes() && { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}

  template <Plain T>
  void operator()(T& value) {
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
  }
  void operator()(std::string& text) { text = take(size(1)); }
  template <class T>
  void operator()(std::vector<T>& items) {
    if constexpr (Plain<T>) {
      items.resize(size(sizeof(T)));
      const auto bytes = take(items.size() * sizeof(T));
      if (!bytes.empty()) std::memcpy(items.data(), bytes.data(), bytes.size());
    } else {
      items.resize(size(1));
      for (auto& item : items) walk(item);
    }
  }
  template <class... T>
  void operator()(std::variant<T...>& value) {
    std::size_t index = 0;
    (*this)(index);
    require(index < sizeof...(T), "a message of an unknown kind");
    std::size_t i = 0;
    ((i++ == index ? walk(value.template emplace<T>()) : void()), ...);
  }
  template <class T>
  void walk(T& object) {
    members(object, *this);
  }
  void walk(std::string& text) { (*this)(text); }
  template <Plain T>
  void walk(T& value) {
    (*this)(value);
  }
  bool at_end() const { return left_.empty(); }

 private:
  std::string_view take(std::size_t n) {
    require(n <= left_.size(), "a message is cut short");
    const auto bytes = left_.substr(0, n);
    left_.remove_prefix(n);
    return bytes;
  }
  // Of a list whose items have item_bytes at least.
  std::size_t size(std::size_t item_bytes) {
    std::ptrdiff_t n = 0;
    (*this)(n);
    require(n >= 0 && static_cast<std::size_t>(n) <= left_.size() / item_bytes, "a message is cut short");
    return static_cast<std::size_t>(n);
  }

  std::string_view left_;
};

// ---- members, in order

template <class Visitor>
void members(UnitId& unit, Visitor& visit) {
  visit(unit.sample.value);
  visit(unit.method.value);
}

template <class Visitor>
void members(Sample& sample, Visitor& visit) {
  visit(sample.index.value);
  visit(sample.ids);
}

template <class Visitor>
void members(KeepAll&, Visitor&) {}

template <class Visitor>
void members(RatioBudget& policy, Visitor& visit) {
  visit(policy.compression_ratio);
}

template <class Visitor>
void members(ScoreThreshold& policy, Visitor& visit) {
  visit(policy.threshold);
  visit(policy.sliding_window_size);
}

template <class Visitor>
void members(MethodParameter& parameter, Visitor& visit) {
  visit(parameter.name);
  visit(parameter.value);
}

template <class Visitor>
void members(MethodSpec& method, Visitor& visit) {
  visit(method.name);
  visit(method.display_name);
  visit(method.policy);
  visit(method.parameters);
  visit(method.has_own_policy);
}

template <class Visitor>
void members(KeyCounts& keys, Visitor& visit) {
  visit(keys.n_layers);
  visit(keys.n_kv_heads);
  visit(keys.original);
  visit(keys.kept_per_head);
  for (auto& n : keys.kept_by_position) visit(n);
  visit(keys.attended);
  visit(keys.attendable);
  visit(keys.withheld_from_scored);
  visit(keys.compressible);
  visit(keys.compressible_kept);
  visit(keys.peak);
}

template <class Visitor>
void members(UnitResult& result, Visitor& visit) {
  visit.walk(result.unit);
  visit(result.n_tokens);
  visit(result.token_nll);
  visit(result.total_nll);
  visit(result.nll_by_position.bin_width);
  visit(result.nll_by_position.total_nll);
  visit(result.nll_by_position.n_scored);
  visit.walk(result.keys);
  visit(result.seconds);
}

template <class Visitor>
void members(UnitFailure& failure, Visitor& visit) {
  visit.walk(failure.unit);
  visit(failure.reason);
}

template <class Visitor>
void members(Numerics& numerics, Visitor& visit) {
  for (const auto& field : numerics_fields()) visit(numerics.*field.value);
}

template <class Visitor>
void members(Hello& hello, Visitor& visit) {
  visit(hello.host);
  visit(hello.device);
  visit(hello.n_tokens_at_once);
  visit(hello.model);
  visit(hello.weights);
  visit.walk(hello.numerics);
}

template <class Visitor>
void members(Assignment& assignment, Visitor& visit) {
  visit.walk(assignment.unit);
  visit.walk(assignment.sample);
  visit.walk(assignment.method);
}

template <class Visitor>
void members(Assign& assign, Visitor& visit) {
  visit(assign.units);
  visit(assign.with_token_nll);
  visit(assign.nll_bin_width);
}

template <class Visitor>
void members(Result& result, Visitor& visit) {
  visit.walk(result.result);
}

template <class Visitor>
void members(Failure& failure, Visitor& visit) {
  visit.walk(failure.failure);
}

template <class Visitor>
void members(WorkDone& work, Visitor& visit) {
  visit.walk(work.first);
  visit(work.share);
}

template <class Visitor>
void members(RepeatedPrompt& prompt, Visitor& visit) {
  visit(prompt.sample.value);
  visit(prompt.ids);
  visit(prompt.n_context);
  visit(prompt.repeat_begin);
  visit(prompt.positions);
}

template <class Visitor>
void members(AssignPrompts& assign, Visitor& visit) {
  visit(assign.prompts);
}

template <class Visitor>
void members(PromptTargets& targets, Visitor& visit) {
  visit(targets.sample.value);
  visit(targets.table);
}

template <class Visitor>
void members(Acknowledge& acknowledge, Visitor& visit) {
  visit(acknowledge.n);
}

template <class Visitor>
void members(Stop&, Visitor&) {}

template <class Visitor>
void members(Goodbye&, Visitor&) {}

template <class Visitor>
void members(WorkerFailed& failed, Visitor& visit) {
  visit(failed.code);
  visit(failed.reason);
}

template <class Visitor>
void members(Abort& abort, Visitor& visit) {
  visit(abort.code);
  visit(abort.reason);
}

}  // namespace

std::string encode(const Message& message) {
  Writer writer;
  writer(message);
  return std::move(writer).bytes();
}

Message decode(std::string_view bytes) {
  Reader reader(bytes);
  Message message;
  reader(message);
  require(reader.at_end(), "a message is longer than what it holds");
  return message;
}

std::string digest(UnitResult result) {
  result.seconds = 0;
  result.unit.method = MethodIndex(0);  // its place may change when a run grows
  return sha256(encode(Result{std::move(result)}));
}

}  // namespace kvcompare
