#include "common/tokenizer/encode_workspaces.h"

namespace kvcompare {

EncodeWorkspaces::Loan EncodeWorkspaces::lend() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<EncodeWorkspace> workspace = std::move(idle_.back());
      idle_.pop_back();
      return {*this, std::move(workspace)};
    }
  }
  return {*this, std::make_unique<EncodeWorkspace>()};
}

void EncodeWorkspaces::take_back(std::unique_ptr<EncodeWorkspace> workspace) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(workspace));
}

}  // namespace kvcompare
