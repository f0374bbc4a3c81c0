// SPDX-License-Identifier: LGPL-3.0-or-later
#include "engine.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <future>
#include <thread>

#include "descriptor.hpp"
#include "fitting.hpp"

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

bool is_set(const char* variable) {
  const char* text = std::getenv(variable);
  return text != nullptr && *text != '\0' && std::string(text) != "0";
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

template <class T>
class ModelEngine final : public Engine {
 public:
  ModelEngine(ModelSpec given, int nthreads)
      : Engine(std::move(given)), kernels_(kernels<T>()), work_(nthreads) {
    const bool plain = is_set("DEEPMD_PLAIN_NETS");
    InputColumns columns;
    std::int64_t offset = 0;
    std::vector<std::int32_t> all;
    for (std::int32_t t = 0; t < spec_.ntypes(); ++t) all.push_back(t);
    std::string path;
    for (const auto& part : spec_.parts) {
      parts_.push_back(std::make_unique<Descriptor<T>>(part, kernels_, plain));
      // so the first step takes no longer; of many types only those that occur are worth the time
      if (spec_.ntypes() <= 8) parts_.back()->prepare(all);
      offsets_.push_back(std::int64_t(columns.size()));
      for (auto [first, second] : parts_.back()->columns())
        columns.emplace_back(offset + first, second < 0 ? -1 : offset + second);
      offset += part.dim_out();
      nvectors_ += part.dim_vectors();
      path += (path.empty() ? "" : ", ") + part.name + ": " + parts_.back()->path();
    }
    offsets_.push_back(std::int64_t(columns.size()));
    for (std::int64_t k = 0; k < spec_.fitting.nextra(); ++k) columns.emplace_back(offset + k, -1);
    for (const Net& net : spec_.fitting.nets)
      nets_.push_back(std::make_unique<FittingNet<T>>(net, columns, kernels_));
    ldx_ = (std::int64_t(columns.size()) + 15) / 16 * 16;
    for (auto& work : work_) work.parts.resize(parts_.size());
    record_ = spec_.record(path);
  }

  void compute(const Frame& frame, bool atomic_virials, Results& results) override {
    check(frame);
    prepare(frame);
    const std::int64_t n = ncomponents();
    const bool derived = spec_.fitting.has_derivative;
    results.atom.assign(frame.nloc * n, 0.0);
    const Blocks blocks(frame, spec_.has_output, int(work_.size()));
    std::atomic<std::size_t> next{0};
    run_on_threads(int(work_.size()), [&](int thread) {
      Work& work = work_[thread];
      work.force.assign(derived ? n * frame.nall * 3 : 0, 0.0);
      work.virial.assign(derived ? n * 9 : 0, 0.0);
      work.atom_virial.assign(derived && atomic_virials ? n * frame.nall * 9 : 0, 0.0);
      work.timing.start();
      for (std::size_t k = next++; k < blocks.blocks.size(); k = next++)
        process(frame, blocks.blocks[k], work, results);
    });
    add_up(atomic_virials, results);
  }

  std::array<double, kPhases> seconds() const override {
    std::array<double, kPhases> sum{};
    for (const auto& work : work_)
      for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += work.timing.seconds[k];
    return sum;
  }

 private:
  struct Work {  // of a thread
    std::vector<DescriptorWork<T>> parts;
    FittingWork<T> fitting, vacuum;
    std::vector<T> x, empty_x, numbers, by_numbers, vectors;
    std::vector<double> force, virial, atom_virial;
    Timing timing;
  };

  std::int64_t ncomponents() const { return spec_.fitting.output == Output::energy ? 1 : 3; }
  const FittingNet<T>& net_of(std::int32_t type) const {
    return *nets_[spec_.fitting.is_mixed ? 0 : type];
  }

  void check(const Frame& frame) const {
    fparam_of(frame);
    if (spec_.fitting.dim_aparam > 0 && frame.aparam == nullptr && frame.nloc > 0)
      throw Error("the model needs aparam of " + std::to_string(spec_.fitting.dim_aparam) +
                  " numbers an atom; give it");
  }

  const double* fparam_of(const Frame& frame) const {
    const FittingSpec& fitting = spec_.fitting;
    if (fitting.dim_fparam == 0 || frame.fparam != nullptr) return frame.fparam;
    if (fitting.default_fparam.empty())
      throw Error("the model needs fparam of " + std::to_string(fitting.dim_fparam) +
                  " numbers; give it");
    return fitting.default_fparam.data();
  }

  void prepare(const Frame& frame) {
    std::vector<char> is_present(spec_.ntypes(), 0);
    for (std::int64_t i = 0; i < frame.nall; ++i)
      if (frame.type[i] >= 0) is_present[frame.type[i]] = 1;
    std::vector<std::int32_t> present;
    for (std::int32_t t = 0; t < spec_.ntypes(); ++t)
      if (is_present[t] || spec_.ntypes() <= 2) present.push_back(t);
    for (auto& part : parts_) part->prepare(present);
  }

  void add_up(bool atomic_virials, Results& results) {
    const std::int64_t n = ncomponents();
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

  void process(const Frame& frame, const Block& block, Work& work, Results& results) const {
    work.x.resize(block.size * ldx_);
    for (std::size_t p = 0; p < parts_.size(); ++p)
      parts_[p]->forward(frame, block, spec_.excluded, work.parts[p],
                         {work.x.data() + offsets_[p], ldx_}, work.timing);
    fill_parameters(frame, block, work.x);
    evaluate_nets(frame, block, work);
    give_values(block, work, results);
    work.timing.add(Phase::fitting);
    if (spec_.fitting.has_derivative) derive(frame, block, work);
  }

  void fill_parameters(const Frame& frame, const Block& block, std::vector<T>& x) const {
    const FittingSpec& fitting = spec_.fitting;
    const double* fparam = fparam_of(frame);
    for (std::int64_t i = 0; i < block.size && fitting.nextra() > 0; ++i) {
      T* next = &x[i * ldx_ + offsets_.back()];
      for (std::int64_t k = 0; k < fitting.dim_fparam; ++k)
        *next++ = T((fparam[k] - fitting.fparam_avg[k]) * fitting.fparam_inv_std[k]);
      const double* aparam = frame.aparam + block.atoms[i] * fitting.dim_aparam;
      for (std::int64_t k = 0; k < fitting.dim_aparam && !fitting.aparam_is_mask; ++k)
        *next++ = T((aparam[k] - fitting.aparam_avg[k]) * fitting.aparam_inv_std[k]);
      for (const double number : fitting.case_embd) *next++ = T(number);
    }
  }

  /// The nets' numbers with their bias, (size, net.ld()).
  void evaluate_nets(const Frame& frame, const Block& block, Work& work) const {
    const FittingNet<T>& net = net_of(block.type);
    const std::int64_t size = block.size * net.ld(), nout = net.nout();
    const T* values = net.forward(block.size, work.x.data(), ldx_, work.fitting);
    work.numbers.assign(values, values + size);
    if (spec_.fitting.from_vacuum[block.type]) {
      work.empty_x.assign(work.x.size(), T(0));
      fill_parameters(frame, block, work.empty_x);
      const T* vacuum = net.forward(block.size, work.empty_x.data(), ldx_, work.vacuum);
      for (std::int64_t k = 0; k < size; ++k) work.numbers[k] -= vacuum[k];
    }
    for (std::int64_t i = 0; i < block.size; ++i)
      for (std::int64_t k = 0; k < nout; ++k)
        work.numbers[i * net.ld() + k] += T(spec_.fitting.bias[block.type * nout + k]);
    work.vectors.resize(block.size * nvectors_ * 3);
    for (std::int64_t p = 0, first = 0; p < std::int64_t(parts_.size()); ++p) {
      const auto& part = *parts_[p];
      const T* m = work.parts[p].m.data();
      for (std::int64_t i = 0; i < block.size && part.dim_vectors() > 0; ++i)
        for (std::int64_t k = 0; k < part.dim_vectors(); ++k)
          for (std::int64_t c = 0; c < 3; ++c)
            work.vectors[(i * nvectors_ + first + k) * 3 + c] = m[(i * 4 + 1 + c) * part.ld() + k];
      first += part.dim_vectors();
    }
  }

  void give_values(const Block& block, const Work& work, Results& results) const {
    const std::int64_t ld = net_of(block.type).ld();
    for (std::int64_t i = 0; i < block.size; ++i) {
      const T* numbers = &work.numbers[i * ld];
      const std::int64_t atom = block.atoms[i];
      if (spec_.fitting.output == Output::energy) {
        results.atom[atom] = double(numbers[0]) + spec_.out_bias[block.type];
        continue;
      }
      for (std::int64_t m = 0; m < nvectors_; ++m)
        for (std::size_t c = 0; c < 3; ++c)
          results.atom[3 * atom + c] +=
              double(numbers[m]) * work.vectors[(i * nvectors_ + m) * 3 + c];
    }
  }

  void derive(const Frame& frame, const Block& block, Work& work) const {
    const FittingNet<T>& net = net_of(block.type);
    const bool is_energy = spec_.fitting.output == Output::energy;
    for (std::int64_t axis = 0; axis < ncomponents(); ++axis) {
      work.by_numbers.assign(block.size * net.ld(), T(0));
      for (std::int64_t i = 0; i < block.size; ++i)
        for (std::int64_t m = 0; m < net.nout(); ++m)
          work.by_numbers[i * net.ld() + m] =
              is_energy ? T(1) : work.vectors[(i * nvectors_ + m) * 3 + axis];
      T* by_x = net.backward(block.size, work.by_numbers.data(), work.fitting);
      work.timing.add(Phase::fitting);
      Derivatives out;
      out.force = work.force.data() + axis * frame.nall * 3;
      out.virial = work.virial.data() + axis * 9;
      if (!work.atom_virial.empty()) out.atom_virial = &work.atom_virial[axis * frame.nall * 9];
      std::int64_t first = 0;
      for (std::size_t p = 0; p < parts_.size(); ++p) {
        const T* by_vectors = is_energy ? nullptr : work.numbers.data() + first;
        parts_[p]->backward(block, work.parts[p], {by_x + offsets_[p], net.ld_input()}, by_vectors,
                            net.ld(), int(axis), out, work.timing);
        first += parts_[p]->dim_vectors();
      }
    }
  }

  const Kernels<T>& kernels_;
  std::vector<std::unique_ptr<Descriptor<T>>> parts_;
  std::vector<std::int64_t> offsets_;  // of the parts' columns, and of the parameters'
  std::vector<std::unique_ptr<FittingNet<T>>> nets_;
  std::int64_t ldx_ = 0, nvectors_ = 0;
  std::vector<Work> work_;
};

}  // namespace

std::unique_ptr<Engine> Engine::open(const Document& document, int nthreads) {
  ModelSpec spec = ModelSpec::read(document);
  const int threads = number_of_threads(nthreads);
  if (spec.is_single()) return std::make_unique<ModelEngine<float>>(std::move(spec), threads);
  return std::make_unique<ModelEngine<double>>(std::move(spec), threads);
}

}  // namespace deepmd::engine
