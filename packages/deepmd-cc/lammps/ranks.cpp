// SPDX-License-Identifier: LGPL-3.0-or-later
#include "ranks.hpp"

#include <mpi.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "comm.h"
#include "error.h"
#include "lammps.h"
#include "universe.h"

namespace deepmd_lammps {
namespace {

// GPUs that this process may use; the drivers' files say it without a runtime.
int number_of_gpus() {
  if (const char* visible = std::getenv("CUDA_VISIBLE_DEVICES")) {
    const std::string list = visible;
    if (list.empty() || list[0] == '-') return 0;
    return static_cast<int>(std::count(list.begin(), list.end(), ',')) + 1;
  }
  int count = 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/dev", ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind("nvidia", 0) == 0 && name.size() > 6 &&
        std::all_of(name.begin() + 6, name.end(), [](unsigned char c) { return std::isdigit(c); }))
      ++count;
  }
  return count;
}

}  // namespace

void end_if_any_failed(LAMMPS_NS::LAMMPS* lmp, const std::string& failure) {
  const int nprocs = lmp->comm->nprocs, me = lmp->comm->me;
  int mine = failure.empty() ? nprocs : me, first = nprocs;
  MPI_Allreduce(&mine, &first, 1, MPI_INT, MPI_MIN, lmp->world);
  if (first == nprocs) return;
  int size = static_cast<int>(failure.size());
  MPI_Bcast(&size, 1, MPI_INT, first, lmp->world);
  std::vector<char> text(failure.begin(), failure.end());
  text.resize(size);
  MPI_Bcast(text.data(), size, MPI_CHAR, first, lmp->world);
  lmp->error->all(FLERR, std::string(text.begin(), text.end()));
}

int gpu_of_rank(LAMMPS_NS::LAMMPS* lmp) {
  const char* device = std::getenv("DEVICE");
  if (device != nullptr && std::string(device) == "cpu") return -1;
  const int ngpus = number_of_gpus();
  if (ngpus == 0) return -1;
  MPI_Comm node;
  int rank = 0, size = 1;
  MPI_Comm_split_type(lmp->world, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
  MPI_Comm_rank(node, &rank);
  MPI_Comm_size(node, &size);
  MPI_Comm_free(&node);
  // partitions of one node follow each other
  return (rank + lmp->universe->iworld * size) % ngpus;
}

}  // namespace deepmd_lammps
