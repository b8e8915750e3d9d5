#include "presses/parameters.h"

namespace kvcompare {

ParameterFlag sink_flag() {
  return {.name = "n_sink", .unit = "tokens", .help = "First positions, never evicted, of {methods}."};
}

}  // namespace kvcompare
