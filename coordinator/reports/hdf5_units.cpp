#include "coordinator/reports/hdf5_units.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/errors.h"
#include "coordinator/reports/unit_columns.h"

namespace kvcompare {
namespace {

UnitId unit_id(SampleIndex sample, std::size_t method) {
  return {sample, MethodIndex(static_cast<std::int64_t>(method))};
}

// Returns the number of bins that the longest sample fills; 0 if the journal holds no NLL by position.
std::size_t n_bins(const Comparison& comparison) {
  std::size_t n = 0;
  for (const auto& method : comparison.methods) n = std::max(n, method.nll_by_position.n_scored.size());
  return n;
}

// The NLL by position: sums and counts. Bins beyond the end of a sample hold 0.
class NllByPositionTables {
 public:
  NllByPositionTables(Hdf5File& file, const Comparison& comparison) : n_bins_(kvcompare::n_bins(comparison)) {
    file.add_group("/units/nll_by_position");
    file.put_attribute("/units/nll_by_position", "bin_width", bin_width(comparison));
    const std::vector<hsize_t> row{static_cast<hsize_t>(n_bins_)};
    total_nll_.emplace(file.add_doubles("/units/nll_by_position/total_nll", row, "nats"));
    n_scored_.emplace(file.add_integers("/units/nll_by_position/n_scored", row, "tokens"));
  }

  void append(const NllByPosition& bins) {
    require(bins.n_scored.size() <= n_bins_, "a unit has more bins of positions than its method");
    auto total_nll = bins.total_nll;
    auto n_scored = bins.n_scored;
    total_nll.resize(n_bins_);
    n_scored.resize(n_bins_);
    total_nll_->append(std::span<const double>(total_nll));
    n_scored_->append(std::span<const std::int64_t>(n_scored));
  }

  void close() {
    total_nll_->close();
    n_scored_->close();
  }

 private:
  static std::int64_t bin_width(const Comparison& comparison) {
    std::int64_t width = 0;
    for (const auto& method : comparison.methods) width = std::max(width, method.nll_by_position.bin_width);
    return width;
  }

  std::size_t n_bins_;
  std::optional<Hdf5Array> total_nll_;
  std::optional<Hdf5Array> n_scored_;
};

double as_double(double number) { return number; }
template <class Number>
double as_double(const std::optional<Number>& number) {
  return number ? static_cast<double>(*number) : kAbsentNumber;
}

template <class>
inline constexpr bool kMayBeAbsent = false;
template <class Number>
inline constexpr bool kMayBeAbsent<std::optional<Number>> = true;

// The columns for those numbers of UnitNumbers that are of type Value. Numbers that may be absent are
// doubles, so that NaN can stand for one that there is not.
template <class Value>
class NumberColumns {
 public:
  NumberColumns(Hdf5File& file, EvidenceColumns evidence) : evidence_(evidence) {
    visit_hdf5_columns(UnitNumbers{}, evidence,
                       [&](const char* column, const char* unit, const auto& number) {
                         if constexpr (kIsMine<decltype(number)>)
                           arrays_.push_back(add(file, std::string("/units/") + column, unit));
                       });
  }

  void append(const UnitNumbers& numbers) {
    std::size_t i = 0;
    visit_hdf5_columns(numbers, evidence_, [&](const char*, const char*, const auto& number) {
      if constexpr (kIsMine<decltype(number)>) {
        const Value value = as_value(number);
        arrays_[i++].append(std::span<const Value>(&value, 1));
      }
    });
  }

  void close() {
    for (auto& array : arrays_) array.close();
  }

 private:
  template <class Number>
  static constexpr bool kIsMine = std::is_same_v<std::remove_cvref_t<Number>, Value> ||
                                  (std::is_same_v<Value, double> &&
                                   kMayBeAbsent<std::remove_cvref_t<Number>>);

  template <class Number>
  static Value as_value(const Number& number) {
    if constexpr (std::is_same_v<Value, double>)
      return as_double(number);
    else
      return number;
  }

