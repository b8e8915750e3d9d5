// Taken from the journals of runs of 26 November 2026 (the units' n_tokens and seconds): kvcompare of the
// preset release on two cores of an AMD EPYC (family 25, model 17), float32, engine layerwise, chunk_size 1.
// Other programs used the same cores, so every run was made twice, and the lesser seconds of each unit are
// taken. Every run: --methods of all that are listed, baseline first. longdocs.jsonl is
// ../shared/assets/text/longdocs.jsonl.
#include "tests/unit/coordinator/plan/measured_runs.h"

namespace kvcompare {
namespace {

MethodSpec method(const char* name, const EvictionPolicy& policy) { return {name, name, policy, {}}; }

// the demo's model, --data_path longdocs.jsonl --max_length 8192 --max_samples 24, with kvzap and
// observed_attention.
MeasuredRun demo_longdocs() {
  return {.name = "demo_longdocs",
          .model = {4, 128, 4, 2, 32, 352, 1840},
          .methods = {method("baseline", KeepAll{}), method("kvzap", ScoreThreshold{}),
                      method("random", RatioBudget{0.5}), method("streaming_llm", RatioBudget{0.5}),
                      method("expected_attention", RatioBudget{0.5}), method("knorm", RatioBudget{0.5}),
                      method("observed_attention", RatioBudget{0.5})},
          .samples = {
              {1362, {0.09251, 0.06115, 0.07027, 0.05625, 0.2843, 0.06428, 0.06524}},
              {4456, {0.4917, 0.5062, 0.3177, 0.3364, 1.832, 0.3174, 0.5912}},
              {8192, {1.291, 1.393, 0.8052, 0.9168, 9.432, 0.7757, 1.989}},
              {8192, {1.435, 1.462, 0.7499, 0.9199, 9.531, 0.8321, 1.835}},
              {1695, {0.1031, 0.08943, 0.07368, 0.07055, 0.3873, 0.06571, 0.114}},
              {5791, {0.7173, 0.7403, 0.4473, 0.4471, 3.335, 0.476, 1.073}},
              {8192, {1.492, 1.44, 0.8783, 0.7964, 9.314, 0.8223, 1.755}},
              {4795, {0.519, 0.5386, 0.3125, 0.3423, 2.23, 0.3121, 0.669}},
              {8192, {1.42, 1.407, 0.7661, 0.9239, 8.975, 0.803, 1.834}},
              {8192, {1.408, 1.29, 0.7542, 0.8024, 9.371, 0.7879, 1.827}},
              {700, {0.03998, 0.03593, 0.02282, 0.03183, 0.09686, 0.02826, 0.04559}},
              {8192, {1.29, 1.367, 0.7979, 0.8762, 8.919, 0.8718, 1.856}},
              {8192, {1.25, 1.268, 0.7586, 0.7988, 9.131, 0.8255, 1.798}},
              {8192, {1.377, 1.29, 0.7359, 0.7841, 9.073, 0.8606, 1.672}},
              {2925, {0.2402, 0.2433, 0.1995, 0.2196, 0.8476, 0.1837, 0.3011}},
              {8192, {1.369, 1.348, 0.772, 0.7875, 8.9, 0.8281, 1.608}},
              {3500, {0.3106, 0.3272, 0.2434, 0.2389, 1.315, 0.2281, 0.4236}},
              {8192, {1.311, 1.399, 0.7927, 0.8874, 8.932, 0.8517, 1.712}},
              {3322, {0.2954, 0.3357, 0.2147, 0.2685, 1.139, 0.2641, 0.3802}},
              {8192, {1.307, 1.378, 0.8014, 0.8813, 8.126, 0.8197, 1.583}},
              {8192, {1.352, 1.352, 0.8563, 0.7998, 7.273, 0.8285, 1.611}},
              {8192, {1.326, 1.361, 0.8053, 0.8478, 5.831, 0.7381, 1.669}},
              {8192, {1.233, 1.301, 0.8523, 0.7981, 6.296, 0.7543, 1.663}},
              {8192, {1.278, 1.288, 0.9994, 0.7369, 6.246, 0.8963, 1.748}},
          }};
}

// the demo's model, scorer and documents, --max_length 2048 --max_samples 24 --threads 1.
MeasuredRun demo_documents() {
  return {.name = "demo_documents",
          .model = {4, 128, 4, 2, 32, 352, 1840},
          .methods = {method("baseline", KeepAll{}), method("kvzap", ScoreThreshold{}),
                      method("random", RatioBudget{0.5}), method("streaming_llm", RatioBudget{0.5}),
                      method("expected_attention", RatioBudget{0.5}), method("knorm", RatioBudget{0.5})},
          .samples = {
              {2048, {0.1345, 0.1136, 0.104, 0.0878, 0.7096, 0.08993}},
              {2048, {0.1472, 0.1114, 0.08856, 0.09109, 0.6555, 0.08779}},
              {1629, {0.09001, 0.08203, 0.07571, 0.07327, 0.2888, 0.07713}},
              {2048, {0.1392, 0.1136, 0.0929, 0.08622, 0.766, 0.1161}},
              {2048, {0.1469, 0.1121, 0.0869, 0.0938, 0.7826, 0.1131}},
              {2048, {0.1256, 0.1156, 0.09975, 0.08586, 0.7437, 0.1108}},
              {2048, {0.1448, 0.1163, 0.09083, 0.1004, 0.696, 0.1088}},
              {2048, {0.1401, 0.1167, 0.09662, 0.08842, 0.5327, 0.1257}},
              {2048, {0.1357, 0.1163, 0.1061, 0.11, 0.5371, 0.108}},
              {939, {0.04017, 0.04815, 0.0368, 0.04077, 0.1419, 0.0337}},
              {2048, {0.1248, 0.116, 0.09159, 0.1145, 0.5319, 0.1388}},
              {2048, {0.1158, 0.1131, 0.08893, 0.08677, 0.5484, 0.1339}},
              {1510, {0.07447, 0.08993, 0.09465, 0.07209, 0.256, 0.08108}},
              {1388, {0.08173, 0.1115, 0.06116, 0.09358, 0.2222, 0.08907}},
              {2048, {0.1152, 0.1178, 0.09151, 0.08543, 0.6027, 0.09059}},
              {1627, {0.09149, 0.08217, 0.104, 0.07378, 0.3746, 0.06766}},
              {1594, {0.09427, 0.07971, 0.08298, 0.08926, 0.3532, 0.07088}},
              {1193, {0.05691, 0.08093, 0.05075, 0.05718, 0.1738, 0.06212}},
              {2048, {0.1543, 0.1182, 0.1078, 0.09569, 0.573, 0.08686}},
              {573, {0.02421, 0.02601, 0.02337, 0.02494, 0.08976, 0.02318}},
              {2048, {0.1233, 0.1297, 0.1044, 0.1122, 0.4769, 0.1013}},
              {2048, {0.1403, 0.1275, 0.09528, 0.088, 0.5305, 0.1121}},
              {2048, {0.1437, 0.1208, 0.09473, 0.08556, 0.47, 0.1216}},
              {873, {0.03556, 0.04925, 0.03834, 0.02914, 0.121, 0.03855}},
          }};
}

// stories260K, --data_path longdocs.jsonl --max_length 2048 --max_samples 20 --compression_ratio 0.75
// --threads 1, with observed_attention.
MeasuredRun stories260K() {
  return {
      .name = "stories260K",
      .model = {5, 64, 8, 4, 8, 172, 512},
      .methods = {method("baseline", KeepAll{}), method("random", RatioBudget{0.75}),
                  method("streaming_llm", RatioBudget{0.75}), method("expected_attention", RatioBudget{0.75}),
                  method("knorm", RatioBudget{0.75}), method("observed_attention", RatioBudget{0.75})},
      .samples = {
          {1559, {0.07483, 0.0497, 0.04832, 0.2543, 0.05102, 0.1175}},
          {2048, {0.1598, 0.05245, 0.08009, 0.6593, 0.07246, 0.2132}},
          {2048, {0.1508, 0.08432, 0.06996, 0.7905, 0.06791, 0.1993}},
          {2048, {0.1567, 0.08318, 0.08517, 0.4067, 0.08737, 0.1817}},
          {2026, {0.1625, 0.07516, 0.07268, 0.355, 0.0626, 0.1761}},
          {2048, {0.1547, 0.07357, 0.05921, 0.4055, 0.06396, 0.1942}},
          {2048, {0.1785, 0.07443, 0.06045, 0.437, 0.07237, 0.1875}},
          {2048, {0.1993, 0.08433, 0.06179, 0.3589, 0.0707, 0.1806}},
          {2048, {0.2116, 0.069, 0.0714, 0.3794, 0.06535, 0.1765}},
          {2048, {0.1591, 0.07581, 0.05405, 0.4052, 0.07712, 0.1748}},
          {789, {0.03047, 0.01956, 0.01737, 0.08393, 0.02264, 0.0452}},
          {2048, {0.1702, 0.076, 0.06927, 0.3688, 0.06514, 0.1656}},
          {2048, {0.1733, 0.07557, 0.07471, 0.3759, 0.08764, 0.1699}},
          {2048, {0.1946, 0.08014, 0.07001, 0.3637, 0.07932, 0.1556}},
          {2048, {0.1789, 0.06218, 0.0751, 0.3862, 0.08083, 0.1961}},
          {2048, {0.1835, 0.08305, 0.07358, 0.3727, 0.07089, 0.173}},
          {2048, {0.1786, 0.0686, 0.05406, 0.3798, 0.06028, 0.2031}},
          {2048, {0.172, 0.06507, 0.05047, 0.3808, 0.07278, 0.2056}},
          {2048, {0.1937, 0.05978, 0.07002, 0.3984, 0.07282, 0.1979}},
          {2048, {0.1601, 0.05476, 0.07327, 0.359, 0.0785, 0.1998}},
      }};
}

}  // namespace

CostShape MeasuredModel::shape() const {
  const auto layer = d_model * (2 * (n_heads + n_kv_heads) * head_dim + 3 * intermediate_size);
  return {.n_weights = n_layers * layer + d_model * vocab_size,
          .n_query_channels = n_layers * n_heads * head_dim};
}

MethodCost cost_of(const MethodSpec& method, const MeasuredModel& model) {
  const auto d = static_cast<double>(model.head_dim);
  const auto forms = 2 * static_cast<double>(model.n_layers * model.n_heads) * d * (d + 2);
  if (method.name == "expected_attention") return {.per_key_and_event = forms};
  return {.attention = method.name == "observed_attention" ? 2.0 : 1.0};
}

const std::vector<MeasuredRun>& measured_runs() {
  static const std::vector<MeasuredRun> runs{demo_longdocs(), demo_documents(), stories260K()};
  return runs;
}

}  // namespace kvcompare
