#include "demo/curriculum.h"

namespace kvcompare::demo {

std::vector<Stage> curriculum() {
  DocumentShape easy;
  easy.relations_per_name = 1;
  easy.filler = 0.05;
  easy.named_filler = 0;
  easy.lists = 0.4;
  easy.numbers = 0.15;
  easy.updates = 0;
  easy.copies = 0.2;
  easy.telling = 0.4;
  DocumentShape medium = easy;
  medium.relations_per_name = 2;
  medium.filler = 0.25;
  medium.named_filler = 0.05;
  medium.lists = 0.25;
  medium.updates = 0.1;
  DocumentShape hard;
  hard.filler = 0.4;
  return {
      {"easy", 1500, 32, 256, 0.0, 0, easy},
      {"gaps", 500, 32, 256, 0.5, 2048, easy},
      {"medium", 1500, 16, 512, 0.5, 3072, medium},
      {"hard", 1500, 8, 1024, 0.3, 3072, hard},
      {"long", 400, 3, 3072, 0.3, 3072, hard},
  };
}

}  // namespace kvcompare::demo
