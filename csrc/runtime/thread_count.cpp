#include "runtime/thread_count.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "runtime/cpu_count.h"

namespace npfuse::runtime {

namespace {

constexpr bool is_valid(std::ptrdiff_t n) { return 1 <= n && n <= max_threads; }

[[noreturn]] void reject(const std::string& what, const std::string& value) {
    throw std::invalid_argument(what + " must be an integer from 1 to " + std::to_string(max_threads) + ", got " +
                                value);
}

}  // namespace

void set_num_threads(std::ptrdiff_t n) {
    if (!is_valid(n)) reject("threads", std::to_string(n));
    detail::cpu_count.store(available_cpus(), std::memory_order_relaxed);
    detail::thread_count.store(static_cast<int>(n), std::memory_order_relaxed);
}

int default_num_threads() {
    const char* variable = std::getenv("NPFUSE_NUM_THREADS");
    if (variable == nullptr || *variable == '\0') return std::min(available_cpus(), max_threads);
    const std::string_view text(variable);
    int n = 0;
    const auto [end, error] = std::from_chars(text.begin(), text.end(), n);
    if (error != std::errc() || end != text.end() || !is_valid(n)) {
        reject("the environment variable NPFUSE_NUM_THREADS", "'" + std::string(text) + "'");
    }
    return n;
}

void configure_from_environment() { set_num_threads(default_num_threads()); }

}  // namespace npfuse::runtime
