// How many threads a kernel may use: the setting, and where it starts from.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>

namespace npfuse::runtime {

inline constexpr int max_threads = 1024;

namespace detail {
inline std::atomic<int> thread_count{1}, cpu_count{1};
}

// The number of threads, the calling one included.
inline int num_threads() { return detail::thread_count.load(std::memory_order_relaxed); }

// The CPUs that this process may use, counted when the number of threads was last set.
inline int cpus() { return detail::cpu_count.load(std::memory_order_relaxed); }

// How many threads bring something: no more than there are CPUs.
inline int useful_threads() { return std::min(num_threads(), cpus()); }

// Throws std::invalid_argument unless 1 <= n <= max_threads.
void set_num_threads(std::ptrdiff_t n);

// NPFUSE_NUM_THREADS where it is set, otherwise the CPUs this process may use. Throws std::invalid_argument where
// NPFUSE_NUM_THREADS is not an integer from 1 to max_threads.
int default_num_threads();

// Starts from the default; called once, when the module is imported.
void configure_from_environment();

}  // namespace npfuse::runtime
