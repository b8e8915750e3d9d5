#include "common/data/joined_texts.h"

#include <utility>

namespace kvcompare {

void JoinedTexts::add(JsonlRecord record, const DataPlace& place) {
  if (!record.text || record.scored || record.n_context || !record.evidence.empty())
    place.fail(
        "holds token ids, a prompt, parts, scored tokens, evidence or a context; --join joins plain texts: "
        "expected 'text' alone");
  if (all_) {
    *all_->text += between_;
    *all_->text += *record.text;
    return;
  }
  all_ = std::move(record);
  all_->is_packed = true;
}

std::optional<JsonlRecord> JoinedTexts::take() { return std::exchange(all_, std::nullopt); }

}  // namespace kvcompare
