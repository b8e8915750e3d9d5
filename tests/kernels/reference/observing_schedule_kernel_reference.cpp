#include "tests/kernels/reference/observing_schedule_kernel_reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "common/size.h"
#include "worker/gpu/kernels/layer_deaths.cuh"

namespace kvcompare {
namespace {

struct Column {
  std::int64_t position;  // -1: no key, or no longer
  double received;
};

// -1: no key.
std::vector<std::int64_t> positions_of(const ObservedBlock& block, std::int64_t head) {
  const auto* old = block.positions + head * block.capacity;
  std::vector<std::int64_t> positions(old, old + block.n_old);
  for (std::int64_t r = 0; r < block.n_rows; ++r) positions.push_back(block.first_row + r);
  return positions;
}

std::vector<Column> columns_of(const ObservedBlock& block, std::int64_t head) {
  std::vector<Column> columns;
  for (const auto position : positions_of(block, head)) columns.push_back({position, 0});
  for (std::int64_t c = 0; c < block.n_old; ++c)
    columns[size(c)].received = block.received[head * block.capacity + c];
  return columns;
}

// received += softmax over what row r sees of the first columns.
void add_softmax(const ObservedRows& task, std::vector<Column>& columns, std::int64_t r,
                 const float* logits) {
  const double scale = task.scale;
  const auto sees = [&](std::int64_t c) {
    const auto position = columns[size(c)].position;
    return position >= 0 && task.block.first_row + r - position < task.window;
  };
  const auto n = task.block.n_old + r + 1;
  double largest = -std::numeric_limits<double>::infinity(), sum = 0;
  for (std::int64_t c = 0; c < n; ++c)
    if (sees(c)) largest = std::max(largest, logits[c] * scale);
  for (std::int64_t c = 0; c < n; ++c)
    if (sees(c)) sum += std::exp(logits[c] * scale - largest);
  for (std::int64_t c = 0; c < n; ++c)
    if (sees(c)) columns[size(c)].received += std::exp(logits[c] * scale - largest) / sum;
}

// Columns that die at event e, after n tokens; from n_previous on, the event before.
std::vector<std::int64_t> dying(const ObservedRows& task, const std::vector<Column>& columns, std::int64_t e,
                                std::int64_t n_previous, std::int64_t n) {
  const auto score = [&](std::int64_t c) {
    const auto& column = columns[size(c)];
    return column.received / static_cast<double>(task.block.group) / static_cast<double>(n - column.position);
  };
  std::vector<std::int64_t> order;
  for (std::int64_t c = 0; c < std::ssize(columns); ++c) {
    const auto j = columns[size(c)].position;
    if (j < std::max<std::int64_t>(0, task.n_sink) || j >= n) continue;
    const auto leaves_window = j < n - task.sliding_window_size && j >= n_previous - task.sliding_window_size;
    if (task.first_slot || (leaves_window && score(c) < task.threshold)) order.push_back(c);
  }
  if (!task.first_slot) return order;
  std::ranges::sort(order, [&](std::int64_t a, std::int64_t b) {
    return score(a) < score(b) || (score(a) == score(b) && a > b);
  });
  order.resize(size(task.first_slot[e + 1] - task.first_slot[e]));
  return order;
}

bool ranks_scores(const ObservedRows& task, std::int64_t e, std::int64_t n_previous, std::int64_t n) {
  if (task.first_slot) return task.first_slot[e + 1] > task.first_slot[e];
  return std::max(task.n_sink, n_previous - task.sliding_window_size) < n - task.sliding_window_size;
}

void follow_rows(const ObservedRows& task, std::int64_t head, std::vector<Column>& columns) {
  const auto& block = task.block;
  for (std::int64_t r = 0; r < block.n_rows; ++r) {
    const auto n = block.first_row + r + 1, n_seen = block.n_old + r + 1;
    for (std::int64_t a = 0; a < block.group; ++a)
      add_softmax(task, columns, r,
                  task.logits + ((head * block.group + a) * block.n_rows + r) * block.n_columns);
    std::int64_t e = 0;  // the first event that is not before n
    while (n_at(task.layer, e) < n) ++e;
    const auto n_previous = e == 0 ? 0 : n_at(task.layer, e - 1);
    if (n != n_at(task.layer, e) || !ranks_scores(task, e, n_previous, n)) continue;
    for (std::int64_t c = 0; c < n_seen; ++c)
      if (columns[size(c)].position >= 0 && std::isnan(columns[size(c)].received)) *task.status |= kNanScore;
    if (*task.status != 0) return;
    for (const auto c : dying(task, columns, e, n_previous, n)) {
      evict(task.layer, head, columns[size(c)].position, static_cast<std::int32_t>(e));
      columns[size(c)].position = -1;
    }
  }
}

}  // namespace

template <class T>
void observing_schedule_kernel_reference(const ObservedOperands<T>& task) {
  const auto& block = task.block;
  const auto d = task.d_head;
  for (std::int64_t head = 0; head < block.n_kv_heads; ++head) {
    for (std::int64_t a = 0; a < block.group; ++a)
      for (std::int64_t r = 0; r < block.n_rows; ++r)
        for (std::int64_t i = 0; i < d; ++i)
          task.rows[((head * block.group + a) * block.n_rows + r) * d + i] =
              task.q[(block.first_row + r) * task.stride + (head * block.group + a) * d + i];
    const auto positions = positions_of(block, head);
    for (std::int64_t c = 0; c < block.n_columns; ++c)
      for (std::int64_t i = 0; i < d; ++i) {
        const auto position = c < std::ssize(positions) ? positions[size(c)] : -1;
        task.columns[(head * block.n_columns + c) * d + i] =
            position < 0 ? T(0.0F) : task.k[position * task.stride + head * d + i];
      }
  }
}

void observing_schedule_kernel_reference(const ObservedRows& task) {
  const auto& block = task.block;
  for (std::int64_t head = 0; head < block.n_kv_heads; ++head) {
    auto columns = columns_of(block, head);
    follow_rows(task, head, columns);
    std::erase_if(columns, [](const Column& column) { return column.position < 0; });
    columns.resize(size(task.n_next), {-1, 0});
    for (std::int64_t c = 0; c < task.n_next; ++c) {
      block.positions[head * block.capacity + c] = static_cast<std::int32_t>(columns[size(c)].position);
      block.received[head * block.capacity + c] = columns[size(c)].received;
    }
  }
}

template void observing_schedule_kernel_reference(const ObservedOperands<float>&);
template void observing_schedule_kernel_reference(const ObservedOperands<c10::Half>&);
template void observing_schedule_kernel_reference(const ObservedOperands<c10::BFloat16>&);

}  // namespace kvcompare
