// Coordinator and workers as threads of one process.
#pragma once

#include <exception>
#include <memory>

#include "common/messages/messenger.h"

namespace kvcompare {

// Joins n_ranks endpoints. Thread-safe. Outlives its endpoints.
class InProcessExchange {
 public:
  explicit InProcessExchange(int n_ranks);
  ~InProcessExchange();

  std::unique_ptr<Messenger> endpoint(Rank rank);

  // A thread died: from now on receive() and send() of every endpoint rethrow `cause`, so that nobody waits
  // for it. Of several causes the first counts.
  void abort(std::exception_ptr cause);

 private:
  class Impl;
  class Endpoint;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kvcompare
