#include "worker/training/layer_fits.h"

#include <system_error>
#include <utility>

#include <ATen/ops/tensor.h>
#include <c10/core/InferenceMode.h>

#include "worker/checkpoint/safetensors.h"
#include "worker/checkpoint/safetensors_writer.h"
#include "worker/devices/tile_team.h"
#include "worker/training/surrogate_fit.h"
#include "worker/training/target_table.h"

namespace kvcompare {
namespace {

struct FittedLayer {
  KvzapSurrogate::Layer layer;
  std::vector<double> r_squared;
};

void write_layer(const std::filesystem::path& path, const FittedLayer& fitted) {
  NamedTensors tensors{{"r_squared", at::tensor(fitted.r_squared, at::kDouble)}};
  for (std::size_t i = 0; i < fitted.layer.linears.size(); ++i) {
    tensors.emplace_back(std::to_string(i) + ".weight", fitted.layer.linears[i].weight);
    tensors.emplace_back(std::to_string(i) + ".bias", fitted.layer.linears[i].bias);
  }
  write_safetensors(path, tensors);
}

FittedLayer read_layer(const std::filesystem::path& path) {
  const SafetensorsFile file(path);
  FittedLayer fitted;
  const auto r2 = file.tensor("r_squared");
  fitted.r_squared.assign(r2.const_data_ptr<double>(), r2.const_data_ptr<double>() + r2.numel());
  for (int i = 0; file.find(std::to_string(i) + ".weight") != nullptr; ++i)
    fitted.layer.linears.push_back({file.tensor(std::to_string(i) + ".weight").clone(),
                                    file.tensor(std::to_string(i) + ".bias").clone()});
  return fitted;
}

class LayerFits {
 public:
  LayerFits(const LayerFitsTask& task, const KvzapTrainingSpec& spec, std::atomic<std::int64_t>& n_done,
            const std::function<bool()>& go_on)
      : task_(task), spec_(spec), n_done_(n_done), go_on_(go_on) {}

  std::optional<FittedLayers> run() {
    TileTeam team(task_.device.is_cpu() ? task_.n_threads : 1);
    team.for_each(static_cast<std::size_t>(task_.n_layers), [this](std::size_t /*thread*/, std::size_t l) {
      if (go_on_())
        fit(static_cast<std::int64_t>(l));
      else
        was_stopped_ = true;
    });
    if (was_stopped_) return std::nullopt;
    FittedLayers all;
    for (std::int64_t l = 0; l < task_.n_layers; ++l) {
      auto fitted = read_layer(path(l, ""));
      all.surrogate.layers.push_back(std::move(fitted.layer));
      all.r_squared.push_back(std::move(fitted.r_squared));
    }
    return all;
  }

 private:
  std::filesystem::path path(std::int64_t layer, const char* suffix) const {
    return task_.folder / ("layer_" + std::to_string(layer) + suffix + ".safetensors");
  }

  void fit(std::int64_t l) {
    const c10::InferenceMode with_autograd(false);  // the team's threads start with autograd switched off
    const auto steps_a_layer = n_fit_steps(spec_, 1);
    std::error_code
        error;  // what cannot be looked at, the reader tells of; what cannot be removed goes with the folder
    if (std::filesystem::exists(path(l, ""), error) || error) {
      n_done_ += steps_a_layer;
      return;
    }
    const auto targets = read_targets(task_.fitted, l);
    FittedLayer fitted;
    if (spec_.kvzap_model_type == "linear") {
      fitted.layer = fit_linear(targets, spec_.ridge);
      ++n_done_;
    } else {
      const MlpFitOptions options{.hidden_dim = spec_.hidden_dim,
                                  .n_epochs = spec_.n_epochs,
                                  .batch_size = spec_.batch_size,
                                  .learning_rate = spec_.learning_rate,
                                  .seed = task_.seed + (static_cast<std::uint64_t>(l) << 32),
                                  .device = task_.device};
      fitted.layer = fit_mlp(targets, options, path(l, ".state"), [&] {
        ++n_done_;
        return go_on_();
      });
      if (fitted.layer.linears.empty()) {
        was_stopped_ = true;
        return;
      }
    }
    fitted.r_squared = r_squared(fitted.layer, read_targets(task_.held_out, l));
    write_layer(path(l, ""), fitted);
    std::filesystem::remove(path(l, ".state"), error);
  }

  const LayerFitsTask& task_;
  const KvzapTrainingSpec& spec_;
  std::atomic<std::int64_t>& n_done_;
  const std::function<bool()>& go_on_;
  std::atomic<bool> was_stopped_ = false;
};

}  // namespace

std::int64_t n_fit_steps(const KvzapTrainingSpec& spec, std::int64_t n_layers) {
  return n_layers * (spec.kvzap_model_type == "linear" ? 1 : spec.n_epochs);
}

std::optional<FittedLayers> fit_layers(const LayerFitsTask& task, const KvzapTrainingSpec& spec,
                                       std::atomic<std::int64_t>& n_done,
                                       const std::function<bool()>& go_on) {
  return LayerFits(task, spec, n_done, go_on).run();
}

}  // namespace kvcompare
