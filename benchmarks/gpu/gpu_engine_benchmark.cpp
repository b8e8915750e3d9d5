// Seconds, peak memory and keys kept of the GPU engine, for cases given as METHOD:CHUNK:RATIO:UNITS:TOKENS.
//
//   gpu_engine_benchmark MODEL_FOLDER IDS.jsonl DEVICE DTYPE REPEATS CASE...
//
// The weights are loaded once. Of each case the first UNITS samples run together, cut to TOKENS, once to warm
// up and then REPEATS times. Prints JSON. Built without CUDA it runs the emulated kernels, on device cpu:
// that tries the scripts, and measures nothing.
#include <chrono>
#include <filesystem>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <ATen/DeviceAccelerator.h>
#include <ATen/Version.h>
#include <c10/util/Exception.h>

#include "common/data/dataset.h"
#include "common/run/method_parameters.h"
#include "presses/registry.h"
#include "worker/checkpoint/kvzap_checkpoint.h"
#include "worker/checkpoint/model_config.h"
#include "worker/devices/device.h"
#include "worker/gpu/gpu_engine.h"
#include "worker/model/weight_table.h"

namespace {

using namespace kvcompare;
using Json = nlohmann::ordered_json;

struct Case {
  std::string method;
  std::int64_t chunk_size = 1;
  double compression_ratio = 0.5;
  std::size_t n_units = 1;
  std::int64_t n_tokens = 0;
};

Case parse_case(const std::string& text) {
  std::istringstream parts(text);
  Case found;
  char colon = ':';
  std::getline(parts, found.method, ':');
  parts >> found.chunk_size >> colon >> found.compression_ratio >> colon >> found.n_units >> colon >>
      found.n_tokens;
  if (!parts || parts.peek() != EOF || !find_method(found.method))
    throw std::invalid_argument("'" + text + "' is no METHOD:CHUNK:RATIO:UNITS:TOKENS");
  return found;
}

template <class Work>
double seconds_of(const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Of the device's allocator; null where it does not count.
Json peak_bytes(const at::Device& device) {
  if (device.is_cpu()) return nullptr;
  const auto stats = at::accelerator::getDeviceStats(device.index());
  return stats.allocated_bytes[0].peak;
}

void reset_peak(const at::Device& device) {
  if (!device.is_cpu()) at::accelerator::resetPeakStats(device.index());
}

class Benchmark {
 public:
  Benchmark(const std::filesystem::path& folder, const std::filesystem::path& data, const at::Device& device,
            at::ScalarType dtype, int n_repeats)
      : device_(device), n_repeats_(n_repeats), decoder_(read_model_config(folder / "config.json").decoder) {
    DatasetOptions options;
    options.path = data;
    samples_ = read_dataset(options, {}, decoder_.vocab_size).samples;
    load_seconds_ = seconds_of([&] { weights_.emplace(folder, decoder_, dtype, device); });
    if (std::filesystem::exists(folder / "scorer"))
      kvzap_.emplace(text_of_role(make_method_spec(*find_method("kvzap"), {}), ParameterRole::kPlace),
                     load_kvzap_surrogate(folder / "scorer", decoder_, std::nullopt, dtype, device));
  }

  Json machine() {
    return {{"libraries", at::show_config()},
            {"load_seconds", load_seconds_},
            {"weight_bytes", n_decoder_numbers(decoder_) * bytes_of_number()},
            {"attention", make_gpu_engine(*weights_, {}, {})->instruction_set()}};
  }

  Json run(const Case& asked) {
    MethodFlags spec;
    spec.compression_ratio = asked.compression_ratio;
    const auto method = make_method_spec(*find_method(asked.method), spec);
    auto samples = samples_;
    if (samples.size() < asked.n_units) throw std::invalid_argument("fewer samples than units");
    std::vector<EngineTask> tasks;
    for (std::size_t u = 0; u < asked.n_units; ++u) {
      auto& ids = samples[u].ids;
      if (std::ssize(ids) < asked.n_tokens) throw std::invalid_argument("a sample is shorter than the case");
      ids.resize(static_cast<std::size_t>(asked.n_tokens));
      tasks.push_back({&samples[u], &method});
    }
    Json report = {{"method", asked.method},
                   {"chunk_size", asked.chunk_size},
                   {"compression_ratio", asked.compression_ratio},
                   {"units", asked.n_units},
                   {"tokens", asked.n_tokens}};
    try {
      measure(asked, tasks, report);
    } catch (const c10::Error& error) {
      report["error"] = error.what_without_backtrace();
    } catch (const std::exception& error) {
      report["error"] = error.what();
    }
    return report;
  }

 private:
  std::int64_t bytes_of_number() const {
    return static_cast<std::int64_t>(weights_->options().dtype().itemsize());
  }

  void measure(const Case& asked, const std::vector<EngineTask>& tasks, Json& report) {
    const auto engine = make_gpu_engine(*weights_, {.trained = &kvzap_},
                                        {.chunk_size = asked.chunk_size, .n_units = asked.n_units});
    std::vector<UnitResult> results;
    const auto run_once = [&] {
      results.clear();
      for (auto& outcome : engine->run_together(tasks)) {
        if (const auto* error = std::get_if<std::exception_ptr>(&outcome)) std::rethrow_exception(*error);
        results.push_back(std::get<EngineResult>(std::move(outcome)).unit);
      }
    };
    run_once();
    reset_peak(device_);
    std::vector<double> seconds;
    for (int i = 0; i < n_repeats_; ++i) seconds.push_back(seconds_of(run_once));
    const auto& first = results.front();
    report["seconds"] = seconds;
    report["peak_bytes"] = peak_bytes(device_);
    report["total_nll"] = first.numbers.total_nll;
    report["keys_kept"] = first.numbers.keys.kept;
    report["keys_original"] = first.numbers.keys.original;
    const auto bytes_a_key = 2 * heads_of(decoder_).head_dim * bytes_of_number();
    report["cache_bytes_kept"] = first.numbers.keys.kept * bytes_a_key;
    report["cache_bytes_peak"] = first.numbers.keys.peak * bytes_a_key;
  }

  at::Device device_;
  int n_repeats_;
  Decoder decoder_;
  std::vector<Sample> samples_;
  double load_seconds_ = 0;
  std::optional<GpuWeights> weights_;
  TrainedScorers kvzap_;
};

int benchmark(const std::vector<std::string>& words) {
  if (words.size() < 6) {
    std::cerr << "usage: gpu_engine_benchmark MODEL_FOLDER IDS.jsonl DEVICE DTYPE REPEATS "
                 "METHOD:CHUNK:RATIO:UNITS:TOKENS...\n";
    return 2;
  }
  const auto dtype = parse_dtype(words[3]);
  if (!dtype) throw std::invalid_argument("'" + words[3] + "' is no dtype");
  std::vector<Case> cases;
  for (std::size_t i = 5; i < words.size(); ++i) cases.push_back(parse_case(words[i]));
  const auto device = choose_devices(words[2], std::nullopt).front();
  Benchmark benchmark(words[0], words[1], device, scalar_type(*dtype), std::stoi(words[4]));
  Json report = benchmark.machine();
  report["cases"] = Json::array();
  for (const auto& asked : cases) report["cases"].push_back(benchmark.run(asked));
  std::cout << report.dump(1) << "\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  return benchmark({argv + 1, argv + argc});
} catch (const std::exception& error) {
  std::cerr << "gpu_engine_benchmark: " << error.what() << "\n";
  return 2;
}
