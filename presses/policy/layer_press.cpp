#include "presses/policy/layer_press.h"

namespace kvcompare {

void decide_layer(DeathSchedule& schedule, const PressNeeds& needs, const LayerView& view,
                  const LayerDeathTimes& deaths) {
  schedule.see(what_is_needed(view, needs.tile));
  auto layer = what_is_needed(view, needs.layer);
  for (auto* tensor : {&layer.raw_q, &layer.q, &layer.k, &layer.v})
    if (tensor->defined()) *tensor = tensor->cpu();
  if (layer.rule.sinks.defined()) layer.rule.sinks = layer.rule.sinks.cpu();
  layer.device = at::kCPU;
  run_all(*schedule.decide(layer, deaths));
}

}  // namespace kvcompare
