// SPDX-License-Identifier: LGPL-3.0-or-later
#include "plugins.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "deepmd/own_symbols.hpp"

namespace deepmd {
namespace {

namespace fs = std::filesystem;

const std::string prefix = "libdeepmd_backend_";

// The package that brings the plug-in for an ending, and its name: what to say where it is missing.
// Those that our own wheels bring are not loaded for other endings, since each brings its
// framework; a plug-in that is not here says itself what it reads.
const std::map<std::string, std::string> ours = {
    {".safetensors", "dp"}, {".dp", "dp"},   {".yaml", "dp"},
    {".yml", "dp"},         {".pth", "pt"},  {".pb", "tf"},
    {".savedmodel", "tf"},  {".json", "pd"}, {".pdiparams", "pd"},
};

std::string name_of(const fs::path& file) {
  const std::string stem = file.stem().string();
  return stem.rfind(prefix, 0) == 0 && file.extension() == ".so" ? stem.substr(prefix.size()) : "";
}

fs::path own_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&plugin_for), &info) == 0 || info.dli_fname == nullptr)
    return {};
  std::error_code ignored;
  return fs::weakly_canonical(info.dli_fname, ignored).parent_path();
}

void add_candidates(const fs::path& folder, std::vector<PluginFile>& found) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = name_of(entry.path());
    const auto same = [&](const PluginFile& each) { return each.name == name; };
    if (!name.empty() && std::none_of(found.begin(), found.end(), same))
      found.push_back({name, entry.path()});
  }
}

// A shared library that is a plug-in of this version.
const deepmd_plugin* load(const fs::path& file) {
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | own_symbols());
  if (library == nullptr) throw std::runtime_error(dlerror());
  using Entry = const deepmd_plugin* (*)();
  const auto entry = reinterpret_cast<Entry>(dlsym(library, "deepmd_backend_plugin"));
  if (entry == nullptr) throw std::runtime_error(file.string() + " is no plug-in of deepmd-cc");
  const deepmd_plugin* plugin = entry();
  const char* reason = plugin == nullptr ? dlerror() : nullptr;
  if (plugin == nullptr) throw std::runtime_error(reason ? reason : file.string() + " can't work");
  if (plugin->abi != DEEPMD_PLUGIN_ABI)
    throw std::runtime_error(file.string() + " was built for version " +
                             std::to_string(plugin->abi) + " of the plug-in interface, this is " +
                             std::to_string(DEEPMD_PLUGIN_ABI) + "; install matching releases");
  return plugin;
}

bool reads(const deepmd_plugin& plugin, const std::string& suffix) {
  return !suffix.empty() &&
         (" " + std::string(plugin.suffixes) + " ").find(" " + suffix + " ") != std::string::npos;
}

bool is_ours(const std::string& name) {
  return std::any_of(ours.begin(), ours.end(),
                     [&](const auto& each) { return each.second == name; });
}

}  // namespace

std::vector<PluginFile> find_plugins() {
  std::vector<PluginFile> found;
  if (const char* path = std::getenv("DEEPMD_PLUGIN_PATH")) {
    std::stringstream folders(path);
    for (std::string folder; std::getline(folders, folder, ':');) add_candidates(folder, found);
  }
  const fs::path own = own_folder();
  add_candidates(own, found);
  // .../site-packages/deepmd_cc/lib
  const fs::path site_packages = own.parent_path().parent_path();
  std::vector<fs::path> siblings;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(site_packages, ignored))
    if (entry.path().filename().string().rfind("deepmd_", 0) == 0)
      siblings.push_back(entry.path() / "lib");
  std::sort(siblings.begin(), siblings.end());
  for (const fs::path& folder : siblings) add_candidates(folder, found);
  return found;
}

const deepmd_plugin& load_plugin(const fs::path& file) {
  static std::mutex mutex;
  static std::map<fs::path, const deepmd_plugin*> loaded;
  const std::lock_guard<std::mutex> lock(mutex);
  auto& plugin = loaded[file];
  if (plugin == nullptr) plugin = load(file);
  return *plugin;
}

const deepmd_plugin& plugin_for(const std::string& path) {
  const std::string suffix = fs::path(path).extension().string();
  const auto found = ours.find(suffix);
  const std::string name = found == ours.end() ? "" : found->second;
  const std::string install = "`pip install deepmd-" + name + "`.";
  std::vector<PluginFile> candidates = find_plugins();
  std::stable_partition(candidates.begin(), candidates.end(),
                        [&](const PluginFile& each) { return each.name == name; });
  std::string broken;
  for (const PluginFile& candidate : candidates) {
    if (is_ours(candidate.name) && candidate.name != name) continue;
    try {
      const deepmd_plugin& plugin = load_plugin(candidate.file);
      if (candidate.name == name || reads(plugin, suffix)) return plugin;
    } catch (const std::runtime_error& error) {
      if (candidate.name == name)
        throw std::runtime_error(
            path + ": the plug-in deepmd-" + name + " does not load: " + error.what() +
            ". Install the framework that deepmd-" + name + " asks for: " + install);
      broken += std::string(" (") + error.what() + ")";
    }
  }
  if (!name.empty())
    throw std::runtime_error(path + ": files " + suffix + " need the package deepmd-" + name +
                             ", which is not installed: " + install);
  throw std::runtime_error(path + ": no plug-in reads files " +
                           (suffix.empty() ? "without an ending" : suffix) + broken +
                           "; convert the model with `dp convert-backend`.");
}

}  // namespace deepmd
