// SPDX-License-Identifier: LGPL-3.0-or-later
// A model's file cut and changed at some hundred places: opened, and run where it opens. The result
// is numbers or an error of one line, never a crash; a damaged file that runs is one whose numbers
// changed.
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "frames.hpp"

namespace {

namespace fs = std::filesystem;

std::string damaged(std::string content, std::mt19937& random) {
  const auto below = [&](std::size_t n) { return random() % n; };
  const std::size_t kind = below(4), place = below(content.size());
  if (kind == 0) return content.substr(0, place);
  if (kind == 1) {  // another number in the text
    const std::size_t digit =
        std::min(content.find_first_of("0123456789", place), content.size() - 1);
    content[digit] = static_cast<char>('0' + below(10));
    return content;
  }
  // most of what is read with care stands at the beginning, in heaps and headers
  const std::size_t reach =
      below(2) == 0 ? std::min<std::size_t>(content.size(), 4096) : content.size();
  for (std::size_t k = 0, n = 1 + below(4); k < n; ++k)
    content[below(reach)] = static_cast<char>(below(256));
  return content;
}

void try_file(const fs::path& path) {
  Model model(path.string());
  std::string error = model.error();
  if (model.is_open()) {
    // what the record says may be anything now
    Atoms atoms = Atoms::lattice(2, 1);
    atoms.fparam.assign(16, 0.1), atoms.aparam.assign(16 * atoms.type.size(), 0.1);
    const bool fits = model.number("dim_fparam") <= 16 && model.number("dim_aparam") <= 16;
    if (fits && model.compute(atoms).empty()) error = model.error();
  }
  CHECK(model.is_open() || !error.empty());
  CHECK(error.find('\n') == std::string::npos);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const fs::path path = argv[1];
  const int ntries = std::stoi(argv[2]);
  std::ifstream file(path, std::ios::binary);
  std::string content((std::istreambuf_iterator<char>(file)), {});
  // all readers are to be reached, so that the digest of the file is hidden
  if (const auto mark = content.find("deepmd-crc32:"); mark != content.npos) content[mark] = 'D';
  const fs::path copy = fs::temp_directory_path() /
                        ("damaged-" + std::to_string(getpid()) + path.extension().string());
  std::mt19937 random(1);
  for (int k = 0; k < ntries; ++k) {
    std::ofstream(copy, std::ios::binary) << damaged(content, random);
    try_file(copy);
  }
  fs::remove(copy);
  return close_checks();
}
