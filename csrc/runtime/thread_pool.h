// Splits a range of work over threads.
//
// Who computes which part is decided as it happens, so no result may depend on it.
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>

#include "runtime/thread_count.h"

namespace npfuse::runtime {

namespace detail {

using Body = void (*)(void* context, std::ptrdiff_t begin, std::ptrdiff_t end);

void split_over_threads(std::ptrdiff_t n, std::ptrdiff_t grain, Body body, void* context) noexcept;

}  // namespace detail

// Calls body(begin, end) for ranges that together cover [0, n) once, on up to useful_threads() threads of which the
// calling one is one. Ranges begin at multiples of `grain` (at least 1), the least work that is worth a thread's while;
// up to that much runs inline, on the calling thread, and so does a call made from inside a body or while another
// thread's call is using the pool. The body must not throw.
template <class F>
void parallel_for(std::ptrdiff_t n, std::ptrdiff_t grain, F&& body) {
    if (n <= grain || useful_threads() == 1) {
        if (n > 0) body(std::ptrdiff_t{0}, n);
        return;
    }
    using Callable = std::remove_reference_t<F>;
    const detail::Body call = [](void* context, std::ptrdiff_t begin, std::ptrdiff_t end) {
        (*static_cast<Callable*>(context))(begin, end);
    };
    detail::split_over_threads(n, grain, call, const_cast<void*>(static_cast<const void*>(std::addressof(body))));
}

}  // namespace npfuse::runtime