  static Hdf5Array add(Hdf5File& file, const std::string& path, const char* unit) {
    if constexpr (std::is_same_v<Value, double>)
      return file.add_doubles(path, {}, unit);
    else
      return file.add_integers(path, {}, unit);
  }

  EvidenceColumns evidence_;
  std::vector<Hdf5Array> arrays_;
};

// The scored ranges of every unit, one behind the other. A unit without ranges scores every token but the
// first.
class ScoredTables {
 public:
  explicit ScoredTables(Hdf5File& file) {
    file.add_group("/units/scored");
    offsets_.emplace(file.add_integers("/units/scored/offsets", {}, "index"));
    ranges_.emplace(file.add_integers("/units/scored/ranges", {2}, "tokens"));
    put_offset();
  }

  void append(const std::vector<TokenRange>& scored) {
    for (const auto& [begin, end] : scored) {
      const std::array<std::int64_t, 2> row{begin, end};
      ranges_->append(std::span<const std::int64_t>(row));
    }
    n_ranges_ += std::ssize(scored);
    put_offset();
  }

  void close() {
    offsets_->close();
    ranges_->close();
  }

 private:
  void put_offset() { offsets_->append(std::span<const std::int64_t>(&n_ranges_, 1)); }

  std::optional<Hdf5Array> offsets_;
  std::optional<Hdf5Array> ranges_;
  std::int64_t n_ranges_ = 0;
};

// The evidence of the ranges of ScoredTables. 0 where a range has none.
class SpanEvidenceArrays {
 public:
  explicit SpanEvidenceArrays(Hdf5File& file)
      : keys_(file.add_integers("/units/scored/evidence_keys", {}, "keys")),
        keys_kept_(file.add_integers("/units/scored/evidence_keys_kept", {}, "keys")) {}

  void append(SpanEvidence evidence, std::size_t n_ranges) {
    for (auto [array, counts] :
         {std::pair(&keys_, &evidence.keys), std::pair(&keys_kept_, &evidence.keys_kept)}) {
      require(counts->empty() || counts->size() == n_ranges, "a unit has a count for each scored range");
      counts->resize(n_ranges);
      array->append(std::span<const std::int64_t>(*counts));
    }
  }

  void close() {
    keys_.close();
    keys_kept_.close();
  }

 private:
  Hdf5Array keys_, keys_kept_;
};

// What is known of every predicted token beside its NLL, as long as the NLLs are. NaN where it was not
// measured.
class TokenQualityArrays {
 public:
  explicit TokenQualityArrays(Hdf5File& file) {
    file.add_group("/units/token_quality");
    const auto add = [&](const char* name, const char* unit) {
      return file.add_doubles(std::string("/units/token_quality/") + name, {}, unit);
    };
    greedy_hit_.emplace(add("greedy_hit", "1 if it is"));
    kl_.emplace(add("kl", "nats"));
    delta_p_.emplace(add("delta_p", "probability"));
    same_top1_.emplace(add("same_top1", "1 if it is"));
  }

  void append(const TokenQuality& tokens, std::size_t n_tokens) {
    append(*greedy_hit_, tokens.greedy_hit, n_tokens);
    append(*kl_, tokens.kl, n_tokens);
    append(*delta_p_, tokens.delta_p, n_tokens);
    append(*same_top1_, tokens.same_top1, n_tokens);
  }

  void close() {
    for (auto* array : {&greedy_hit_, &kl_, &delta_p_, &same_top1_}) (*array)->close();
  }

 private:
  template <class Number>
  static void append(Hdf5Array& array, const std::vector<Number>& numbers, std::size_t n_tokens) {
    std::vector<double> values(numbers.begin(), numbers.end());
    require(values.empty() || values.size() == n_tokens, "a unit has a number for each NLL of a token");
    values.resize(n_tokens, kAbsentNumber);
    array.append(std::span<const double>(values));
  }

