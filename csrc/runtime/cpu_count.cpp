#include "runtime/cpu_count.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <thread>

#if defined(__linux__)
#include <sched.h>

#include <memory>
#endif

namespace npfuse::runtime {

namespace {

constexpr double unlimited = 1e9;

double limit_of(double quota, double period) { return quota > 0 && period > 0 ? quota / period : unlimited; }

// Version 2 keeps both numbers in one file: "150000 100000", or "max 100000" without a limit.
double limit_v2(const std::string& directory) {
    double quota = 0, period = 0;
    std::ifstream(directory + "/cpu.max") >> quota >> period;
    return limit_of(quota, period);
}

// Version 1 has a file for each; a quota of -1 is no limit.
double limit_v1(const std::string& directory) {
    double quota = 0, period = 0;
    std::ifstream(directory + "/cpu.cfs_quota_us") >> quota;
    std::ifstream(directory + "/cpu.cfs_period_us") >> period;
    return limit_of(quota, period);
}

// The tightest limit of a group and the groups around it. Inside a container the path may be the host's, of which only
// the mount point itself exists; the levels that don't exist have no limit.
template <class Limit>
double tightest(Limit limit, const std::string& mount, std::string path) {
    double least = limit(mount);
    while (path.size() > 1) {
        least = std::min(least, limit(mount + path));
        path.resize(path.rfind('/'));
    }
    return least;
}

bool lists_cpu(const std::string& controllers) {
    std::istringstream list(controllers);
    for (std::string name; std::getline(list, name, ',');) {
        if (name == "cpu") return true;
    }
    return false;
}

int affinity_count() {
#if defined(__linux__)
    // The kernel refuses a mask with fewer bits than it has CPUs, without saying how many those are.
    for (int bits = CPU_SETSIZE; bits <= 1 << 20; bits *= 2) {
        const std::size_t size = CPU_ALLOC_SIZE(bits);
        const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> mask(CPU_ALLOC(bits), [](cpu_set_t* m) { CPU_FREE(m); });
        if (mask && sched_getaffinity(0, size, mask.get()) == 0) return CPU_COUNT_S(size, mask.get());
    }
#endif
    return static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

int cgroup_cpu_limit(const std::string& root) {
    double least = unlimited;
    // Each line of the file is "hierarchy:controllers:path"; version 2 is "0::path".
    std::ifstream groups(root + "/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        std::istringstream fields(line);
        std::string hierarchy, controllers, path;
        std::getline(fields, hierarchy, ':');
        std::getline(fields, controllers, ':');
        std::getline(fields, path);
        if (controllers.empty()) {
            least = std::min(least, tightest(limit_v2, root + "/sys/fs/cgroup", path));
        } else if (lists_cpu(controllers)) {
            least = std::min(least, tightest(limit_v1, root + "/sys/fs/cgroup/cpu", path));
        }
    }
    return least < unlimited ? static_cast<int>(std::ceil(least)) : 0;
}

int available_cpus() {
    const int count = std::max(1, affinity_count());
    const int limit = cgroup_cpu_limit();
    return limit > 0 ? std::min(count, limit) : count;
}

}  // namespace npfuse::runtime
