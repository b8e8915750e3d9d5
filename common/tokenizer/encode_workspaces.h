// Buffers and word caches for encode. They are kept between calls, and each is lent to one call at a time.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "common/tokenizer/bpe.h"
#include "common/tokenizer/regex.h"

namespace kvcompare {

struct EncodeWorkspace {
  MatchWorkspace match;
  BpeWorkspace bpe;
};

// Thread-safe. Holds as many workspaces as there were calls at the same time.
class EncodeWorkspaces {
 public:
  class Loan {
   public:
    Loan(EncodeWorkspaces& owner, std::unique_ptr<EncodeWorkspace> lent)
        : owner_(&owner), lent_(std::move(lent)) {}
    ~Loan() { owner_->take_back(std::move(lent_)); }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    EncodeWorkspace& operator*() const { return *lent_; }

   private:
    EncodeWorkspaces* owner_;
    std::unique_ptr<EncodeWorkspace> lent_;
  };

  Loan lend();

 private:
  void take_back(std::unique_ptr<EncodeWorkspace> workspace);

  std::mutex mutex_;
  std::vector<std::unique_ptr<EncodeWorkspace>> idle_;
};

}  // namespace kvcompare