  std::optional<Hdf5Array> greedy_hit_, kl_, delta_p_, same_top1_;
};

// Appends the rows: method by method, within a method in data-set order.
class UnitTables {
 public:
  // first : any result; the number of layers and heads is taken from it.
  UnitTables(Hdf5File& file, const UnitResult& first, const Comparison& comparison)
      : sample_(file.add_integers("/units/sample", {}, "index")),
        method_(file.add_integers("/units/method", {}, "index")),
        doubles_(file, evidence_columns(comparison)),
        kept_per_head_(file.add_integers(
            "/units/kept_per_head",
            {static_cast<hsize_t>(first.kept.n_layers), static_cast<hsize_t>(first.kept.n_kv_heads)},
            "keys")),
        kept_by_position_(file.add_integers("/units/kept_by_position", {kPositionBins}, "keys")),
        integers_(file, evidence_columns(comparison)),
        scored_(file) {
    if (n_bins(comparison) > 0) by_position_.emplace(file, comparison);
    if (!comparison.spec.save_token_nll) return;
    file.add_group("/units/token_nll");
    token_nll_offsets_.emplace(file.add_integers("/units/token_nll/offsets", {}, "index"));
    token_nll_values_.emplace(file.add_doubles("/units/token_nll/values", {}, "nats"));
    token_nll_offsets_->append(std::span<const std::int64_t>(&n_token_nll_, 1));
    token_quality_.emplace(file);
    if (comparison.has_evidence()) span_evidence_.emplace(file);
  }

  void append(UnitId unit, const UnitResult& result) {
    put(sample_, unit.sample.value);
    put(method_, unit.method.value);
    doubles_.append(result.numbers);
    kept_per_head_.append(std::span<const std::int64_t>(result.kept.per_head));
    kept_by_position_.append(std::span<const std::int64_t>(result.kept.by_position));
    integers_.append(result.numbers);
    if (by_position_) by_position_->append(result.nll_by_position);
    scored_.append(result.scored);
    if (!token_nll_values_) return;
    token_nll_values_->append(std::span<const double>(result.token_nll));
    token_quality_->append(result.token_quality, result.token_nll.size());
    if (span_evidence_) span_evidence_->append(result.span_evidence, result.scored.size());
    n_token_nll_ += std::ssize(result.token_nll);
    put(*token_nll_offsets_, n_token_nll_);
  }

  void close() {
    sample_.close();
    method_.close();
    doubles_.close();
    kept_per_head_.close();
    kept_by_position_.close();
    integers_.close();
    if (by_position_) by_position_->close();
    scored_.close();
    if (token_nll_offsets_) token_nll_offsets_->close();
    if (token_nll_values_) token_nll_values_->close();
    if (token_quality_) token_quality_->close();
    if (span_evidence_) span_evidence_->close();
  }

 private:
  static void put(Hdf5Array& array, std::int64_t number) {
    array.append(std::span<const std::int64_t>(&number, 1));
  }

  Hdf5Array sample_;
  Hdf5Array method_;
  NumberColumns<double> doubles_;
  Hdf5Array kept_per_head_;
  Hdf5Array kept_by_position_;
  NumberColumns<std::int64_t> integers_;
  ScoredTables scored_;
  std::optional<NllByPositionTables> by_position_;
  std::optional<Hdf5Array> token_nll_offsets_;
  std::optional<Hdf5Array> token_nll_values_;
  std::optional<TokenQualityArrays> token_quality_;
  std::optional<SpanEvidenceArrays> span_evidence_;
  std::int64_t n_token_nll_ = 0;
};

}  // namespace

void put_hdf5_units(Hdf5File& file, const Comparison& comparison, const ReadUnit& read_unit) {
  file.add_group("/units");
  std::optional<UnitTables> tables;
  for (std::size_t m = 0; m < comparison.methods.size(); ++m)
    for (const auto& row : comparison.methods[m].per_sample) {
      const auto unit = unit_id(row.sample, m);
      const auto result = read_unit(unit);
      if (!tables) tables.emplace(file, result, comparison);
      tables->append(unit, result);
    }
  if (tables) tables->close();
}

}  // namespace kvcompare
