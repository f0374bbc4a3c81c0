// SPDX-License-Identifier: LGPL-3.0-or-later
#include "engine.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <future>
#include <thread>

#include "combined_model.hpp"
#include "net_model.hpp"
#include "pair_table.hpp"
#include "three_body.hpp"
#include "two_body.hpp"

namespace deepmd::engine {
namespace {

/// Atoms of a block: enough for products at full speed, few enough for the cache.
constexpr std::int64_t kBlockSize = 64;

int number_of_threads(int wanted) {
  if (wanted > 0) return wanted;
  const char* text = std::getenv("OMP_NUM_THREADS");
  const int given = text == nullptr ? 0 : int(std::strtol(text, nullptr, 10));
  return given > 0 ? given : std::max(1, int(std::thread::hardware_concurrency()));
}

/// Calls task(k) for 0 <= k < number, each on a thread of its own, the caller's being 0; throws the
/// exception of one.
///
/// Threads of the standard library: it brings no OpenMP runtime into a process that may have two of
/// them already. Starting a thread costs some 30 µs, a step of a thousand atoms 50,000.
template <class Task>
void run_on_threads(int number, const Task& task) {
  std::vector<std::future<void>> others;
  for (int k = 1; k < number; ++k)
    others.push_back(std::async(std::launch::async, std::cref(task), k));
  task(0);  // where it throws, the others are waited for
  for (auto& each : others) each.get();
}

/// Atoms by type, and blocks of them.
struct Blocks {
  std::vector<std::int32_t> order;
  std::vector<Block> blocks;

  Blocks(const Frame& frame, const std::vector<char>& has_output, int nthreads) {
    std::vector<std::vector<std::int32_t>> of_type(has_output.size());
    for (std::int64_t i = 0; i < frame.nloc; ++i)
      if (frame.type[i] >= 0 && has_output[frame.type[i]])
        of_type[frame.type[i]].push_back(std::int32_t(i));
    order.reserve(frame.nloc);
    for (std::size_t t = 0; t < of_type.size(); ++t) {
      const auto begin = order.size();
      order.insert(order.end(), of_type[t].begin(), of_type[t].end());
      const auto count = std::int64_t(of_type[t].size());
      const std::int64_t share = (count + nthreads - 1) / nthreads;
      const std::int64_t size =
          std::max<std::int64_t>(8, std::min(kBlockSize, (share + 7) / 8 * 8));
      for (std::int64_t first = 0; first < count; first += size)
        blocks.push_back(
            {std::int32_t(t), order.data() + begin + first, std::min(size, count - first)});
    }
  }
};

/// Types of a frame's atoms; of few all, so that no step takes longer than others.
std::vector<std::int32_t> present_types(const Frame& frame, std::int64_t ntypes) {
  std::vector<char> is_present(ntypes, ntypes <= 2);
  for (std::int64_t i = 0; i < frame.nall; ++i)
    if (frame.type[i] >= 0) is_present[frame.type[i]] = 1;
  std::vector<std::int32_t> present;
  for (std::int32_t t = 0; t < ntypes; ++t)
    if (is_present[t]) present.push_back(t);
  return present;
}

}  // namespace

template <class T>
std::unique_ptr<Descriptor<T>> Descriptor<T>::make(const DescriptorSpec& spec,
                                                   const Kernels<T>& kernels, bool plain,
                                                   std::size_t nworkers) {
  if (spec.is_three_body) return std::make_unique<ThreeBody<T>>(spec, kernels, plain, nworkers);
  return std::make_unique<TwoBody<T>>(spec, kernels, plain, nworkers);
}

std::unique_ptr<BlockModel> BlockModel::make(const ModelSpec& spec, std::size_t nworkers) {
  if (spec.kind == Kind::table) return std::make_unique<PairTable>(spec, nworkers);
  if (spec.kind != Kind::net) return std::make_unique<CombinedModel>(spec, nworkers);
  if (spec.is_single()) return std::make_unique<NetModel<float>>(spec, nworkers);
  return std::make_unique<NetModel<double>>(spec, nworkers);
}

Engine::Engine(ModelSpec spec, int nthreads)
    : spec_(std::move(spec)),
      work_(nthreads),
      model_(BlockModel::make(spec_, work_.size())),
      record_(spec_.record(model_->path())) {
  for (std::size_t k = 0; k < work_.size(); ++k) work_[k].worker.number = k;
}

void Engine::compute(const Frame& frame, bool atomic_virials, Results& results) {
  model_->check(frame);
  model_->prepare(present_types(frame, spec_.ntypes()));
  const std::int64_t n = spec_.ncomponents(), derived = spec_.has_derivative() ? n : 0;
  results.atom.assign(frame.nloc * n, 0.0);
  const Blocks blocks(frame, spec_.has_output, int(work_.size()));
  std::atomic<std::size_t> next{0};
  run_on_threads(int(work_.size()), [&](int thread) {
    Work& work = work_[thread];
    work.force.assign(derived * frame.nall * 3, 0.0);
    work.virial.assign(derived * 9, 0.0);
    work.atom_virial.assign(atomic_virials ? derived * frame.nall * 9 : 0, 0.0);
    work.worker.timing.start();
    for (std::size_t k = next++; k < blocks.blocks.size(); k = next++)
      process(frame, blocks.blocks[k], work, results);
  });
  add_up(atomic_virials, results);
}

void Engine::process(const Frame& frame, const Block& block, Work& work, Results& results) {
  const std::int64_t n = spec_.ncomponents();
  work.values.resize(block.size * n);
  model_->compute(frame, block, work.worker, work.values.data());
  for (std::int64_t i = 0; i < block.size; ++i)
    std::copy_n(&work.values[i * n], n, &results.atom[block.atoms[i] * n]);
  if (!spec_.has_derivative()) return;
  const std::vector<double> ones(block.size, 1.0);
  for (std::int64_t c = 0; c < n; ++c) {
    Derivatives out;
    out.force = work.force.data() + c * frame.nall * 3;
    out.virial = work.virial.data() + c * 9;
    if (!work.atom_virial.empty()) out.atom_virial = &work.atom_virial[c * frame.nall * 9];
    model_->derive(frame, block, work.worker, int(c), ones.data(), out);
  }
}

void Engine::add_up(bool atomic_virials, Results& results) {
  const std::int64_t n = spec_.ncomponents();
  results.sum.assign(n, 0.0);
  for (std::size_t k = 0; k < results.atom.size(); ++k) results.sum[k % n] += results.atom[k];
  const auto add = [&](std::vector<double> Work::* each, std::vector<double>& total) {
    total.swap(work_[0].*each);
    for (std::size_t t = 1; t < work_.size(); ++t)
      for (std::size_t k = 0; k < total.size(); ++k) total[k] += (work_[t].*each)[k];
  };
  add(&Work::force, results.force);
  add(&Work::virial, results.virial);
  if (atomic_virials) add(&Work::atom_virial, results.atom_virial);
}

std::array<double, kPhases> Engine::seconds() const {
  std::array<double, kPhases> sum{};
  for (const auto& work : work_)
    for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += work.worker.timing.seconds[k];
  return sum;
}

std::unique_ptr<Engine> Engine::open(const Document& document, int nthreads) {
  return std::make_unique<Engine>(ModelSpec::read(document), number_of_threads(nthreads));
}

}  // namespace deepmd::engine
