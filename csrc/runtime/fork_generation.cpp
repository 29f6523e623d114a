#include "runtime/fork_generation.h"

#include <pthread.h>

#include <atomic>
#include <new>

namespace npfuse::runtime {

namespace {

std::atomic<unsigned> generation{1};

void watch_forks() {
    if (pthread_atfork(nullptr, nullptr, [] { generation.fetch_add(1, std::memory_order_relaxed); }) != 0)
        throw std::bad_alloc();
}

}  // namespace

unsigned fork_generation() {
    static const bool watching = (watch_forks(), true);
    static_cast<void>(watching);
    return generation.load(std::memory_order_relaxed);
}

}  // namespace npfuse::runtime
