#include "runtime/launch.h"

#include "runtime/floating_point.h"
#include "runtime/isa.h"
#include "runtime/thread_pool.h"

namespace npfuse::runtime {

namespace {
// Below this many elements a second thread costs more than it saves.
constexpr std::ptrdiff_t elements_per_thread = 32768;
}  // namespace

void run_elementwise(const Elementwise& kernel, Storage storage, char* const* operands, const std::ptrdiff_t* strides,
                     std::ptrdiff_t n) {
    const ElementwiseLoop loop = active_table().elementwise[static_cast<int>(storage)];
    if (n <= elements_per_thread) {
        FloatingPointGuard guard;
        loop(kernel, operands, strides, n);
        return;
    }
    const int count = kernel.inputs + kernel.outputs;
    parallel_for(n, elements_per_thread, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
        FloatingPointGuard guard;
        char* shifted[max_operands];
        for (int i = 0; i < count; ++i) shifted[i] = operands[i] + begin * strides[i];
        loop(kernel, shifted, strides, end - begin);
    });
}

}  // namespace npfuse::runtime
