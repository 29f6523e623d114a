// How many CPUs this process may keep busy.
#pragma once

#include <string>

namespace npfuse::runtime {

// The CPUs of the affinity mask, or fewer where a control group (a container's CPU limit) allows less. At least 1.
int available_cpus();

// The CPU limit of this process's control groups, version 1 and 2, rounded up; 0 where there is none.
// `root` is where /proc and /sys are found.
int cgroup_cpu_limit(const std::string& root = "");

}  // namespace npfuse::runtime
