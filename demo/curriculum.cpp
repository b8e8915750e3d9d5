#include "demo/curriculum.h"

namespace kvcompare::demo {

std::vector<Stage> curriculum() {
  DocumentShape lists;
  lists.relations_per_name = 1;
  lists.filler = 0;
  lists.named_filler = 0;
  lists.lists = 0.7;
  lists.numbers = 0.15;
  lists.updates = 0;
  lists.copies = 0.2;
  lists.telling = 0.4;
  DocumentShape easy = lists;
  easy.filler = 0.05;
  easy.lists = 0.4;
  DocumentShape medium = easy;
  medium.relations_per_name = 2;
  medium.filler = 0.25;
  medium.named_filler = 0.05;
  medium.lists = 0.25;
  medium.updates = 0.1;
  DocumentShape hard;
  hard.filler = 0.45;
  DocumentShape longest = hard;
  longest.copies = 0.25;
  return {
      {"lists", 500, 64, 128, 0.0, 0, lists},   {"easy", 300, 32, 256, 0.0, 0, easy},
      {"gaps", 400, 32, 256, 0.5, 2048, easy},  {"medium", 800, 16, 512, 0.5, 3072, medium},
      {"hard", 1500, 8, 1024, 0.3, 3072, hard}, {"long", 600, 2, 4096, 0.2, 2048, longest},
  };
}

}  // namespace kvcompare::demo
