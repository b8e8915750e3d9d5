// What every Messenger promises, as conversations between rank 0 and two others: each rank calls the same
// functions in the same order, with its own endpoint, as a thread or as a process.
#pragma once

#include "common/messages/messenger.h"

namespace kvcompare {

inline constexpr int kContractRanks = 3;

// One rank's part in it.
class Conversation {
 public:
  Conversation(Messenger& messenger_, Rank rank_) : messenger(messenger_), rank(rank_) {}

  Envelope next();  // throws if nothing comes
  void meet();      // nobody goes on before all are here, and have received all that they were sent

  Messenger& messenger;
  const Rank rank;

 private:
  int n_here_ = 0;
};

using Contract = void (*)(Conversation&);

void delivers_what_was_sent_with_its_sender(Conversation& talk);
void gives_nothing_when_nothing_comes(Conversation& talk);
void keeps_the_order_of_each_sender(Conversation& talk);
void sends_without_waiting_for_the_receiver(Conversation& talk);
void carries_messages_of_any_length(Conversation& talk);
void carries_every_kind_of_message(Conversation& talk);
void refuses_a_rank_that_does_not_exist(Conversation& talk);

inline constexpr Contract kContracts[] = {
    delivers_what_was_sent_with_its_sender, gives_nothing_when_nothing_comes, keeps_the_order_of_each_sender,
    sends_without_waiting_for_the_receiver, carries_messages_of_any_length,   carries_every_kind_of_message,
    refuses_a_rank_that_does_not_exist};

}  // namespace kvcompare
